import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { startEtcd } from '../../tools/testenv/etcd.ts';
import { authenticate, enableEtcdAuth } from '../../tools/testenv/etcd-auth.ts';
import { startPostgres } from '../../tools/testenv/postgres.ts';
import { createDatabase } from '../support/database.ts';
import { etcdGateway } from '../support/etcd-gateway.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd, external, postgres, postgresMajors } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** When the connection is gone, for whatever reason. */
function endOf(client: pg.Client): Promise<void> {
  return new Promise((resolve) => client.once('end', () => resolve()));
}

describe.each(postgresMajors)('PostgreSQL %i', (major) => {
  test('is up, with wal_level logical', async () => {
    await using database = await createDatabase(postgres(major));
    const [row] = await database.query(
      `SELECT current_setting('wal_level') AS wal_level, current_setting('server_version_num')::int / 10000 AS major`,
    );
    expect(row?.wal_level).toBe('logical');
    if (!external().postgres) expect(row?.major).toBe(major);
  });

  test.each([{}, { replication: 'database' }])('refuses a wrong password (%o)', async (extra) => {
    const { host, port, user } = postgres(major);
    const options = { host, port, user, database: 'postgres', password: 'wrong', ...extra };
    const client = new pg.Client(options);
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  test('a database goes with its slots and connections', async () => {
    const server = postgres(major);
    const database = await createDatabase(server);
    await database.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [
      database.name,
    ]);
    const other = await database.connect();
    const gone = endOf(other);
    await database[Symbol.asyncDispose]();
    await gone;
    await using witness = await createDatabase(server);
    const left = await witness.query(
      'SELECT datname FROM pg_database WHERE datname = $1 UNION SELECT slot_name FROM pg_replication_slots WHERE slot_name = $1',
      [database.name],
    );
    expect(left).toEqual([]);
  });
});

test('etcd keeps what is put under a prefix, until the prefix is disposed of', async () => {
  const gateway = etcdGateway(etcd());
  const prefix = createPrefix(etcd());
  const first = await gateway.put(`${prefix.rows}a`, 'ä\n1');
  await gateway.put(`${prefix.rows}b`, '2');
  expect(await gateway.values(prefix.rows)).toEqual(
    new Map([
      [`${prefix.rows}a`, 'ä\n1'],
      [`${prefix.rows}b`, '2'],
    ]),
  );
  expect(await gateway.get(`${prefix.rows}a`)).toMatchObject({ modRevision: first, version: 1n });
  await prefix[Symbol.asyncDispose]();
  expect(await gateway.get(`${prefix.rows}a`)).toBeUndefined();
});

test('a watch collects every event in order, large ones and past ones too', async () => {
  await using prefix = createPrefix(etcd());
  const { gateway, rows } = prefix;
  const large = 'x'.repeat(1_000_000);
  const first = await gateway.put(`${rows}before`, large);
  await using late = await gateway.watchPrefix(rows, first);
  await using watch = await gateway.watchPrefix(rows);
  for (const key of ['a', 'b', 'c']) await gateway.put(rows + key, large);
  expect(await gateway.deletePrefix(`${rows}a`)).toBe(1);
  const last = await gateway.put(`${rows}d`, 'end');
  await watch.reached(last);
  await late.reached(last);
  const seen = watch.events.map(({ type, key }) => `${type} ${key.slice(rows.length)}`);
  expect(seen).toEqual(['put a', 'put b', 'put c', 'delete a', 'put d']);
  expect(watch.events[0]?.value).toBe(large);
  expect(late.events[0]).toMatchObject({ key: `${rows}before`, modRevision: first });
  expect(late.events.slice(1)).toEqual(watch.events);
});

describe('until', () => {
  test('fails at once when the work behind it fails', async () => {
    const failure = Promise.reject(new Error('broken'));
    const waiting = until(() => false, { what: 'never', timeoutMs: 60_000, failure });
    await expect(waiting).rejects.toThrow('broken');
  });

  test('fails at once when the work behind it ends', async () => {
    const waiting = until(() => false, { what: 'the row', failure: Promise.resolve() });
    await expect(waiting).rejects.toThrow('it ended before: the row');
  });

  test('fails at once when it is aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(until(() => false, { what: 'never', signal })).rejects.toThrow('enough');
  });

  test('says what was not to be had in time', async () => {
    const waiting = until(() => false, { what: 'the row', timeoutMs: 50 });
    await expect(waiting).rejects.toThrow('not within 50 ms: the row');
  });

  test('answers what it waited for', async () => {
    let asked = 0;
    expect(await until(() => ++asked > 2 && 'there', { what: 'it' })).toBe('there');
  });
});

describe('the TCP proxy', () => {
  const clientOf = async (proxy: { host: string; port: number }, server = postgres(18)) => {
    const { user, password } = server;
    const { host, port } = proxy;
    const client = new pg.Client({ host, port, user, password, database: 'postgres' });
    client.on('error', () => {});
    await client.connect();
    return client;
  };

  test('hands data on, and cuts', async () => {
    await using proxy = await startTcpProxy(postgres(18));
    const client = await clientOf(proxy);
    const large = await client.query(`SELECT repeat('x', 5000000) AS text`);
    expect(large.rows[0].text).toHaveLength(5_000_000);
    expect(proxy).toMatchObject({ accepted: 1, open: 1 });
    expect(proxy.receivedBytes).toBeGreaterThan(5_000_000);
    const ended = endOf(client);
    proxy.cut();
    await ended;
    await until(() => proxy.open === 0, { what: 'no connection is left' });
    await expect(clientOf(proxy)).rejects.toThrow(/ECONNRESET|terminated/);
    proxy.resume();
    await (await clientOf(proxy)).end();
    await until(() => proxy.open === 0, { what: 'an ended connection is gone' });
  });

  test('goes silent without closing, and goes on where it was', async () => {
    await using proxy = await startTcpProxy(postgres(18));
    const client = await clientOf(proxy);
    proxy.halfOpen();
    const before = proxy.sentBytes;
    let answered = false;
    const answer = client.query('SELECT 1 AS one').finally(() => {
      answered = true;
    });
    // A second connection is taken and says nothing either: time enough for an answer to have come on the first.
    const second = createConnection(proxy);
    await until(() => proxy.open === 2, { what: 'the second connection is taken' });
    expect({ answered, sent: proxy.sentBytes - before }).toEqual({ answered: false, sent: 0 });
    proxy.resume();
    expect((await answer).rows).toEqual([{ one: 1 }]);
    second.destroy();
    await client.end();
  });

  test('holds data back for a time', async () => {
    await using proxy = await startTcpProxy(postgres(18));
    const client = await clientOf(proxy);
    proxy.delay(50);
    const start = performance.now();
    await client.query('SELECT 1');
    expect(performance.now() - start).toBeGreaterThanOrEqual(95);
    proxy.delay(0);
    await client.end();
  });
});

describe('servers of one test', () => {
  test.skipIf(external().postgres)('PostgreSQL survives a kill', async () => {
    await using server = await startPostgres({ major: 15, settings: { wal_level: 'replica' } });
    await using database = await createDatabase(server);
    await database.query('CREATE TABLE kept AS SELECT 1 AS one');
    await server.kill();
    expect(() => server.pid).toThrow('stopped');
    await server.start();
    const client = await database.connect();
    const { rows } = await client.query(
      `SELECT one, current_setting('wal_level') AS level FROM kept`,
    );
    expect(rows).toEqual([{ one: 1, level: 'replica' }]);
    await client.end();
  });

  test.skipIf(external().postgres)('PostgreSQL with TLS refuses connections without', async () => {
    await using server = await startPostgres({ major: 18, tls: 'required' });
    const { host, port, user, password, certificates } = server;
    const login = { host, port, user, password, database: 'postgres' };
    await expect(new pg.Client(login).connect()).rejects.toMatchObject({ code: '28000' });
    const ca = readFileSync(certificates?.ca ?? '');
    const client = new pg.Client({ ...login, ssl: { ca } });
    await client.connect();
    await client.end();
  });

  test.skipIf(external().etcd)(
    'an etcd cluster with TLS and users goes on without a follower',
    async () => {
      await using server = await startEtcd({ clusterOf: 3, tls: 'mutual' });
      const leader = await server.leader();
      const follower = server.members.find(
        (member) => member !== leader && member !== server.members[0],
      );
      await enableEtcdAuth(server, 'secret', [
        { name: 'app', password: 'pass', prefixes: ['/app/'] },
      ]);
      await expect(authenticate(server, 'app', 'wrong')).rejects.toThrow(/authentication failed/);
      await expect(etcdGateway(server).get('/app/a')).rejects.toThrow(
        /permission denied|user name is empty/,
      );
      const gateway = etcdGateway({ ...server, token: await authenticate(server, 'app', 'pass') });
      await gateway.put('/app/a', '1');
      await expect(gateway.put('/other', '1')).rejects.toThrow(/permission denied/);
      await follower?.kill();
      await gateway.put('/app/a', '2');
      await follower?.start();
      expect((await gateway.get('/app/a'))?.value).toBe('2');
    },
  );

  test.skipIf(external().etcd)('a paused etcd answers nothing until it is resumed', async () => {
    await using server = await startEtcd();
    server.pause();
    const silence = fetch(`${server.endpoint}/health`, { signal: AbortSignal.timeout(200) });
    await expect(silence).rejects.toThrow(/timeout/);
    server.resume();
    expect((await fetch(`${server.endpoint}/health`)).ok).toBe(true);
  });

  test.skipIf(external().postgres || external().etcd)(
    'end, with their data, when the process that started them is killed',
    async () => {
      const program = `
        import { startEtcd } from './tools/testenv/etcd.ts';
        import { startPostgres } from './tools/testenv/postgres.ts';
        const servers = [await startEtcd(), await startPostgres({ major: 15 })];
        console.log(JSON.stringify(servers.map(({ pid, dir }) => ({ pid, dir }))));`;
      const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
      const starter = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = await once(starter.stdout, 'data');
      const servers: { pid: number; dir: string }[] = JSON.parse(String(line));
      const sessions = servers.map(({ pid }) =>
        execFileSync('ps', ['-o', 'sid=', '-p', String(pid)], { encoding: 'utf8' }).trim(),
      );
      expect(new Set([...sessions, String(starter.pid)]).size).toBe(3);
      starter.kill('SIGKILL');
      await until(() => servers.every(({ dir }) => !existsSync(dir)), {
        what: 'the folders are gone',
      });
      for (const { pid } of servers) expect(existsSync(`/proc/${pid}`)).toBe(false);
    },
  );
});
