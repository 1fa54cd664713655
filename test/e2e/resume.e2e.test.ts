/** Stopped, killed and cut off from its log: it goes on, or dumps again, with nothing lost or repeated (SPEC §2.1, §4, §8). */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startWatcher } from '../../tools/testenv/watcher.ts';
import { createDatabase } from '../support/database.ts';
import { postgres, postgresMajors } from '../support/servers.ts';
import { type SyncJson, startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const setup = `
CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item SELECT n, 'v' FROM generate_series(1, 200) n;
CREATE TABLE note (id int PRIMARY KEY, v text); INSERT INTO note SELECT n, 'n' FROM generate_series(1, 50) n`;

/** Inserts, updates, deletes and changes of key in both tables. */
const churn = `
INSERT INTO item SELECT n, 'new' FROM generate_series(301, 320) n; UPDATE item SET v = v || '+' WHERE id % 7 = 0;
DELETE FROM item WHERE id % 11 = 0; UPDATE item SET id = id + 1000 WHERE id % 13 = 0; UPDATE note SET v = 'changed' WHERE id < 5`;

async function agree(sync: TestSync): Promise<void> {
  await sync.agrees('item', 40_000);
  await sync.agrees('note', 40_000);
}

/** Whether a message of the process of now says so. */
function logged(sync: TestSync, text: RegExp): boolean {
  return sync.watcher.log.some((line) => text.test(JSON.stringify(line)));
}

/** Runs `work`; readers see only what changed: every key that stays is there throughout, and unchanged ones are not put again. */
async function withReader(sync: TestSync, work: () => Promise<void>): Promise<void> {
  const { gateway, rows } = sync.prefix;
  const before = await gateway.values(rows);
  await using watch = await gateway.watchPrefix(rows);
  await work();
  const now = await gateway.values(rows);
  await watch.reached((await gateway.put(`${rows}end`, '')) as bigint);
  await gateway.deletePrefix(`${rows}end`);
  const events = watch.events.filter(({ key }) => !key.endsWith('end'));
  const deleted = events.filter(({ type, key }) => type === 'delete' && now.has(key));
  expect(deleted.map(({ key }) => key)).toEqual([]);
  const same = events.filter(
    ({ type, key, value }) => type === 'put' && before.get(key) === value && now.get(key) === value,
  );
  expect(same.map(({ key }) => key)).toEqual([]);
}

describe.each(postgresMajors)('PostgreSQL %i', (major) => {
  const start = () => startSync({ server: postgres(major), setup });

  test('stopped and started: what happened meanwhile follows, and nothing is put again', async () => {
    await using sync = await start();
    await sync.caughtUp();
    await withReader(sync, async () => {
      await sync.watcher.stop();
      await sync.sql(churn);
      await sync.restart();
      await agree(sync);
    });
    expect(logged(sync, /the dump begins/)).toBe(false);
    const { dump, counters } = await sync.status();
    expect(dump).toMatchObject({ state: 'done', percent: 100 });
    expect(counters).toMatchObject({ inserts: 20, truncates: 0 });
  });

  test('killed in mid-stream, several times', async () => {
    await using sync = await start();
    for (let round = 1; round <= 3; round += 1) {
      await sync.sql(
        `INSERT INTO item SELECT n, 'r' FROM generate_series(${round * 10_000}, ${round * 10_000 + 999}) n`,
      );
      await sync.kill();
      await sync.sql(
        `UPDATE item SET v = 'while dead ${round}' WHERE id % 3 = ${round % 3}; DELETE FROM item WHERE id % 50 = ${round}`,
      );
      await sync.restart();
    }
    await agree(sync);
    expect(logged(sync, /the dump begins/)).toBe(false);
  });

  test('killed in the dump, several times', async () => {
    await using sync = await startSync({
      server: postgres(major),
      setup: `${setup}; INSERT INTO item SELECT n, repeat('x', 100) FROM generate_series(1001, 40000) n`,
      asItIs: true,
    });
    for (let round = 1; round <= 3; round += 1) {
      await sync.until('some rows are there', ({ counters }) => (counters.puts ?? 0) > 3_000);
      await sync.kill();
      await sync.sql(
        `DELETE FROM item WHERE id % 5 = ${round}; UPDATE item SET v = 'round ${round}' WHERE id % 7 = ${round}; INSERT INTO item VALUES (${-round}, 'n')`,
      );
      await sync.restart(undefined, { asItIs: true });
    }
    await agree(sync);
    await sync.caughtUp();
    expect((await sync.status()).dump.state).toBe('done');
  });

  const gaps = {
    'the slot is dropped': {
      sql: (name: string) => `SELECT pg_drop_replication_slot('s_${name}')`,
      cause: /slot is gone/,
    },
    'a foreign reader has advanced the slot': {
      sql: (name: string) =>
        `SELECT pg_replication_slot_advance('s_${name}', pg_current_wal_lsn())`,
      cause: /slot .*beyond the checkpoint/,
    },
    'the publication is made anew': {
      sql: (name: string) => `DROP PUBLICATION p_${name}; CREATE PUBLICATION p_${name}`,
      cause: /publication is not the one/,
    },
    'the publication is dropped': {
      sql: (name: string) => `DROP PUBLICATION p_${name}`,
      cause: /publication is not the one/,
    },
  };

  test.each(Object.entries(gaps))('%s while it is stopped: it dumps again', async (_, gap) => {
    await using sync = await start();
    await agree(sync);
    await withReader(sync, async () => {
      await sync.watcher.stop();
      await sync.sql(churn);
      for (const part of gap.sql(sync.database.name).split('; ')) await sync.sql(part);
      await sync.sql(`INSERT INTO item VALUES (5000, 'after'); DELETE FROM item WHERE id = 1`);
      await sync.restart();
      await agree(sync);
      await sync.sql(`INSERT INTO note VALUES (5000, 'streamed')`);
      await agree(sync);
    });
    expect(logged(sync, gap.cause)).toBe(true);
  });

  test.each(Object.entries(gaps))('%s while it runs: it dumps again', async (what, gap) => {
    await using sync = await start();
    await agree(sync);
    await sync.sql(churn);
    const { name } = sync.database;
    const slot = /slot/.test(what);
    for (const part of gap.sql(name).split('; ')) {
      await until(
        async () => {
          const end = `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 's_${name}' AND active`;
          if (slot) await sync.sql(end);
          return sync.sql(part).then(
            () => true,
            (error) => {
              if (error.code !== '55006') throw error;
              return false;
            },
          );
        },
        { what: part },
      );
    }
    await sync.sql(`INSERT INTO item VALUES (5000, 'after'); DELETE FROM item WHERE id = 1`);
    await agree(sync);
    await sync.sql(`INSERT INTO note VALUES (5001, 'streamed')`);
    await agree(sync);
    await sync.until(
      'it is well',
      ({ last_error, state }) => last_error === null && state === 'streaming',
    );
  });
});

describe('another configuration over a restart', () => {
  test('tables, columns, template and numbers', async () => {
    await using sync = await startSync({
      setup: `${setup}; CREATE TABLE sum (id int PRIMARY KEY, n int8, d numeric, secret text); INSERT INTO sum VALUES (1, 9007199254740993, 1.50, 's')`,
    });
    await agree(sync);
    await sync.agrees('sum');
    const { rows, gateway } = sync.prefix;

    await sync.restart({
      tables: { exclude: ['public.note'] },
      columns: { exclude: ['public.sum.secret'] },
    });
    await sync.agrees({ table: 'sum', columns: 't.id, t.n, t.d' });
    await until(async () => (await sync.keys('note')).size === 0, {
      what: 'the keys of note are gone',
    });
    await sync.sql(churn);
    await sync.agrees('item');

    await sync.restart({ tables: { exclude: [] }, values: { numbers: 'string' } });
    await agree(sync);
    await sync.agrees({ table: 'sum', columns: 't.id, t.n::text, t.d::text' });
    await sync.sql(`INSERT INTO sum VALUES (2, -1, 'NaN', '')`);
    await sync.agrees({ table: 'sum', columns: 't.id, t.n::text, t.d::text' });

    await sync.restart({
      keys: { template: `${rows}v2/{database}/{table}/{schema}/{key}` },
      columns: { exclude: [] },
      values: { numbers: 'number' },
    });
    const base = (table: string) => ({
      table,
      base: `${rows}v2/${sync.database.name}/${table}/public/`,
    });
    for (const table of ['item', 'note', 'sum']) await sync.agrees(base(table));
    await until(
      async () =>
        [...(await gateway.values(rows)).keys()].every((key) => key.startsWith(`${rows}v2/`)),
      {
        what: 'the keys of the older template are gone',
      },
    );
    await sync.sql(`DELETE FROM item WHERE id < 100; UPDATE note SET v = 'v2'`);
    await sync.agrees(base('item'));
    await sync.agrees(base('note'));
  });

  test('another slot and another publication', async () => {
    await using sync = await startSync({ setup });
    await agree(sync);
    await sync.watcher.stop();
    await sync.sql(churn);
    const { name } = sync.database;
    await sync.restart({ postgres: { slot: `t_${name}`, publication: `q_${name}` } });
    await agree(sync);
  });

  test('another database at the same address, then the first one again', async () => {
    await using sync = await startSync({ setup });
    await using other = await createDatabase(postgres(18));
    await other.query(
      `CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item VALUES (1, 'other')`,
    );
    await sync.restart({ database: { name: other.name }, postgres: { slot: `s_${other.name}` } });
    await until(async () => (await sync.prefix.gateway.values(sync.prefix.rows)).size === 1, {
      what: 'its rows alone are there',
    });
    await sync.sql(churn);
    await sync.restart({
      database: { name: sync.database.name },
      postgres: { slot: `s_${sync.database.name}` },
    });
    await agree(sync);
    await sync.kill();
  });
});

describe('keys that are not its own', () => {
  test('prefix_not_empty, then keys.adopt', async () => {
    await using sync = await startSync({ setup, asItIs: true, config: { autostart: false } });
    const { rows, gateway } = sync.prefix;
    const foreign = [`${rows}public/item/1`, `${rows}public/item/4711`, `${rows}elsewhere`];
    for (const key of foreign) await gateway.put(key, 'foreign');
    await sync.order('start');
    const { last_error } = await sync.until('it fails', ({ state }) => state === 'failed');
    expect(last_error).toMatchObject({
      code: 'prefix_not_empty',
      message: expect.stringContaining('3 other keys'),
      remedy: expect.stringContaining('keys.adopt: true'),
    });
    for (const key of foreign) expect((await gateway.get(key))?.value).toBe('foreign');
    await sync.restart({ keys: { adopt: true } });
    await agree(sync);
    expect((await gateway.values(rows)).size).toBe(250);
    // From then on the prefix is Watcher's; adopt is not needed any more.
    await sync.restart({ keys: { adopt: false } });
    await agree(sync);
  });
});

describe('two instances with one configuration', () => {
  test('the second stands by, answers for its leader, and takes over when that one is killed', async () => {
    await using sync = await startSync({ setup });
    await agree(sync);
    const leader = sync.watcher;
    const dir = await mkdtemp(join(tmpdir(), 'watcher-second-'));
    try {
      const config = await readFile(leader.configFile, 'utf8');
      await using second = await startWatcher({ config, dir });
      const status = async () => (await second.get('/v1/syncs/shop')) as SyncJson;
      await until(async () => (await status()).state === 'standby', {
        what: 'it stands by',
        failure: second.failure,
      });
      await until(async () => (await status()).position !== null, {
        what: 'it shows the position of its leader',
      });
      await sync.sql(churn);
      await sync.agrees('item');
      await leader.kill();
      await sync.sql(`UPDATE item SET v = 'nobody leads'`);
      await until(async () => (await status()).state === 'streaming', {
        what: 'it leads',
        failure: second.failure,
      });
      await sync.sql(`INSERT INTO note VALUES (900, 'by the second')`);
      const { gateway, rows } = sync.prefix;
      await until(async () => (await gateway.get(`${rows}public/note/900`)) !== undefined, {
        what: 'its row',
      });
      const values = [...(await sync.keys('item')).values()].map(
        (text) => (JSON.parse(text) as { v: string }).v,
      );
      expect(new Set(values)).toEqual(new Set(['nobody leads']));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
