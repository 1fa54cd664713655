/** What goes wrong at a MySQL or MariaDB: code, message and remedy, and how the sync goes on once it is mended (SPEC §2.5, §9). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql, mariadb, missing } from '../support/servers.ts';
import type { Fault, SyncJson } from '../support/sync.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const setup = `CREATE TABLE item (id INT PRIMARY KEY, v VARCHAR(200)); INSERT INTO item SELECT n, 'v' FROM ${series(1, 100)}`;

/** Waits for the state `failed`: only a person can help. */
async function failed(sync: MysqlTestSync): Promise<Fault> {
  const { last_error } = await sync.until('it fails', ({ state }) => state === 'failed');
  expect(last_error).toMatchObject({ retry_at: null, at: expect.stringMatching(/Z$/) });
  return last_error as Fault;
}

async function backingOff(sync: MysqlTestSync): Promise<NonNullable<SyncJson['last_error']>> {
  const { last_error } = await sync.until(
    'it backs off',
    ({ state, last_error }) => state === 'backing_off' && last_error !== null,
  );
  return last_error as NonNullable<SyncJson['last_error']>;
}

/** After the cause is mended: a dump tries at once, and the error is gone with the first durable write. */
async function dumpMends(sync: MysqlTestSync): Promise<void> {
  expect((await sync.order('dump')).status).toBe(202);
  await sync.agrees('item');
  await sync.sql(`UPDATE item SET v = 'followed' WHERE id < 10`);
  await sync.agrees('item');
  await sync.until(
    'it is well',
    ({ state, last_error }) => state === 'streaming' && last_error === null,
  );
}

describeMysql(['mysql', 'mariadb'], (server, flavour) => {
  test('wrong password, no such database, no table that matches', async () => {
    const options = { server: server(), setup, asItIs: true, login: { password: 'wrong' } };
    await using sync = await startMysqlSync(options);
    const fault = await failed(sync);
    expect(fault).toMatchObject({
      code: 'source_auth_failed',
      remedy: expect.stringMatching(/database\.password/),
    });
    expect(JSON.stringify([fault, sync.watcher.log])).not.toContain('"wrong"');
    expect((await fetch(`${sync.watcher.url}/v1/syncs/shop/health`)).status).toBe(503);
    const login = { password: server().password, name: 'not_there' };
    await sync.restart({ database: login }, { asItIs: true });
    expect(await failed(sync)).toMatchObject({
      code: 'database_missing',
      message: expect.stringContaining('not_there'),
      remedy: expect.stringContaining('database.name'),
    });
    const { name } = sync.database;
    const nothing = { database: { name }, tables: { include: [`${name}.nothing`] } };
    await sync.restart(nothing, { asItIs: true });
    expect(await failed(sync)).toMatchObject({
      code: 'no_tables',
      remedy: expect.stringContaining('tables.include'),
    });
    await sync.restart({ tables: { include: [`${name}.*`] } });
    await sync.agrees('item');
  });

  test('privileges that are missing, each with the GRANT that gives it', async () => {
    const user = `few_${process.pid}_${flavour}`;
    const account = `'${user}'@'%'`;
    await using sync = await startMysqlSync({
      server: server(),
      setup: `${setup}; CREATE USER ${account} IDENTIFIED BY 'pw'`,
      asItIs: true,
      login: { user, password: 'pw' },
    });
    try {
      const codes: string[] = [];
      for (let step = 0; step < 6; step += 1) {
        const { state, last_error } = await sync.until(
          'it fails, or streams',
          (status) => status.state === 'failed' || status.state === 'streaming',
        );
        if (state === 'streaming') break;
        const { code, message, remedy } = last_error as Fault;
        codes.push(code);
        expect(`${message} ${remedy}`).toContain(user);
        // The remedy is a statement that can be run as it is.
        const grant = /^GRANT [^;]*;/.exec(remedy)?.[0] ?? '';
        expect(grant, remedy).not.toBe('');
        await sync.sql(grant);
        await sync.order('start');
        await sync.until(
          'it tries',
          (status) => status.state !== 'failed' || status.last_error?.remedy !== remedy,
        );
      }
      expect(codes.length).toBeGreaterThan(1);
      await sync.agrees('item');
      await sync.sql(`UPDATE item SET v = 'streamed'`);
      await sync.agrees('item');
    } finally {
      await sync.watcher.kill();
      await sync.sql(`DROP USER ${account}`);
    }
  });

  test('every connection is cut, again and again; then one that is half open', async () => {
    await using proxy = await startTcpProxy(server());
    const { host, port } = proxy;
    await using sync = await startMysqlSync({ server: server(), setup, login: { host, port } });
    for (let round = 1; round <= 4; round += 1) {
      await sync.sql(
        `INSERT INTO item SELECT n, 'round ${round}' FROM ${series(round * 1000, round * 1000 + 500)}`,
      );
      const before = proxy.accepted;
      proxy.drop();
      await until(() => proxy.accepted > before, { what: 'it connects again' });
    }
    await sync.agrees('item');
    await sync.caughtUp();
    proxy.halfOpen();
    await sync.sql(`UPDATE item SET v = 'unseen'`);
    const { last_error } = await sync.until('it notices', (status) => status.last_error !== null);
    expect(last_error).toMatchObject({ code: 'source_unavailable' });
    proxy.resume();
    proxy.drop();
    await sync.agrees('item', 40_000);
    await sync.until('it is well', (status) => status.last_error === null);
  });
});

// Nothing of a server is needed, or these wait for most of their time.
test.concurrent('unknown host; nothing listens, and connection_retries ends the trying', async () => {
  const server = mariadb();
  await using sync = await startMysqlSync({
    server,
    setup,
    asItIs: true,
    login: { host: 'no-such-host.invalid' },
  });
  expect(await backingOff(sync)).toMatchObject({
    code: 'source_unavailable',
    message: expect.stringContaining('no-such-host.invalid'),
    remedy: expect.stringMatching(/database\.host/),
  });
  const database = { host: server.host, port: 1, connection_retries: 2 };
  await sync.restart({ database }, { asItIs: true });
  expect(await failed(sync)).toMatchObject({
    code: 'source_unavailable',
    message: expect.stringContaining(':1 '),
  });
});

const kinds = [
  {
    title: 'a MySQL of its own',
    isMissing: missing('mysql') !== undefined,
    start: () => startMysql({ version: '9.7', settings: { binlog_row_metadata: 'MINIMAL' } }),
  },
  {
    title: 'a MariaDB of its own',
    isMissing: false,
    start: () => startMariadb({ version: '10.11', settings: { binlog_row_metadata: 'MINIMAL' } }),
  },
];

for (const { title, isMissing, start } of kinds) {
  describe.skipIf(isMissing)(title, () => {
    let server: MysqlServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
    });

    // On a server of its own, because a statement in the log stops every sync that reads it.
    test('statements and row images that a session has chosen: it stops before they can hurt, and a dump mends it', async () => {
      await using sync = await startMysqlSync({ server, setup });
      await sync.agrees('item');
      const session = await sync.database.connect();
      await session.query('SET SESSION binlog_format = STATEMENT');
      await session.query(`UPDATE item SET v = 'by a statement' WHERE id = 7`);
      expect(await failed(sync)).toMatchObject({
        code: 'unsupported_event',
        message: expect.stringContaining(`an UPDATE in the database ${sync.database.name}`),
        remedy: expect.stringContaining('SET GLOBAL binlog_format = ROW;'),
      });
      await session.query('SET SESSION binlog_format = ROW');
      await dumpMends(sync);
      await session.query('SET SESSION binlog_row_image = MINIMAL');
      await session.query(`UPDATE item SET v = 'by a minimal image' WHERE id = 8`);
      expect(await failed(sync)).toMatchObject({
        code: 'binlog_setting',
        message: expect.stringContaining(`${sync.database.name}.item`),
        remedy: expect.stringContaining('SET GLOBAL binlog_row_image = FULL;'),
      });
      await session.query('SET SESSION binlog_row_image = FULL');
      await dumpMends(sync);
      await session.end();
    });

    test('settings that are wrong, with the statement that mends them; then kills in mid-stream', async () => {
      await using sync = await startMysqlSync({
        server,
        setup,
        asItIs: true,
        config: { autostart: false },
      });
      await sync.sql(`SET GLOBAL binlog_format = 'MIXED'; SET GLOBAL binlog_row_image = 'MINIMAL'`);
      for (const name of ['binlog_format', 'binlog_row_image']) {
        await sync.order('start');
        const { last_error } = await sync.until(
          `it names ${name}`,
          (status) =>
            status.state === 'failed' && (status.last_error?.message ?? '').includes(`${name} is`),
        );
        expect(last_error?.code).toBe('binlog_setting');
        await sync.sql(/^SET GLOBAL [^;]*;/.exec(last_error?.remedy ?? '')?.[0] ?? '');
      }
      // Without names in the log it goes on, and says what that costs.
      await sync.order('start');
      const limited = await sync.until('it streams', ({ state }) => state === 'streaming');
      expect(limited.warnings).toMatchObject([
        { code: 'source_limited', remedy: expect.stringContaining("binlog_row_metadata = 'FULL'") },
      ]);
      await sync.agrees('item');
      const run = async (sql: string) => {
        const connection = await sync.database.connect();
        await connection.query(sql);
        await connection.end();
      };
      await run(
        `SET SESSION binlog_row_image = 'FULL', binlog_format = 'ROW'; ALTER TABLE item ADD extra INT DEFAULT 7; INSERT INTO item VALUES (500, 'altered', 1)`,
      );
      await until(
        async () => [...(await sync.keys('item')).values()].includes('{"id":1,"v":"v","extra":7}'),
        { what: 'the altered rows' },
      );
      for (const round of [1, 2]) {
        await run(
          `SET SESSION binlog_row_image = 'FULL', binlog_format = 'ROW'; INSERT INTO item VALUES (${1000 + round}, 'before', 0)`,
        );
        await server.kill();
        const { last_error } = await sync.until(
          'it notices',
          (status) => status.last_error !== null,
        );
        expect(last_error).toMatchObject({ code: 'source_unavailable' });
        await server.start();
        await run(`SET GLOBAL binlog_row_image = 'FULL'; SET GLOBAL binlog_format = 'ROW'`);
        await run(`INSERT INTO item VALUES (${2000 + round}, 'after', 0)`);
        const there = async () => (await sync.keys('item')).size === 101 + 2 * round;
        await until(there, { what: `round ${round}`, timeoutMs: 40_000 });
      }
      await sync.until(
        'it is well',
        ({ state, last_error }) => state === 'streaming' && last_error === null,
      );
    });
  });
}
