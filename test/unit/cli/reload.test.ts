import { expect, test } from 'vitest';
import { reload } from '../../../src/cli/reload.ts';
import { refuse, stubApi, surroundings } from './stub-api.ts';

const report = {
  dry_run: true,
  added: ['orders'],
  removed: ['old'],
  changed: ['inventory'],
  unchanged: ['a', 'b'],
  restart_required: ['api.port'],
  effects: [
    {
      name: 'inventory',
      changes: ['tables.exclude', 'database.password'],
      tables_removed: ['public.audit'],
      tables_dumped: [],
      keys_deleted: 1200,
    },
  ],
  leftovers: [
    {
      name: 'old',
      keys: ['/old/'],
      state: '/watcher/syncs/old/',
      publication: 'p',
      slot: 's',
      sql: ["SELECT pg_drop_replication_slot('s');"],
      etcdctl: ["etcdctl del --prefix '/old/'"],
      remedy: 'Its slot goes on retaining log.',
    },
  ],
};

test('a dry run: what would be done, what stays behind, what needs a restart', async () => {
  await using api = await stubApi(() => report);
  const around = surroundings();
  expect(await reload({ url: api.url, dryRun: true }, around)).toBe(0);
  expect(api.asked.map(({ method, url }) => [method, url])).toEqual([
    ['POST', '/v1/config/reload?dry_run=true'],
  ]);
  expect(around.printed.out).toBe(`would be added: orders
would be removed: old
would be changed: inventory
unchanged: 2

inventory
  differs: tables.exclude, database.password
  tables that leave: public.audit
  keys deleted: at most 1,200

left behind by old
  Its slot goes on retaining log.
    SELECT pg_drop_replication_slot('s');
    etcdctl del --prefix '/old/'

needs a restart of Watcher: api.port

A dry run: nothing was changed.
`);
});

test('a reload that finds nothing new; --json', async () => {
  const nothing = {
    ...report,
    dry_run: false,
    added: [],
    removed: [],
    changed: [],
    restart_required: [],
    effects: [],
    leftovers: [],
  };
  await using api = await stubApi(() => nothing);
  const around = surroundings();
  await reload({ url: api.url }, around);
  expect(api.asked[0]?.url).toBe('/v1/config/reload');
  expect(around.printed.out).toBe('No sync differs.\nunchanged: 2\n');
  const json = surroundings();
  await reload({ url: api.url, json: true }, json);
  expect(JSON.parse(json.printed.out)).toEqual(nothing);
});

test('an invalid file: exit code 2, every violation with its line', async () => {
  await using api = await stubApi((_asked, response) =>
    refuse(response, 'config_invalid', {
      detail: 'line 3: syncs.a.tabels: unknown key; etcd: is missing',
      violations: [
        { path: 'syncs.a.tabels', line: 3, message: 'unknown key' },
        { path: 'etcd', line: null, message: 'is missing' },
      ],
    }),
  );
  await expect(reload({ url: api.url }, surroundings())).rejects.toMatchObject({
    message:
      'The configuration is not valid\n  line 3: syncs.a.tabels: unknown key\n  etcd: is missing',
    exitCode: 2,
    code: 'config_invalid',
  });
});
