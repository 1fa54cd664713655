/** Reading the log while the network, the server or the reader itself misbehaves. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/drivers/mysql/connection.ts';
import type { LogEvent } from '../../src/drivers/mysql/log-event.ts';
import { comparePlaces } from '../../src/drivers/mysql/log-place.ts';
import type { LogReaderOptions } from '../../src/drivers/mysql/log-reader.ts';
import { follow, logEnd, readEvents, readerOptions } from '../support/binlog-reader.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { describeMysql } from '../support/servers.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let lastId = 3_910_000_000;

/** Reads the log in this file alone: what the server says of its threads says nothing of other tests. */
const account = { user: `reader_${randomBytes(4).toString('hex')}`, password: 'reads' } as const;

/** Through the proxy, if there is one. Each reader of the shared servers has an id of its own. */
async function optionsOf(
  database: MysqlTestDatabase,
  proxy: Pick<TcpProxy, 'host' | 'port'> = database.server,
): Promise<LogReaderOptions> {
  lastId += 1;
  return readerOptions({ host: proxy.host, port: proxy.port, ...account }, lastId);
}

/** Threads of this account that send the log; the reader's is the one that comes. */
async function dumpThreads({ query }: MysqlTestDatabase): Promise<number[]> {
  const rows = await query('SHOW PROCESSLIST');
  const ours = ({ User, Command }: Record<string, string>) =>
    User === account.user && Command?.startsWith('Binlog Dump');
  return rows.filter(ours).map(({ Id }) => Number(Id));
}

/** @returns the thread at the server, beside the reader */
async function followed(database: MysqlTestDatabase, options: LogReaderOptions) {
  const before = await dumpThreads(database);
  const from = await logEnd(options);
  const reader = follow(options, from);
  await reader.heartbeat();
  const thread = (await dumpThreads(database)).find((id) => !before.includes(id));
  if (thread === undefined) throw new Error('no thread at the server');
  const gone = async () => !(await dumpThreads(database)).includes(thread);
  return { reader, from, thread, gone };
}

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, name) => {
  const administer = async (sql: string) => {
    await using database = await createMysqlDatabase(server());
    await database.query(sql);
  };
  const { user, password } = account;
  beforeAll(() =>
    administer(`CREATE USER ${user} IDENTIFIED BY '${password}'; GRANT ALL ON *.* TO ${user}`),
  );
  afterAll(() => administer(`DROP USER ${user}`));

  test('at its end a heartbeat comes, with the place of the end', async () => {
    await using database = await createMysqlDatabase(server());
    const options = await optionsOf(database);
    const { reader } = await followed(database, options);
    await database.query('CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)');
    const end = await logEnd(options);
    const isEnd = ({ event, file, start, end: last }: LogEvent) =>
      event.type === 'heartbeat' && file === end.file && start >= end.offset && last === start;
    await until(() => reader.events.find(isEnd), { what: 'the end', failure: reader.ended });
    await reader.stop();
  });

  test('stopping it, and leaving it, ends the thread of the server', async () => {
    await using database = await createMysqlDatabase(server());
    const options = await optionsOf(database);
    const { reader, from, gone } = await followed(database, options);
    expect(await reader.stop()).toMatchObject({ message: 'stopped' });
    await until(gone, { what: 'the thread is gone' });
    const others = await dumpThreads(database);
    await readEvents(options, from, ({ event }) => event.type === 'heartbeat');
    const noneOfOurs = async () =>
      (await dumpThreads(database)).every((thread) => others.includes(thread));
    await until(noneOfOurs, { what: 'the thread is gone' });
  });

  test('a query whose answer does not come ends with its time', async () => {
    await using proxy = await startTcpProxy(server());
    const { host, port } = proxy;
    const { target } = await readerOptions({ host, port, ...account }, 1);
    const connection = await connect(target, new AbortController().signal);
    proxy.halfOpen();
    await expect(connection.query('SELECT 1', [], 300)).rejects.toMatchObject({
      code: 'source_unavailable',
    });
  });

  test('a thread that is killed at the server', async () => {
    await using database = await createMysqlDatabase(server());
    const { reader, thread } = await followed(database, await optionsOf(database));
    await database.query(`KILL ${thread}`);
    expect(await reader.ended).toMatchObject({ code: 'source_unavailable' });
  });

  test('a connection that is reset, and one that is half-open', async () => {
    await using database = await createMysqlDatabase(server());
    await using proxy = await startTcpProxy(database.server);
    const options = { ...(await optionsOf(database, proxy)), silentMs: 2_500 };
    const first = await followed(database, options);
    proxy.drop();
    expect(await first.reader.ended).toMatchObject({ code: 'source_unavailable' });
    const second = await followed(database, options);
    proxy.halfOpen();
    expect(await second.reader.ended).toMatchObject({
      code: 'source_unavailable',
      message: expect.stringContaining('nothing came for 2.5 s'),
    });
  });

  test.skipIf(name === 'mysql56')(
    'who takes nothing is sent nothing, and loses nothing',
    async () => {
      await using database = await createMysqlDatabase(server());
      await using proxy = await startTcpProxy(database.server);
      const options = { ...(await optionsOf(database, proxy)), silentMs: 5_000 };
      await database.query('CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB) ENGINE = MyISAM');
      const { reader, from } = await followed(database, options);
      reader.pause();
      const rows = 60;
      for (let id = 0; id < rows; id++) {
        await database.query(`INSERT INTO t VALUES (${id}, REPEAT('x', 1000000))`);
      }
      const end = await logEnd(options);
      // What the sockets of this machine hold.
      let held = -1;
      await until(
        async () => {
          const now = proxy.receivedBytes;
          const settled = now === held;
          held = now;
          await delay(500);
          return settled;
        },
        { what: 'nothing more is sent', timeoutMs: 30_000, failure: reader.ended },
      );
      // Longer than the connection may be silent.
      await Promise.race([delay(5_500), reader.ended]);
      expect(held).toBeLessThan((rows / 2) * 1_000_000);
      reader.resume();
      await until(
        () => reader.events.some(({ file, end: at }) => file === end.file && at >= end.offset),
        {
          what: 'all is read',
          failure: reader.ended,
        },
      );
      await reader.stop();
      const direct = await readEvents(options, from, end);
      // Others write into the log, too: the reader may have gone beyond the end that was asked for.
      const countRows = (events: readonly LogEvent[]) =>
        events.filter(
          ({ event, file, end: offset }) =>
            event.type === 'rows' && comparePlaces({ file, offset }, end) <= 0,
        ).length;
      expect(countRows(reader.events)).toBe(countRows(direct));
      expect(countRows(direct)).toBeGreaterThanOrEqual(rows);
    },
  );

  test.skipIf(name === 'mysql56')('two readers with one server id', async () => {
    await using database = await createMysqlDatabase(server());
    const options = await optionsOf(database);
    const { reader } = await followed(database, options);
    const stranger = { ...options, target: { ...options.target, applicationName: 'a replica' } };
    const refused = await follow(stranger, await logEnd(options)).ended;
    expect(refused).toMatchObject({
      code: 'server_id_clash',
      message: expect.stringContaining('"watcher test"'),
    });
    // It itself, come again: the server ends the old one.
    const again = follow(options, await logEnd(options));
    expect(await reader.ended).toMatchObject({ code: 'server_id_clash' });
    await again.heartbeat();
    await again.stop();
  });
});
