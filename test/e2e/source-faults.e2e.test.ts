/** What goes wrong at the source: code, message and remedy, and how the sync goes on once it is mended (SPEC §2.5, §8). */

import { describe, expect, test } from 'vitest';
import { startPostgres } from '../../tools/testenv/postgres.ts';
import { external, postgres, postgresMajors } from '../support/servers.ts';
import { type Fault, type SyncJson, startSync, type TestSync } from '../support/sync.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const setup = `CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item SELECT n, 'v' FROM generate_series(1, 100) n`;

/** Waits for the state `failed`: only a person can help. */
async function failed(sync: TestSync): Promise<Fault> {
  const { last_error } = await sync.until('it fails', ({ state }) => state === 'failed');
  expect(last_error).toMatchObject({ retry_at: null, at: expect.stringMatching(/Z$/) });
  return last_error as Fault;
}

async function backingOff(sync: TestSync): Promise<NonNullable<SyncJson['last_error']>> {
  const { last_error } = await sync.until(
    'it backs off',
    ({ state, last_error }) => state === 'backing_off' && last_error !== null,
  );
  expect(last_error?.retry_at).toMatch(/Z$/);
  return last_error as NonNullable<SyncJson['last_error']>;
}

/** After the cause is mended: `start` tries at once, and the error is gone with the first durable write. */
async function recovers(sync: TestSync): Promise<void> {
  expect((await sync.order('start')).status).toBe(202);
  await sync.until('it streams', ({ state }) => state === 'streaming');
  await sync.agrees('item');
  expect(await sync.status()).toMatchObject({
    last_error: null,
    lag: { seconds: expect.any(Number) },
  });
}

describe.each(postgresMajors)('PostgreSQL %i', (major) => {
  const server = () => postgres(major);

  test('wrong password', async () => {
    const options = { server: server(), setup, asItIs: true, login: { password: 'wrong' } };
    await using sync = await startSync(options);
    const fault = await failed(sync);
    expect(fault).toMatchObject({
      code: 'source_auth_failed',
      remedy: expect.stringMatching(/database\.password/),
    });
    expect(JSON.stringify([fault, sync.watcher.log])).not.toContain('"wrong"');
    expect((await fetch(`${sync.watcher.url}/v1/syncs/shop/health`)).status).toBe(503);
    await sync.restart({ database: { password: server().password } });
    await sync.agrees('item');
  });

  test('missing REPLICATION attribute, then a missing privilege, then row security', async () => {
    await using sync = await startSync({
      server: server(),
      setup: `${setup}; CREATE ROLE r_${major} LOGIN PASSWORD 'pw'`,
      asItIs: true,
      login: { user: `r_${major}`, password: 'pw' },
    });
    try {
      expect(await failed(sync)).toMatchObject({
        code: 'privilege_missing',
        message: expect.stringContaining(`r_${major}`),
        remedy: expect.stringMatching(`ALTER ROLE "?r_${major}"? REPLICATION`),
      });
      await sync.sql(`ALTER ROLE r_${major} REPLICATION`);
      await sync.order('start');
      const create = await sync.until(
        'it asks for CREATE',
        ({ state, last_error }) => state === 'failed' && /CREATE/.test(last_error?.remedy ?? ''),
      );
      expect(create.last_error).toMatchObject({ code: 'privilege_missing' });
      // The remedies are statements that can be run as they are.
      await sync.sql(create.last_error?.remedy ?? '');
      await sync.sql(
        `ALTER TABLE item OWNER TO r_${major}; ALTER TABLE item ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
      );
      await sync.order('start');
      const rls = await sync.until(
        'it asks for BYPASSRLS',
        ({ state, last_error }) => state === 'failed' && /BYPASSRLS/.test(last_error?.remedy ?? ''),
      );
      await sync.sql(rls.last_error?.remedy ?? '');
      await recovers(sync);
    } finally {
      await sync.watcher.kill();
      await sync.sql(
        `DROP PUBLICATION IF EXISTS p_${sync.database.name}; DROP OWNED BY r_${major}; DROP ROLE r_${major}`,
      );
    }
  });

  test('missing publication with manage_publication: false', async () => {
    const config = { postgres: { manage_publication: false } };
    await using sync = await startSync({ server: server(), setup, asItIs: true, config });
    const fault = await failed(sync);
    expect(fault).toMatchObject({
      code: 'publication_missing',
      message: expect.stringContaining(sync.database.name),
      remedy: expect.stringMatching(/^CREATE PUBLICATION .* FOR TABLE .*item/),
    });
    await sync.sql(fault.remedy);
    await recovers(sync);
  });

  test('no table matches', async () => {
    const config = { tables: { include: ['public.nothing'] } };
    await using sync = await startSync({ server: server(), setup, asItIs: true, config });
    expect(await failed(sync)).toMatchObject({ code: 'no_tables' });
  });

  test('another sync holds the slot', async () => {
    await using sync = await startSync({ server: server(), setup });
    await using other = await startSync({
      server: server(),
      asItIs: true,
      setup: 'CREATE TABLE other (id int PRIMARY KEY)',
      config: { postgres: { slot: `s_${sync.database.name}` } },
    });
    expect(await failed(other)).toMatchObject({
      code: 'slot_foreign',
      message: expect.stringContaining(`belongs to the database ${sync.database.name}`),
    });
    await using twin = await startSync({
      server: server(),
      asItIs: true,
      setup: 'CREATE TABLE other (id int PRIMARY KEY)',
      config: { postgres: { slot: `s_${sync.database.name}` } },
      login: { name: sync.database.name },
    });
    expect(await backingOff(twin)).toMatchObject({
      code: 'slot_in_use',
      remedy: expect.stringMatching(/pg_terminate_backend\(\d+\)/),
    });
  });

  test('the server ends the connection in mid-stream', async () => {
    await using sync = await startSync({ server: server(), setup });
    for (let round = 1; round <= 3; round += 1) {
      await sync.sql(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 's_${sync.database.name}'`,
      );
      await sync.sql(`UPDATE item SET v = 'round ${round}'`);
      await sync.agrees('item');
    }
    await sync.caughtUp();
    expect((await sync.status()).last_error).toBeNull();
  });
});

// These wait for most of their time.
test.concurrent('unknown host', async () => {
  const login = { host: 'no-such-host.invalid' };
  await using sync = await startSync({ setup, asItIs: true, login });
  expect(await backingOff(sync)).toMatchObject({
    code: 'source_unavailable',
    message: expect.stringContaining('no-such-host.invalid'),
    remedy: expect.stringMatching(/database\.host/),
  });
});

test.concurrent('nothing listens, and connection_retries ends the trying', async () => {
  const config = { database: { connection_retries: 2 } };
  await using sync = await startSync({ setup, asItIs: true, login: { port: 1 }, config });
  const fault = await failed(sync);
  expect(fault).toMatchObject({
    code: 'source_unavailable',
    message: expect.stringContaining(':1 '),
  });
});

test.concurrent('no such database', async () => {
  await using sync = await startSync({ setup, asItIs: true, login: { name: 'not_there' } });
  expect(await failed(sync)).toMatchObject({
    code: 'database_missing',
    remedy: expect.stringContaining('CREATE DATABASE "not_there"'),
  });
});

test.concurrent('a connection that is half open is noticed, and nothing is lost', async () => {
  const server = postgres(18);
  await using proxy = await startTcpProxy(server);
  const { host, port } = proxy;
  await using sync = await startSync({
    server,
    setup: `${setup}; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET wal_sender_timeout = ''2s''', current_database()); END $$`,
    login: { host, port },
  });
  // What is streamed shows that the stream is open: while it is being opened, a query may wait for longer than this test.
  await sync.sql(`UPDATE item SET v = 'streamed'`);
  await sync.agrees('item');
  proxy.halfOpen();
  await sync.sql(`UPDATE item SET v = 'unseen'`);
  const error = await sync.until('it notices', ({ last_error }) => last_error !== null, 40_000);
  expect(error.last_error).toMatchObject({ code: 'source_unavailable' });
  proxy.resume();
  proxy.drop();
  await sync.agrees('item', 40_000);
});

test.concurrent('every connection is cut again and again', async () => {
  const server = postgres(15);
  await using proxy = await startTcpProxy(server);
  const { host, port } = proxy;
  await using sync = await startSync({ server, setup, login: { host, port } });
  for (let round = 1; round <= 5; round += 1) {
    await sync.sql(
      `INSERT INTO item SELECT n, 'round ${round}' FROM generate_series(${round * 1000}, ${round * 1000 + 500}) n`,
    );
    const before = proxy.accepted;
    proxy.drop();
    await until(() => proxy.accepted > before, { what: 'it connects again' });
  }
  await sync.agrees('item');
});

test
  .skipIf(external().postgres)
  .concurrent('wrong wal_level, mended; then restarts in mid-stream', async () => {
    await using server = await startPostgres({ major: 18, settings: { wal_level: 'replica' } });
    await using sync = await startSync({ server, setup, asItIs: true });
    expect(await failed(sync)).toMatchObject({
      code: 'source_setting',
      message: expect.stringMatching(/wal_level is replica/),
      remedy: expect.stringMatching(/^ALTER SYSTEM SET wal_level = 'logical';.*restart/),
    });
    await sync.sql(`ALTER SYSTEM SET wal_level = 'logical'`);
    await server.restart();
    await sync.order('start');
    await sync.until('it streams', ({ state }) => state === 'streaming');
    const client = async (text: string) => {
      const connection = await sync.database.connect();
      await connection.query(text);
      await connection.end();
    };
    const rows = async () => (await sync.keys('item')).size;
    await until(async () => (await rows()) === 100, { what: 'the dump is there' });
    for (const [round, end] of (['stop', 'kill', 'kill'] as const).entries()) {
      await client(`INSERT INTO item VALUES (${1000 + round}, 'before')`);
      await server[end]();
      await sync.until('it notices', ({ last_error }) => last_error !== null);
      await server.start();
      await client(`INSERT INTO item VALUES (${2000 + round}, 'after')`);
      await until(async () => (await rows()) === 102 + 2 * round, { what: `round ${round}` });
    }
    await sync.until('the error is gone', ({ last_error }) => last_error === null);
  });

test
  .skipIf(external().postgres)
  .concurrent(
    'a transaction that does not end keeps the slot from being made',
    { timeout: 90_000 },
    async () => {
      await using server = await startPostgres({
        major: 15,
        settings: { max_prepared_transactions: 5 },
      });
      await using sync = await startSync({
        server,
        setup,
        asItIs: true,
        config: { autostart: false },
      });
      const busy = await sync.database.connect();
      await busy.query(`BEGIN; CREATE TABLE other (id int)`);
      const [row] = (await busy.query('SELECT pg_backend_pid() AS pid')).rows;
      await sync.order('start');
      const { last_error } = await sync.until(
        'it says so',
        (status) => status.last_error !== null,
        45_000,
      );
      expect(last_error).toMatchObject({
        code: 'slot_creation_timeout',
        message: expect.stringContaining(`backends ${row.pid}`),
        remedy: expect.stringContaining(`SELECT pg_terminate_backend(${row.pid});`),
      });
      await busy.query('COMMIT');
      await busy.end();
      await sync.agrees('item');
      // Two-phase transactions arrive when they are committed, also after a restart of everything.
      await sync.sql(
        `BEGIN; INSERT INTO item VALUES (500, 'prepared'); UPDATE item SET v = 'p' WHERE id = 1; PREPARE TRANSACTION 'p'`,
      );
      await sync.sql(`BEGIN; INSERT INTO item VALUES (501, 'undone'); PREPARE TRANSACTION 'q'`);
      await sync.sql(`INSERT INTO item VALUES (502, 'meanwhile')`);
      await sync.agrees('item');
      await sync.restart();
      await sync.sql(`COMMIT PREPARED 'p'`);
      await sync.sql(`ROLLBACK PREPARED 'q'`);
      await sync.agrees('item');
    },
  );
