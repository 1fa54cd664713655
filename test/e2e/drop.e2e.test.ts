/** DELETE of a real sync: nothing is left at the database and in etcd, and it starts again as new. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { type SyncJson, startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const setup = `
CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item SELECT n, 'v' FROM generate_series(1, 25000) n;
CREATE TABLE note (id int PRIMARY KEY); INSERT INTO note VALUES (1); ANALYZE`;

const all = 'drop=slot,publication,keys,state';

async function drop({ url }: WatcherProcess, query: string) {
  const response = await fetch(`${url}/v1/syncs/shop?${query}`, { method: 'DELETE' });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const leftAtSource = (sync: TestSync) =>
  sync.sql(`SELECT slot_name::text AS name FROM pg_replication_slots WHERE database = current_database()
    UNION ALL SELECT pubname::text FROM pg_publication`);

test('a stopped sync is dropped whole, and begins anew when it is started', async () => {
  await using sync = await startSync({ setup });
  const { prefix, database } = sync;
  expect(await drop(sync.watcher, all)).toMatchObject({
    status: 409,
    body: { code: 'sync_not_stopped' },
  });
  await sync.order('stop');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');

  const state = ['checkpoint', 'tables'].map((key) => `${prefix.state}/syncs/shop/${key}`);
  const report = {
    name: 'shop',
    slot: `s_${database.name}`,
    publication: `p_${database.name}`,
    keys: [
      { prefix: `${prefix.rows}public/item/`, count: 25_000 },
      { prefix: `${prefix.rows}public/note/`, count: 1 },
    ],
    state,
    kept: [],
  };
  expect(await drop(sync.watcher, `${all}&dry_run=true`)).toEqual({
    status: 200,
    body: { ...report, dry_run: true },
  });
  expect((await prefix.gateway.list(prefix.rows)).size).toBe(25_001);
  expect(await leftAtSource(sync)).toHaveLength(2);

  expect(await drop(sync.watcher, all)).toEqual({
    status: 200,
    body: { ...report, dry_run: false },
  });
  expect((await prefix.gateway.list(prefix.rows)).size).toBe(0);
  expect([...(await prefix.gateway.values(`${prefix.state}/syncs/`))]).toEqual([
    [`${prefix.state}/syncs/shop/desired`, 'stopped'],
  ]);
  expect(await leftAtSource(sync)).toEqual([]);

  // `desired` outlives it.
  await sync.restart(undefined, { asItIs: true });
  const known = await sync.until('the order is known', ({ desired }) => desired === 'stopped');
  expect(known.position).toBeNull();
  await sync.until('it is stopped', ({ state: now }) => now === 'stopped');
  expect([...(await prefix.gateway.values(prefix.rows))]).toEqual([]);
  await sync.order('start');
  await sync.until('it streams', ({ state: now }) => now === 'streaming');
  await sync.sql(`INSERT INTO note VALUES (2)`);
  await sync.caughtUp();
  await sync.agrees('item');
  await sync.agrees('note');
  expect((await sync.status()).last_error).toBeNull();
});

test('killed while it drops, the next start is exact', async () => {
  await using sync = await startSync({ setup });
  const { prefix } = sync;
  await sync.order('stop');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  await using watch = await prefix.gateway.watchPrefix(prefix.rows);
  const dropping = drop(sync.watcher, 'drop=keys').catch(() => null);
  // The first page is gone.
  await watch.reached(watch.startRevision + 1n);
  await sync.kill();
  await dropping;
  await sync.restart(undefined, { asItIs: true });
  await sync.order('start');
  await sync.until('it streams', ({ state }) => state === 'streaming');
  await sync.sql(`INSERT INTO note VALUES (2)`);
  await sync.caughtUp();
  await sync.agrees('item');
  await sync.agrees('note');
});

test('while another instance leads it is refused', async () => {
  await using sync = await startSync({ setup });
  const dir = await mkdtemp(join(tmpdir(), 'watcher-second-'));
  try {
    const config = JSON.parse(await readFile(sync.watcher.configFile, 'utf8'));
    // Nobody has ever started or stopped it by the API: each instance does as its own file says.
    config.syncs.shop.autostart = false;
    await using second = await startWatcher({ config: JSON.stringify(config), dir });
    await until(
      async () => ((await second.get('/v1/syncs/shop')) as SyncJson).state === 'stopped',
      {
        what: 'it is stopped',
      },
    );
    expect(await drop(second, all)).toMatchObject({
      status: 409,
      body: { code: 'sync_not_stopped', detail: expect.stringMatching(/^The instance .* leads/) },
    });
    await sync.sql('INSERT INTO note VALUES (2)');
    await sync.caughtUp();
    await sync.agrees('note');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
