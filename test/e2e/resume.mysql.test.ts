/** Stopped, killed and cut off from its log: it goes on, or dumps again, with nothing lost or repeated (SPEC §2.1, §8, §9). */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { follow, logEnd, readerOptions } from '../support/binlog-reader.ts';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { missing } from '../support/servers.ts';
import { until } from '../support/until.ts';

const setup = `
CREATE TABLE item (id INT PRIMARY KEY, v VARCHAR(200)); INSERT INTO item SELECT n, 'v' FROM ${series(1, 200)};
CREATE TABLE note (id INT PRIMARY KEY, v VARCHAR(200)); INSERT INTO note SELECT n, 'n' FROM ${series(1, 50)}`;

/** Inserts, updates, deletes and changes of key in both tables. */
const churn = `
INSERT INTO item SELECT n, 'new' FROM ${series(301, 320)}; UPDATE item SET v = CONCAT(v, '+') WHERE id % 7 = 0;
DELETE FROM item WHERE id % 11 = 0; UPDATE item SET id = id + 1000 WHERE id % 13 = 0; UPDATE note SET v = 'changed' WHERE id < 5`;

async function agree(sync: MysqlTestSync): Promise<void> {
  await sync.agrees('item', 40_000);
  await sync.agrees('note', 40_000);
}

/** What the process of now has said of why it dumps; undefined: it does not. */
function dumpCause(sync: MysqlTestSync): string | undefined {
  const line = sync.watcher.log.find(({ msg }) => msg === 'the dump begins');
  return line === undefined ? undefined : String(line.cause);
}

const checkpointKey = (sync: MysqlTestSync) => `${sync.prefix.state}/syncs/shop/checkpoint`;

interface Checkpoint {
  readonly position: {
    readonly gtid: string | null;
    readonly file: string;
    readonly offset: number;
  };
  readonly partial: unknown;
}

async function readCheckpoint(sync: MysqlTestSync): Promise<Checkpoint> {
  return JSON.parse((await sync.prefix.gateway.get(checkpointKey(sync)))?.value ?? '{}');
}

/** Runs `work`; readers see only what changed: every key that stays is there throughout, and unchanged ones are not put again. */
async function withReader(sync: MysqlTestSync, work: () => Promise<void>): Promise<void> {
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

async function files(sync: MysqlTestSync): Promise<string[]> {
  const rows = await sync.sql<{ Log_name: string }>('SHOW BINARY LOGS');
  return rows.map(({ Log_name: name }) => name);
}

/** Another binlog; those before are gone. MariaDB keeps them for a moment that a crash of its engine could ask for. */
async function purge(sync: MysqlTestSync): Promise<void> {
  await sync.sql('FLUSH BINARY LOGS');
  const last = (await files(sync)).at(-1);
  const gone = async () => {
    await sync.sql(`PURGE BINARY LOGS TO '${last}'`);
    return (await files(sync))[0] === last;
  };
  await until(gone, { what: 'the binlogs are purged' });
}

interface Kind {
  readonly title: string;
  readonly missing: boolean;
  readonly start: () => Promise<MysqlServer>;
  readonly reset: string;
  /** GTIDs that no server has; null: it has none. */
  readonly unknown: string | null;
  readonly gtid: unknown;
}

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const kinds: readonly Kind[] = [
  {
    title: 'MySQL with GTIDs',
    missing: missing('mysql') !== undefined,
    start: () => startMysql({ version: '9.7' }),
    reset: 'RESET BINARY LOGS AND GTIDS',
    unknown: '11111111-2222-3333-4444-555555555555:1-9',
    gtid: expect.stringMatching(`^${uuid}:1-\\d+$`),
  },
  {
    title: 'MySQL by file and offset',
    missing: missing('mysql') !== undefined,
    start: () => startMysql({ version: '9.7', gtid: false }),
    reset: 'RESET BINARY LOGS AND GTIDS',
    unknown: null,
    gtid: null,
  },
  {
    title: 'MariaDB',
    missing: false,
    start: () => startMariadb({ version: '10.11' }),
    reset: 'RESET MASTER',
    unknown: '0-4711-99999',
    gtid: expect.stringMatching(/^0-\d+-\d+$/),
  },
];

for (const kind of kinds) {
  describe.skipIf(kind.missing)(kind.title, () => {
    let server: MysqlServer;
    beforeAll(async () => {
      server = await kind.start();
    });
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
    });
    const start = () => startMysqlSync({ server, setup });

    /** Restarts it, and expects that it dumps again for a reason; the error shows until the first durable write. */
    const dumpsAgain = async (sync: MysqlTestSync, code: string, cause: RegExp) => {
      await sync.restart();
      await agree(sync);
      expect(dumpCause(sync)).toMatch(cause);
      const metrics = (await sync.watcher.get('/metrics')) as string;
      expect(metrics).toMatch(
        new RegExp(`watcher_errors_total\\{[^}]*code="${code}"[^}]*\\} 1$`, 'm'),
      );
      await sync.sql(
        `INSERT INTO note VALUES (7000, 'streamed') ON DUPLICATE KEY UPDATE v = 'again'`,
      );
      await agree(sync);
      expect(await sync.status()).toMatchObject({ state: 'streaming', last_error: null });
    };

    test('stopped and started: what happened meanwhile follows, also over new binlogs, and nothing is put again', async () => {
      await using sync = await start();
      await sync.caughtUp();
      await withReader(sync, async () => {
        await sync.watcher.stop();
        await sync.sql(churn);
        await sync.sql('FLUSH BINARY LOGS');
        await sync.sql(`UPDATE note SET v = 'in the next file' WHERE id = 7`);
        await sync.restart();
        await agree(sync);
      });
      await sync.caughtUp();
      expect(dumpCause(sync)).toBeUndefined();
      const { position, source_position: source, counters, dump } = await sync.status();
      const place = {
        gtid: kind.gtid,
        file: (await files(sync)).at(-1),
        offset: expect.any(Number),
      };
      expect([position, source]).toEqual([place, place]);
      expect(counters).toMatchObject({ inserts: 20, truncates: 0 });
      expect(dump).toMatchObject({ state: 'done', percent: 100 });

      // Nothing has happened: only the checkpoint may be written, and no key of a row is.
      const { gateway, rows } = sync.prefix;
      const before = await gateway.list(rows);
      await sync.restart();
      await sync.caughtUp();
      expect(await gateway.list(rows)).toEqual(before);
    });

    // What a kill may do anywhere is the crash test's; this one looks at single cases.
    test.runIf(kind.title === 'MySQL with GTIDs')(
      'killed in mid-stream, several times',
      async () => {
        await using sync = await start();
        for (let round = 1; round <= 2; round += 1) {
          await sync.sql(
            `INSERT INTO item SELECT n, 'r' FROM ${series(round * 10_000, round * 10_000 + 999)}`,
          );
          await sync.kill();
          await sync.sql(
            `UPDATE item SET v = 'while dead ${round}' WHERE id % 3 = ${round % 3}; DELETE FROM item WHERE id % 50 = ${round}`,
          );
          await sync.restart();
        }
        await agree(sync);
        expect(dumpCause(sync)).toBeUndefined();
      },
    );

    test.runIf(kind.title === 'MariaDB')('killed in the dump, several times', async () => {
      await using sync = await startMysqlSync({
        server,
        setup: `${setup}; INSERT INTO item SELECT n, REPEAT('x', 100) FROM ${series(1001, 30_000)}`,
        asItIs: true,
      });
      for (let round = 1; round <= 2; round += 1) {
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

    test('SIGTERM in the middle of a large transaction: the rest of it follows, and nothing twice', async () => {
      await using sync = await start();
      await sync.caughtUp();
      const { gateway, rows } = sync.prefix;
      await using watch = await gateway.watchPrefix(`${rows}${sync.database.name}/item/`);
      await using own = await gateway.watchPrefix(checkpointKey(sync));
      await sync.sql(
        `BEGIN; UPDATE note SET v = 'with it'; INSERT INTO item SELECT n, CONCAT('v', n) FROM ${series(1_001, 60_000)} ORDER BY n; DELETE FROM item WHERE id <= 200; COMMIT`,
      );
      const partial = ({ value }: { value: string }) =>
        (JSON.parse(value) as Checkpoint).partial !== null;
      await until(() => own.events.some(partial), {
        what: 'a part is there',
        failure: own.failure,
      });
      expect(await sync.watcher.stop()).toBe(0);
      expect((await readCheckpoint(sync)).partial).toMatchObject({ changes: expect.any(Number) });
      await sync.sql(`INSERT INTO item VALUES (1, 'later')`);
      await sync.restart();
      await agree(sync);
      await sync.caughtUp();
      expect(dumpCause(sync)).toBeUndefined();
      expect((await readCheckpoint(sync)).partial).toBeNull();
      const put = () => watch.events.filter(({ type }) => type === 'put').map(({ key }) => key);
      await until(() => put().length >= 59_001, { what: 'all', failure: watch.failure });
      expect(new Set(put()).size).toBe(59_001);
      expect(put()).toHaveLength(59_001);
    });

    test('the binlogs that it needs are purged: it dumps again, readers are served throughout', async () => {
      await using sync = await start();
      await agree(sync);
      await withReader(sync, async () => {
        await sync.watcher.stop();
        await sync.sql(churn);
        await purge(sync);
        await sync.sql(`INSERT INTO item VALUES (5000, 'after'); DELETE FROM item WHERE id = 1`);
        await dumpsAgain(sync, 'binlog_purged', /purged/);
      });
    });

    test('binlogs are purged up to the checkpoint: nothing is missing', async () => {
      await using sync = await start();
      await sync.sql('FLUSH BINARY LOGS');
      await sync.sql(churn);
      await agree(sync);
      await sync.caughtUp();
      await sync.watcher.stop();
      const { position } = await readCheckpoint(sync);
      await sync.sql('FLUSH BINARY LOGS');
      await sync.sql(`PURGE BINARY LOGS TO '${position.file}'`);
      await sync.sql(`INSERT INTO item VALUES (5001, 'after')`);
      await sync.restart();
      await agree(sync);
      expect(dumpCause(sync)).toBeUndefined();
    });

    test('the binlogs are reset while it is stopped, and while it runs', async () => {
      await using sync = await start();
      await agree(sync);
      await sync.watcher.stop();
      await sync.sql(churn);
      // The files are told apart by the second in which they were begun.
      await delay(1_100);
      await sync.sql(kind.reset);
      await sync.sql(`INSERT INTO item VALUES (5000, 'after'); DELETE FROM item WHERE id = 1`);
      await dumpsAgain(sync, 'source_replaced', /reset|set back|has not executed|not there/);

      await sync.caughtUp();
      await delay(1_100);
      await sync.sql(kind.reset);
      await sync.sql(`INSERT INTO item VALUES (5002, 'after'); DELETE FROM item WHERE id = 2`);
      await agree(sync);
      await sync.sql(`UPDATE item SET v = 'streamed' WHERE id < 20`);
      await agree(sync);
      await sync.caughtUp();
      expect(await sync.status()).toMatchObject({ state: 'streaming', last_error: null });
    });

    test('a checkpoint that this server cannot have written', async () => {
      await using sync = await start();
      await agree(sync);
      const { gateway } = sync.prefix;
      const alter = async (change: (position: Checkpoint['position']) => object) => {
        await sync.watcher.stop();
        await sync.sql(
          `INSERT INTO item SELECT MAX(id) + 1, 'x' FROM item; DELETE FROM note LIMIT 1`,
        );
        const { position, ...rest } = await readCheckpoint(sync);
        const altered = { ...rest, position: { ...position, ...change(position) } };
        await gateway.put(checkpointKey(sync), JSON.stringify(altered));
      };
      if (kind.unknown === null) {
        await alter(({ offset }) => ({ offset: offset + 1_000_000 }));
        await dumpsAgain(sync, 'source_replaced', /ends before the checkpoint/);
        await alter(() => ({ file: 'binlog.000999', offset: 4 }));
        await dumpsAgain(sync, 'source_replaced', /no binlog binlog.000999/);
        return;
      }
      await alter(({ gtid }) => ({
        gtid: kind.title === 'MariaDB' ? kind.unknown : `${kind.unknown},${gtid}`,
      }));
      await dumpsAgain(sync, 'source_replaced', /has not executed|has other GTIDs/);
      await alter(({ gtid }) => ({ gtid: gtid?.replace(/\d+$/, '9999999') }));
      await dumpsAgain(sync, 'source_replaced', /has not executed|has other GTIDs/);
    });

    test('another reader takes the server id: it is said, with what to do, and nothing is lost', async () => {
      await using sync = await startMysqlSync({
        server,
        setup,
        config: { mysql: { server_id: 4711 } },
      });
      await sync.caughtUp();
      // It does not register itself, so nobody can know of it before it comes.
      const { host, port, user, password, programs } = server;
      const args = [`--host=${host}`, `--port=${port}`, `--user=${user}`, `--password=${password}`];
      const id =
        kind.title === 'MariaDB' ? '--stop-never-slave-server-id' : '--connection-server-id';
      const stranger = spawn(
        programs?.binlog ?? '',
        [
          '--no-defaults',
          ...args,
          '--protocol=tcp',
          '--read-from-remote-server',
          '--stop-never',
          `${id}=4711`,
          (await files(sync))[0] ?? '',
        ],
        { stdio: 'ignore' },
      );
      const ended = once(stranger, 'close');
      const { last_error } = await sync.until('it says so', (status) => status.last_error !== null);
      expect(last_error).toMatchObject({
        code: 'server_id_clash',
        remedy: expect.stringContaining('mysql.server_id'),
      });
      await sync.sql(churn);
      await agree(sync);
      stranger.kill();
      await ended;
      await sync.until(
        'it is well',
        ({ state, last_error }) => state === 'streaming' && last_error === null,
      );

      // One that has registered itself is left alone.
      const options = await readerOptions(server, 4712);
      const replica = { ...options, target: { ...options.target, applicationName: 'a replica' } };
      const reader = follow(replica, await logEnd(options));
      await reader.heartbeat();
      await sync.restart({ mysql: { server_id: 4712 } }, { asItIs: true });
      const refused = await sync.until('it waits', ({ state }) => state === 'backing_off');
      expect(refused.last_error).toMatchObject({
        code: 'server_id_clash',
        message: expect.stringMatching(/"a replica".*4712/),
        remedy: expect.stringContaining('mysql.server_id'),
        retry_at: expect.stringMatching(/Z$/),
      });
      await reader.heartbeat();
      await reader.stop();
      await sync.sql(`UPDATE item SET v = 'afterwards'`);
      await agree(sync);
      await sync.until('it is well', (status) => status.last_error === null);

      // So is another installation with a sync of the same name.
      const config = { mysql: { server_id: 4712 } };
      await using other = await startMysqlSync({ server, setup, config, asItIs: true });
      const { last_error: clash } = await other.until(
        'it waits',
        (status) => status.last_error !== null,
      );
      expect(clash).toMatchObject({
        code: 'server_id_clash',
        message: expect.stringMatching(/"watcher [0-9a-f]{8} shop".*4712/),
      });
      await sync.sql(`UPDATE item SET v = 'unharmed'`);
      await agree(sync);
      await sync.caughtUp();
      expect(await sync.status()).toMatchObject({ state: 'streaming', last_error: null });
    });
  });
}

describe.skipIf(missing('mysql') !== undefined)('another server at the same address', () => {
  test('MySQL', async () => {
    await using first = await startMysql({ version: '9.7' });
    await using second = await startMysql({ version: '9.7' });
    await using sync = await startMysqlSync({ server: first, setup });
    await agree(sync);
    await using other = await createMysqlDatabase(second);
    const { name } = sync.database;
    await other.query(
      `CREATE DATABASE ${name}; USE ${name}; CREATE TABLE item (id INT PRIMARY KEY, v VARCHAR(200)); INSERT INTO item VALUES (1, 'other')`,
    );
    const { port, password } = second;
    await sync.restart({ database: { port, password } });
    await until(async () => (await sync.prefix.gateway.values(sync.prefix.rows)).size === 1, {
      what: 'its rows alone are there',
    });
    expect(dumpCause(sync)).toMatch(/not executed|the checkpoint is of/);
    await sync.sql(churn);
    await sync.restart({ database: { port: first.port, password: first.password } });
    await agree(sync);
  });
});
