/** What a source must have, and where the log can be followed from. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import {
  createPostgresDriver,
  type PostgresDriverOptions,
} from '../../src/drivers/postgres/driver.ts';
import { makeCertificates } from '../../tools/testenv/certificates.ts';
import { startPostgres } from '../../tools/testenv/postgres.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { driverOptions, Replica } from '../support/postgres-driver.ts';
import { external, postgres, postgresMajors } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const signal = AbortSignal.timeout(600_000);

async function failure(options: PostgresDriverOptions) {
  const driver = createPostgresDriver(options);
  try {
    await driver.prepare(null, signal);
  } catch (error) {
    return error;
  } finally {
    await driver.close();
  }
  return null;
}

async function findings(options: PostgresDriverOptions) {
  const driver = createPostgresDriver(options);
  const found = await driver.check(signal);
  await driver.close();
  return found.filter(({ level }) => level !== 'ok');
}

/** A role with a password of its own, which goes with the test. */
async function role(database: TestDatabase, attributes: string) {
  const name = `r_${database.name}`;
  await database.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret' ${attributes}`);
  return {
    name,
    async [Symbol.asyncDispose]() {
      await database.query(`DROP OWNED BY ${name} CASCADE`);
      await database.query(`DROP ROLE ${name}`);
    },
  };
}

async function withTable(major: 15 | 18 = 15) {
  const database = await createDatabase(postgres(major));
  await database.query('CREATE TABLE t (id int PRIMARY KEY)');
  return database;
}

test('no REPLICATION attribute, no SELECT, no CREATE, not the owner: each with its statement', async () => {
  await using database = await withTable();
  await using user = await role(database, '');
  const options = driverOptions(database, { user: user.name, password: 'secret' });
  const expectFailure = async (code: string, remedy: string) => {
    const error = await failure(options);
    expect(error).toMatchObject({ code, remedy: expect.stringContaining(remedy) });
    expect(await findings(options)).toContainEqual(
      expect.objectContaining({ level: 'failure', remedy: expect.stringContaining(remedy) }),
    );
  };
  await expectFailure('privilege_missing', `ALTER ROLE "${user.name}" REPLICATION;`);
  await database.query(`ALTER ROLE ${user.name} REPLICATION`);
  await expectFailure(
    'privilege_missing',
    `GRANT CREATE ON DATABASE "${database.name}" TO "${user.name}";`,
  );
  await database.query(`GRANT CREATE ON DATABASE ${database.name} TO ${user.name}`);
  await expectFailure('privilege_missing', `ALTER TABLE "public"."t" OWNER TO "${user.name}";`);
  await database.query(
    `CREATE PUBLICATION watcherpub_${database.name} FOR TABLE t WITH (publish_via_partition_root)`,
  );
  await expectFailure('privilege_missing', `GRANT SELECT ON "public"."t" TO "${user.name}";`);
  await database.query(
    `GRANT SELECT ON t TO ${user.name}; ALTER TABLE t ENABLE ROW LEVEL SECURITY`,
  );
  await expectFailure('privilege_missing', `ALTER ROLE "${user.name}" BYPASSRLS;`);
  await database.query('ALTER TABLE t DISABLE ROW LEVEL SECURITY');
  expect(await failure(options)).toBeNull();
});

test('wrong password, unknown role, database, host and port', async () => {
  await using database = await withTable();
  await using user = await role(database, 'REPLICATION');
  const base = driverOptions(database);
  const expectCode = async (
    changes: Partial<PostgresDriverOptions>,
    code: string,
    text: string,
  ) => {
    expect(await failure({ ...base, ...changes })).toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
  };
  const [row] = await database.query<{ method: string }>(
    "SELECT auth_method AS method FROM pg_hba_file_rules WHERE type LIKE 'host%' LIMIT 1",
  );
  if (row?.method !== 'trust') {
    await expectCode({ user: user.name, password: 'wrong' }, 'source_auth_failed', user.name);
    await expectCode({ user: user.name, password: '' }, 'source_auth_failed', user.name);
  }
  await expectCode({ user: 'nobody_here' }, 'source_auth_failed', 'nobody_here');
  await expectCode({ database: 'no_such_db' }, 'database_missing', 'no_such_db');
  await expectCode({ host: 'no-such-host.invalid' }, 'source_unavailable', 'no-such-host.invalid');
  await expectCode({ port: 1 }, 'source_unavailable', ':1 cannot be reached');
});

test.skipIf(external().postgres)('wal_level, slots, walsenders', async () => {
  await using server = await startPostgres({ major: 15, settings: { wal_level: 'replica' } });
  const database = await createDatabase(server);
  await database.query('CREATE TABLE t (id int PRIMARY KEY)');
  const options = driverOptions(database);
  expect(await failure(options)).toMatchObject({
    code: 'source_setting',
    message: expect.stringContaining('wal_level is replica'),
    remedy: expect.stringContaining("ALTER SYSTEM SET wal_level = 'logical'"),
  });
  await database.query("ALTER SYSTEM SET wal_level = 'logical'");
  await database.query('ALTER SYSTEM SET max_replication_slots = 1');
  await database[Symbol.asyncDispose]();
  await server.restart();
  await using again = await createDatabase(server);
  await again.query('CREATE TABLE t (id int PRIMARY KEY)');
  await again.query("SELECT pg_create_physical_replication_slot('other')");
  expect(await failure(driverOptions(again))).toMatchObject({
    code: 'slots_exhausted',
    remedy: expect.stringContaining('max_replication_slots = 11'),
  });
  await again.query("SELECT pg_drop_replication_slot('other')");
});

test('a publication that is not ours to manage', async () => {
  await using database = await withTable();
  const options = driverOptions(database, { managePublication: false });
  const name = options.publication;
  expect(await failure(options)).toMatchObject({
    code: 'publication_missing',
    remedy: `CREATE PUBLICATION "${name}" FOR TABLE ONLY "public"."t" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);`,
  });
  await database.query(`CREATE PUBLICATION ${name} WITH (publish = 'insert')`);
  expect(await failure(options)).toMatchObject({
    code: 'publication_mismatch',
    message: expect.stringContaining('update, delete'),
  });
  await database.query(`ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete')`);
  await database.query('CREATE TABLE u (id int PRIMARY KEY, secret text, v int)');
  await database.query(`ALTER PUBLICATION ${name} ADD TABLE u (id, v) WHERE (id > 1)`);
  await database.query("INSERT INTO u VALUES (1, 's', 1), (2, 's', 2)");
  await using replica = new Replica(options);
  await replica.start();
  expect(replica.warnings.map(({ code, table }) => [code, table])).toEqual([
    ['truncate_not_published', null],
    ['publication_mismatch', 'public.t'],
  ]);
  await database.query("INSERT INTO u VALUES (0, 's', 1), (3, 's', 3)");
  await replica.caughtUp(database);
  expect([...replica.rows('public.u').values()]).toEqual(['{"id":2,"v":2}', '{"id":3,"v":3}']);
});

test('a publication FOR ALL TABLES is used as it is, with a warning for what it breaks', async () => {
  await using database = await withTable();
  const options = driverOptions(database);
  await database.query('CREATE SCHEMA other; CREATE TABLE other.keyless (v int)');
  await database.query(`CREATE PUBLICATION ${options.publication} FOR ALL TABLES`);
  await using replica = new Replica(options);
  await replica.start();
  expect(replica.warnings).toEqual([
    expect.objectContaining({
      code: 'no_replica_identity',
      remedy: 'ALTER TABLE other.keyless REPLICA IDENTITY FULL;',
    }),
  ]);
  await database.query('INSERT INTO other.keyless VALUES (1); INSERT INTO t VALUES (1)');
  await replica.caughtUp(database);
  expect(replica.rows('public.t').size).toBe(1);
  const late = 'CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1), (2)';
  await database.query(late);
  await until(() => replica.rows('public.late').size === 2, {
    what: 'late is there',
    failure: replica.ended,
  });
  expect(replica.violations).toEqual([]);
});

test.each(postgresMajors)(
  'the managed publication follows the tables on PostgreSQL %i',
  async (major) => {
    await using database = await withTable(major);
    await database.query(
      'CREATE TABLE keyless (v int); CREATE UNLOGGED TABLE quick (id int PRIMARY KEY)',
    );
    await database.query(
      'CREATE TABLE mute (id int PRIMARY KEY); ALTER TABLE mute REPLICA IDENTITY NOTHING',
    );
    const options = driverOptions(database);
    const members = async () => {
      const rows = await database.query<{ tablename: string }>(
        'SELECT tablename FROM pg_publication_tables WHERE pubname = $1 ORDER BY 1',
        [options.publication],
      );
      return rows.map(({ tablename }) => tablename);
    };
    await using replica = new Replica(options);
    const { excluded } = await replica.prepare();
    expect(excluded.map(({ table, warning }) => [table, warning.code])).toEqual([
      ['public.keyless', 'no_key'],
      ['public.mute', 'no_replica_identity'],
      ['public.quick', 'table_unsupported'],
    ]);
    expect(await members()).toEqual(['t']);
    await database.query('CREATE TABLE u (id int PRIMARY KEY)');
    await using narrower = new Replica({ ...options, matches: (_, table) => table === 'u' });
    await narrower.prepare();
    expect(await members()).toEqual(['u']);
    await using another = new Replica({ ...options, matches: () => false });
    await expect(another.prepare()).rejects.toMatchObject({ code: 'no_tables' });
  },
);

test('an excluded key column is refused', async () => {
  await using database = await withTable();
  const options = driverOptions(database, { excludesColumn: (_, __, column) => column === 'id' });
  expect(await failure(options)).toMatchObject({ code: 'key_column_excluded', table: 'public.t' });
  expect(await findings(options)).toMatchObject([{ level: 'failure', subject: 'public.t' }]);
});

test('a table joins only when no running transaction has written to it', async () => {
  await using database = await withTable();
  await using replica = new Replica(driverOptions(database));
  await replica.start();
  await database.query('CREATE TABLE u (id int PRIMARY KEY)');
  const writer = await database.connect();
  await writer.query('BEGIN');
  await writer.query('INSERT INTO u VALUES (1)');
  await until(
    async () => {
      const [row] = await database.query(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'u'::regclass",
      );
      return row;
    },
    { what: 'the publication waits for the writer' },
  );
  await writer.query('INSERT INTO u VALUES (2)');
  await writer.query('COMMIT');
  await database.query('INSERT INTO u VALUES (3)');
  await until(() => replica.rows('public.u').size === 3, {
    what: 'all rows are there',
    failure: replica.ended,
  });
  expect(replica.violations).toEqual([]);
});

test.each(postgresMajors)('slot cases on PostgreSQL %i', async (major) => {
  await using database = await withTable(major);
  const options = driverOptions(database);
  const first = new Replica(options);
  await first.start();
  await database.query('INSERT INTO t VALUES (1)');
  await first.caughtUp(database);
  let from = { ...first.resume!, position: first.position! };
  const judge = async (resume: typeof from | null = from) => {
    await using replica = new Replica(options);
    const { continuity } = await replica.prepare(resume);
    return continuity.kind === 'resume' ? 'resume' : (continuity.cause?.code ?? 'dump');
  };
  await expect(judge()).rejects.toMatchObject({
    code: 'slot_in_use',
    remedy: expect.stringMatching(/pg_terminate_backend\(\d+\)/),
  });
  await first[Symbol.asyncDispose]();
  from = { ...from, position: first.position! };
  expect(await judge()).toBe('resume');
  expect(await judge(null)).toBe('dump');
  expect(await judge({ ...from, position: { kind: 'postgres', lsn: 1n } })).toBe('slot_ahead');
  expect(await judge({ ...from, position: { kind: 'postgres', lsn: 2n ** 60n } })).toBe(
    'source_replaced',
  );
  expect(await judge({ ...from, identity: { ...from.identity, system: '1' } })).toBe(
    'source_replaced',
  );
  expect(await judge({ ...from, identity: { ...from.identity, database: 1 } })).toBe(
    'source_replaced',
  );
  await database.query(`DROP PUBLICATION ${options.publication}`);
  expect(await judge()).toBe('publication_replaced');
  await database.query('SELECT pg_drop_replication_slot($1)', [options.slot]);
  const [row] = await database.query<{ oid: string }>('SELECT oid::text FROM pg_publication');
  const identity = { ...from.identity, publication: Number(row!.oid) };
  expect(await judge({ ...from, identity })).toBe('slot_missing');
  await database.query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [
    options.slot,
  ]);
  await expect(judge()).rejects.toMatchObject({ code: 'slot_foreign' });
});

test('making a slot is given up after a time, and names who is waited for', async () => {
  await using database = await withTable();
  await using replica = new Replica(driverOptions(database, { slotTimeoutMs: 300 }));
  await replica.prepare();
  const writer = await database.connect();
  await writer.query('BEGIN; INSERT INTO t VALUES (1)');
  const [row] = (await writer.query('SELECT pg_backend_pid() AS pid')).rows;
  await expect(replica.dump()).rejects.toMatchObject({
    code: 'slot_creation_timeout',
    remedy: expect.stringContaining(`pg_terminate_backend(${row.pid})`),
  });
  await writer.query('COMMIT');
  await replica.dump();
  expect(replica.rows('public.t').size).toBe(1);
});

test('the publication replaced in mid-stream ends it', async () => {
  await using database = await withTable();
  const options = driverOptions(database);
  await using replica = new Replica(options);
  await replica.start();
  await database.query(`DROP PUBLICATION ${options.publication}`);
  await expect(replica.ended).rejects.toMatchObject({ code: 'publication_replaced' });
});

test('a connection that is cut, and one that is dead but open', async () => {
  await using database = await withTable();
  await database.query(`ALTER DATABASE ${database.name} SET wal_sender_timeout = '1s'`);
  await using proxy = await startTcpProxy(postgres(15));
  const options = driverOptions(database, {
    host: proxy.host,
    port: proxy.port,
    pollIntervalMs: 60_000,
  });
  await using replica = new Replica(options);
  await replica.start();
  await database.query('INSERT INTO t VALUES (1)');
  await until(() => replica.messages.length > 0, { what: 'it streams', failure: replica.ended });
  proxy.drop();
  await expect(replica.ended).rejects.toMatchObject({ code: 'source_unavailable' });
  await using second = new Replica(options);
  await second.start();
  await database.query('INSERT INTO t VALUES (2)');
  await until(() => second.messages.length > 0, { what: 'it streams', failure: second.ended });
  proxy.halfOpen();
  await expect(second.ended).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringContaining('the connection is dead'),
  });
  proxy.resume();
});

test.skipIf(external().postgres)('TLS: modes, a wrong authority, a wrong name', async () => {
  await using server = await startPostgres({ major: 15, tls: 'required' });
  await using plain = await withTable();
  const pem = async (file: string) => readFile(file, 'utf8');
  const certificates = server.certificates!;
  const ca = await pem(certificates.ca);
  const folder = await mkdtemp(join(tmpdir(), 'watcher-test-'));
  const foreign = await pem((await makeCertificates(folder, [])).ca);
  await rm(folder, { recursive: true });
  const { host, port, user, password } = server;
  const at = { host, port, user, password, database: 'postgres' };
  const client = new pg.Client({ ...at, ssl: { rejectUnauthorized: false } });
  await client.connect();
  await client.query('CREATE TABLE t (id int PRIMARY KEY)');
  await client.end();
  const base = { ...driverOptions(plain), ...at, publication: 'p', slot: 's' };
  const code = async (changes: Partial<PostgresDriverOptions>) =>
    ((await failure({ ...base, ...changes })) as { code: string } | null)?.code ?? 'ok';
  expect(await code({ tls: { mode: 'prefer', ca: null } })).toBe('ok');
  expect(await code({ tls: { mode: 'require', ca: null } })).toBe('ok');
  expect(await code({ tls: { mode: 'verify-full', ca } })).toBe('ok');
  expect(await code({ tls: { mode: 'verify-full', ca: null } })).toBe('source_tls_failed');
  expect(await code({ tls: { mode: 'verify-ca', ca: foreign } })).toBe('source_tls_failed');
  expect(await code({ tls: { mode: 'require', ca: foreign } })).toBe('source_tls_failed');
  expect(await code({ tls: { mode: 'disable', ca: null } })).toBe('source_auth_failed');
  const without = driverOptions(plain);
  expect(await failure({ ...without, tls: { mode: 'prefer', ca: null } })).toBeNull();
  expect(await failure({ ...without, tls: { mode: 'require', ca: null } })).toMatchObject({
    code: 'source_tls_failed',
    remedy: expect.stringContaining('ssl = on'),
  });
});

test('a slot that standbys keep too, where the server has such', async () => {
  await using database = await withTable(18);
  await using replica = new Replica(driverOptions(database));
  await replica.start();
  const slots = await database.query(
    'SELECT failover FROM pg_replication_slots WHERE slot_name = $1',
    [`watchersub_${database.name}`],
  );
  expect(slots).toEqual([{ failover: true }]);
});
