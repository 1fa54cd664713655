import { expect, test } from 'vitest';
import { type SyncJson, syncExample } from '../../../src/api/schemas/sync.ts';
import { status } from '../../../src/cli/status.ts';
import { refuse, stubApi, surroundings, tagged } from './stub-api.ts';

const failing: SyncJson = {
  ...syncExample,
  name: 'orders-of-all-shops',
  state: 'backing_off',
  position: { gtid: null, file: 'binlog.000002', offset: 1234 },
  lag: { bytes: null, seconds: 3725 },
  retained_log_bytes: 3 * 1024 ** 3,
  warnings: [],
  last_error: {
    code: 'source_unavailable',
    message: 'The database cannot be reached',
    remedy: 'First line\nSecond line',
    at: '2026-01-31T10:05:12.345Z',
    retry_at: '2026-01-31T10:05:14.345Z',
  },
};

const dumping: SyncJson = {
  ...syncExample,
  name: 'stock',
  state: 'dumping',
  position: null,
  instance: null,
  lag: { bytes: null, seconds: null },
  warnings: [],
  dump: {
    state: 'running',
    started_at: '2026-01-31T09:59:58.120Z',
    finished_at: null,
    percent: 45.9,
    eta_seconds: 75,
    tables: [
      { table: 'public.a', state: 'done', rows: 1200, rows_estimated: 1195 },
      { table: 'public.b', state: 'running', rows: 500, rows_estimated: 1000 },
      { table: 'public.c', state: 'running', rows: 500, rows_estimated: 400 },
      { table: 'public.d', state: 'pending', rows: 0, rows_estimated: null },
    ],
  },
};

async function print(syncs: readonly SyncJson[], changes = {}, more = {}) {
  await using api = await stubApi(() => ({ syncs }));
  const around = surroundings(changes);
  expect(await status({ name: null, url: api.url, ...more }, around)).toBe(0);
  return around.printed.out;
}

test('a table: a row each, what is wrong below it with its remedy', async () => {
  const text = await print([syncExample, failing, dumping]);
  expect(text).toBe(
    `NAME                 STATE              LAG  BEHIND  DUMP                   LOG KEPT  POSITION            INSTANCE  NOTE
inventory            streaming          0 s     0 B  done                    1.0 KiB  0/16B3748           node-1    1 warning
orders-of-all-shops  backing_off  1 h 2 min       -  done                    3.0 GiB  binlog.000002:1234  node-1    source_unavailable
stock                dumping              -       -  45 %, 1 min 15 s left   1.0 KiB  -                   -

orders-of-all-shops: source_unavailable: The database cannot be reached (next attempt: 2026-01-31T10:05:14.345Z)
  First line
  Second line
`,
  );
});

test('a narrow terminal: columns are left out, name, state, lag and note stay', async () => {
  const wide = await print([syncExample], { size: () => ({ columns: 200, rows: 9 }) });
  expect(wide).toMatch(/POSITION.*INSTANCE.*NOTE/);
  for (const columns of [80, 60, 40]) {
    const text = await print([syncExample], { size: () => ({ columns, rows: 9 }) });
    const lines = text.trimEnd().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(text).toMatch(/^NAME +STATE +LAG.* NOTE\n/);
  }
  const tiny = await print([syncExample], { size: () => ({ columns: 10, rows: 9 }) });
  expect(tiny).toMatch(/^NAME +STATE +LAG +NOTE\n/);
});

test('colours stand around the text, not around the space', async () => {
  const out = await print([syncExample, failing], { style: tagged });
  expect(out).toContain('<green>streaming</green>    ');
  expect(out).toContain('<yellow>backing_off</yellow>  ');
  expect(out).toContain('<red>source_unavailable</red>\n');
});

test('no sync', async () => {
  expect(await print([])).toBe('No sync is configured.\n');
});

test('--json prints what the API said', async () => {
  const out = await print([syncExample], {}, { json: true });
  expect(JSON.parse(out)).toEqual({ syncs: [syncExample] });
});

test('control characters of a server do nothing to the terminal', async () => {
  const evil = { ...failing.last_error, message: 'a\u001b[2Jb', remedy: 'c\u009b2Jd\re' };
  const name = 'e\u001b]0;title\u0007';
  const out = await print([{ ...failing, name, last_error: evil } as SyncJson]);
  expect(out.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
});

async function detail(sync: SyncJson, changes = {}): Promise<string> {
  await using api = await stubApi(() => sync);
  const around = surroundings(changes);
  expect(await status({ name: sync.name, url: api.url }, around)).toBe(0);
  expect(api.asked.map(({ url }) => url)).toEqual([`/v1/syncs/${sync.name}`]);
  return around.printed.out;
}

test('one sync: everything that is known of it', async () => {
  const text = await detail({ ...failing, warnings: syncExample.warnings });
  for (const part of [
    'orders-of-all-shops  backing_off\n',
    /desired +running\n/,
    /position +binlog.000002:1234, the source is at 0\/16B3748\n/,
    /lag +1 h 2 min, -\n/,
    /checkpoint +revision 77 of 2026-01-31T10:05:12.345Z\n/,
    /changes +30 inserts, 11 updates, 2 deletes, 0 truncates in 41 transactions\n/,
    /written +1,241 puts in 38 etcd transactions, 294.4 KiB\n/,
    /warning no_key {2}public.notes: The table has no key\n {2}ALTER TABLE public.notes/,
    /source_unavailable: The database cannot be reached.*\n {2}First line\n {2}Second line\n/,
  ]) {
    expect(text).toMatch(part);
  }
});

test('one sync: a bar for each table that is copied, never full before it is done', async () => {
  const text = await detail(dumping);
  expect(text).toMatch(/dump +45 %, 1 min 15 s left {2}2026-01-31T09:59:58.120Z\n/);
  expect(text).toMatch(/public\.a +done +█{20} +1,200 +1,195\n/);
  expect(text).toMatch(/public\.b +running +█{10}░{10} +500 +1,000\n/);
  expect(text).toMatch(/public\.c +running +█{19}░ +500 +400\n/);
  expect(text).toMatch(/public\.d +pending +0 +-\n/);
  const narrow = await detail(dumping, { size: () => ({ columns: 40, rows: 20 }) });
  expect(narrow).not.toMatch(/[█░]/);
});

test.each([
  ['inventri', 'There are: inventory, orders-of-all-shops. Did you mean inventory?'],
  ['nothing-like-it', 'There are: inventory, orders-of-all-shops.'],
])('an unknown sync %s: the names there are', async (name, remedy) => {
  await using api = await stubApi(({ url }, response) =>
    url === '/v1/syncs' ? { syncs: [syncExample, failing] } : refuse(response, 'unknown_sync'),
  );
  await expect(status({ name, url: api.url }, surroundings())).rejects.toMatchObject({
    message: `There is no sync named ${name}`,
    remedy,
    exitCode: 1,
  });
});

test('a name goes into the path as one part', async () => {
  await using api = await stubApi(({ url }, response) =>
    url === '/v1/syncs' ? { syncs: [] } : refuse(response, 'unknown_sync'),
  );
  await expect(status({ name: '../a?b', url: api.url }, surroundings())).rejects.toMatchObject({
    remedy: 'No sync is configured.',
  });
  expect(api.asked[0]?.url).toBe('/v1/syncs/..%2Fa%3Fb');
});
