/**
 * The whole service as docs/security.md sets it up: TLS that is verified on every side, client certificates for etcd,
 * the least that the documents grant, tokens; and no secret in anything that it says.
 */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CertificateFiles, makeCertificates } from '../../tools/testenv/certificates.ts';
import { type EtcdServer, startEtcd } from '../../tools/testenv/etcd.ts';
import { authenticate, enableEtcdAuth } from '../../tools/testenv/etcd-auth.ts';
import { type PostgresServer, startPostgres } from '../../tools/testenv/postgres.ts';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { type EtcdGateway, etcdGateway } from '../support/etcd-gateway.ts';
import { type ApiAnswer, callApi } from '../support/secure-api.ts';
import { external } from '../support/servers.ts';
import { until } from '../support/until.ts';

const root = new URL('../../', import.meta.url);
const program = fileURLToPath(new URL('dist/cli.js', root));

/** Blocks of docs/security.md by their language. */
async function documented(language: string): Promise<readonly string[]> {
  const page = await readFile(new URL('docs/security.md', root), 'utf8');
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'));
  return [...blocks].map(([, block]) => String(block));
}

const planted = (name: string) => `planted-${name}-${randomBytes(8).toString('hex')}`;
const secrets = {
  database: planted('db'),
  etcd: planted('etcd'),
  admin: planted('admin'),
  reader: planted('reader'),
  wrongDatabase: planted('wrong-db'),
  wrongEtcd: planted('wrong-etcd'),
  wrongToken: planted('wrong-token'),
};

let dir: string;
let postgres: PostgresServer;
let etcd: EtcdServer;
let foreign: CertificateFiles;
let gateway: EtcdGateway;
/** Lines of the private keys that are in use. */
let keyLines: readonly string[];

const path = (name: string) => join(dir, name);
const certificates = () => ({
  database: postgres.certificates as CertificateFiles,
  etcd: etcd.certificates as CertificateFiles,
});

async function sql(
  statements: string,
  database = 'inventory',
  user = 'postgres',
  password = '',
): Promise<void> {
  const { host, port, certificates: tls } = postgres;
  const client = new pg.Client({
    ...{ host, port, database, user, password: password || postgres.password },
    ssl: { ca: await readFile(tls?.ca ?? '', 'utf8') },
  });
  await client.connect();
  try {
    await client.query(statements);
  } finally {
    await client.end();
  }
}

/** The statements of the document as they stand there, on the database that they speak of. */
async function preparePostgres(): Promise<void> {
  const [least = ''] = await documented('sql');
  await sql("CREATE ROLE app LOGIN PASSWORD 'app'", 'postgres');
  await sql('CREATE DATABASE inventory OWNER app', 'postgres');
  const tables = `CREATE TABLE products (id int PRIMARY KEY, name text); CREATE TABLE stock (id int PRIMARY KEY, n int);
    INSERT INTO products SELECT n, 'p' || n FROM generate_series(1, 50) n; INSERT INTO stock VALUES (1, 1)`;
  await sql(`GRANT ALL ON SCHEMA public TO app`);
  await sql(tables, 'inventory', 'app', 'app');
  await sql(least);
  await sql(`ALTER ROLE watcher PASSWORD '${secrets.database}'`);
}

async function prepareEtcd(): Promise<void> {
  const grants = (await documented('console')).join('').matchAll(/readwrite (\S+)/g);
  const prefixes = [...grants].map(([, prefix]) => String(prefix));
  expect(prefixes).toEqual(['/watcher/', '/inventory/']);
  const rootPassword = randomBytes(8).toString('hex');
  await enableEtcdAuth(etcd, rootPassword, [{ name: 'watcher', password: secrets.etcd, prefixes }]);
  gateway = etcdGateway({ ...etcd, token: await authenticate(etcd, 'root', rootPassword) });
}

beforeAll(async () => {
  if (external().postgres || external().etcd) return;
  dir = await mkdtemp(join(tmpdir(), 'watcher-security-'));
  postgres = await startPostgres({ major: 15, tls: 'required' });
  etcd = await startEtcd({ tls: 'mutual' });
  foreign = await makeCertificates(path('foreign'), ['app']);
  await preparePostgres();
  await prepareEtcd();
  await writeFile(path('etcd-password'), `${secrets.etcd}\n`);
  await writeFile(path('reader-token'), secrets.reader);
  await writeFile(path('wrong-password'), secrets.wrongDatabase);
  const keys = [certificates().etcd.nameless.key, foreign.server.key];
  const texts = await Promise.all(keys.map((file) => readFile(file, 'utf8')));
  keyLines = texts.map((pem) => String(pem.split('\n')[1]));
});

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await etcd?.[Symbol.asyncDispose]();
  if (dir) await rm(dir, { recursive: true, force: true });
});

type Json = Readonly<Record<string, unknown>>;

const env = { DB_PASSWORD: secrets.database, ADMIN_TOKEN: secrets.admin };

/** Secrets in each of the forms that a configuration has for them. */
function configuration(
  over: { database?: Json; etcd?: Json; sync?: Json; syncs?: Json } = {},
): Json {
  const { nameless } = certificates().etcd;
  const database = {
    host: 'localhost',
    port: postgres.port,
    name: 'inventory',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of the configuration
    password: '${DB_PASSWORD}',
    tls: { mode: 'verify-full', ca: certificates().database.ca },
    retry_period: '100ms',
    replication_status_timeout: '300ms',
    ...over.database,
  };
  return {
    log_level: 'trace',
    api: {
      port: 0,
      tokens: [
        // biome-ignore lint/suspicious/noTemplateCurlyInString: of the configuration
        { name: 'ops', token: '${ADMIN_TOKEN}', role: 'admin' },
        { name: 'prometheus', token_file: 'reader-token', role: 'read' },
      ],
      tls: { cert: foreign.server.cert, key_file: foreign.server.key },
    },
    etcd: {
      endpoints: [`https://localhost:${new URL(etcd.endpoint).port}`],
      username: 'watcher',
      password_file: 'etcd-password',
      dial_timeout: '1s',
      tls: { ca: certificates().etcd.ca, cert: nameless.cert, key_file: nameless.key },
      ...over.etcd,
    },
    syncs: {
      inventory: { database, postgres: { manage_publication: false }, ...over.sync },
      ...over.syncs,
    },
  };
}

interface Running extends AsyncDisposable {
  readonly process: WatcherProcess;
  readonly output: readonly string[];
  get(path: string, token?: string): Promise<ApiAnswer>;
  order(order: string, token?: string): Promise<ApiAnswer>;
  /** Waits for a status of a sync. */
  until(
    what: string,
    condition: (status: SyncStatus) => boolean,
    sync?: string,
  ): Promise<SyncStatus>;
}

interface SyncStatus {
  readonly state: string;
  readonly last_error: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
  } | null;
}

let runs = 0;
async function start(config: Json): Promise<Running> {
  const output: string[] = [];
  const process = await startWatcher({
    config: JSON.stringify(config),
    dir,
    env: { ...env, RUN: String(++runs) },
    onLine: (line) => output.push(line),
  });
  const ca = await readFile(foreign.ca, 'utf8');
  const get = (at: string, token: string | undefined = secrets.reader) =>
    callApi(`${process.url}${at}`, { ca, token, firstBytes: at === '/v1/events' });
  return {
    process,
    output,
    get,
    order: (order, token = secrets.admin) =>
      callApi(`${process.url}/v1/syncs/inventory/${order}`, { ca, token, method: 'POST' }),
    async until(what, condition, sync = 'inventory') {
      let last = '';
      const ask = async () => {
        last = (await get(`/v1/syncs/${sync}`)).body;
        const status = JSON.parse(last) as SyncStatus;
        return condition(status) && status;
      };
      try {
        return await until(ask, { what, failure: process.failure, timeoutMs: 30_000 });
      } catch (error) {
        throw new Error(`${what}: ${last}`, { cause: error });
      }
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

const streams = ({ state }: SyncStatus) => state === 'streaming';

async function check(config: Json | string): Promise<string> {
  const file = path(`check-${++runs}.yml`);
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config));
  const child = spawn(process.execPath, [program, 'check', '-c', file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return out + err;
}

/** None of them as it is, in base64 or percent-encoded. */
function expectNoSecret(what: string, said: string): void {
  for (const secret of [...Object.values(secrets), ...keyLines]) {
    for (const form of [
      secret,
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      encodeURIComponent(secret),
    ]) {
      expect(said.includes(form), `${what} shows ${secret}: ${around(said, form)}`).toBe(false);
    }
  }
}

function around(said: string, form: string): string {
  const at = said.indexOf(form);
  return at < 0 ? '' : said.slice(Math.max(0, at - 200), at + 20);
}

async function keysAgree(base: string, count: number): Promise<void> {
  await until(async () => (await gateway.list(base)).size === count, {
    what: `${count} keys under ${base}`,
  });
}

describe.skipIf(external().postgres || external().etcd)('docs/security.md', () => {
  test('the grants of the document are enough: dump, stream, a new table, orders, a publication of its own', async () => {
    await using watcher = await start(configuration());
    await watcher.until('it streams', streams);
    await keysAgree('/inventory/public/products/', 50);
    await sql(
      `DELETE FROM products WHERE id > 40; UPDATE stock SET n = 2`,
      'inventory',
      'app',
      'app',
    );
    await keysAgree('/inventory/public/products/', 40);
    await sql(
      'CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)',
      'inventory',
      'app',
      'app',
    );
    await sql('ALTER PUBLICATION watcherpub_inventory ADD TABLE orders');
    await keysAgree('/inventory/public/orders/', 1);
    expect((await watcher.order('dump')).status).toBe(202);
    await watcher.until('it streams again', streams);
    expect((await watcher.order('stop')).status).toBe(202);
    await watcher.until('it is stopped', ({ state }) => state === 'stopped');
    expect((await watcher.order('start')).status).toBe(202);
    await watcher.until('it streams', streams);
    expect(await watcher.process.stop()).toBe(0);

    const managed = configuration({
      sync: { postgres: { publication: 'p_managed', slot: 's_managed' } },
    });
    await using before = await start(managed);
    const { last_error } = await before.until('it is refused', ({ state }) => state === 'failed');
    expect(last_error).toMatchObject({ code: 'privilege_missing' });
    const [, grants = ''] = await documented('sql');
    await sql(grants);
    await before.order('start');
    await before.until('it streams', streams);
    await sql('INSERT INTO products VALUES (100, NULL)', 'inventory', 'app', 'app');
    await keysAgree('/inventory/public/products/', 41);
  });

  test('tokens and TLS in front of the real service', async () => {
    await using watcher = await start(configuration());
    expect(watcher.process.url).toMatch(/^https:/);
    await expect(callApi(`${watcher.process.url}/healthz`, { ca: '' })).rejects.toThrow();
    expect((await watcher.get('/healthz', '')).status).toBe(200);
    expect((await watcher.get('/metrics', '')).status).toBe(401);
    expect((await watcher.get('/metrics', secrets.wrongToken)).status).toBe(401);
    const { status, headers } = await watcher.get('/metrics');
    expect([status, headers['strict-transport-security']]).toEqual([200, 'max-age=31536000']);
    expect((await watcher.order('start', secrets.reader)).status).toBe(403);
    expect((await watcher.order('start')).status).toBe(202);
  });

  test('no secret is in logs, answers, metrics, etcd, check or errors', async () => {
    const wrong = {
      database: {
        ...(configuration().syncs as { inventory: { database: Json } }).inventory.database,
        password: undefined,
        password_file: 'wrong-password',
      },
      keys: { template: '/inventory/wrong/{schema}/{table}/{key}' },
    };
    const over = {
      sync: { keys: { template: '/inventory/right/{schema}/{table}/{key}' } },
      syncs: { wrong },
    };
    await using watcher = await start(configuration(over));
    await watcher.until('it streams', streams);
    const { last_error } = await watcher.until(
      'a wrong password fails',
      ({ state }) => state === 'failed',
      'wrong',
    );
    expect(last_error?.code).toBe('source_auth_failed');
    await watcher.get(`/v1/syncs?token=${secrets.wrongToken}`);
    await watcher.get('/v1/syncs', secrets.wrongToken);

    const { paths } = JSON.parse((await watcher.get('/openapi.json')).body) as {
      paths: Record<string, Json>;
    };
    const gets = Object.keys(paths).filter((name) => paths[name]?.get !== undefined);
    expect(gets.length).toBeGreaterThan(6);
    for (const name of [...gets, '/readyz?verbose', '/docs/json', '/', '/nothing']) {
      for (const sync of name.includes('{name}') ? ['inventory', 'wrong', 'nope'] : ['']) {
        const answer = await watcher.get(name.replace('{name}', sync), secrets.admin);
        expectNoSecret(`GET ${name}`, JSON.stringify(answer));
      }
    }
    const state = await gateway.list('/watcher/');
    expect(state.size).toBeGreaterThan(2);
    for (const { key, value } of state.values()) expectNoSecret(key, value);
    const command = await readFile(`/proc/${watcher.process.pid}/cmdline`, 'utf8');
    expectNoSecret('the command line', command);

    expectNoSecret('check', await check(configuration(over)));
    expect(await watcher.process.stop()).toBe(0);
    expect(watcher.output.length).toBeGreaterThan(20);
    expectNoSecret('the log', watcher.output.join('\n'));
  });

  test('no secret is in what is said of a wrong one, or of a broken file', async () => {
    const wrongEtcd = configuration({
      etcd: { password_file: undefined, password: secrets.wrongEtcd },
    });
    await using watcher = await start(wrongEtcd);
    const { last_error } = await watcher.until(
      'etcd refuses it',
      (status) => status.last_error !== null,
    );
    expect(last_error?.code).toBe('etcd_auth_failed');
    expectNoSecret('the log', watcher.output.join('\n'));
    const refused = await check(wrongEtcd);
    expect(refused).toMatch(/etcd\.password/);
    expectNoSecret('check', refused);

    const { port } = postgres;
    const older = (password: string) => `log_level: trace
etcd: { endpoints: ["127.0.0.1:1"], dial_timeout: 1s }
database:
  connection: "host=localhost port=${port} dbname=inventory user=watcher password=${password} sslmode=verify-full sslrootcert=${certificates().database.ca}"
`;
    for (const password of [secrets.database, secrets.wrongDatabase]) {
      expectNoSecret('check', await check(older(password)));
    }
    for (const broken of [
      older(`${secrets.database}' "`),
      `database: { connection: ${secrets.database} }`,
      `api: { tokens: [${secrets.admin}] }`,
      `api: { tls: { cert: ${secrets.admin}, key: ${secrets.etcd} } }`,
      `etcd: { password: { ${secrets.etcd}`,
      `etcd: { password_file: ${secrets.etcd} }`,
    ]) {
      const said = await check(broken);
      expect(said).toMatch(/check-\d+\.yml:/);
      expectNoSecret(broken, said);
    }
  });
});

/** A server on another address of this machine, which no certificate names. */
async function elsewhere(port: number): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(target).pipe(client);
  });
  server.listen(0, '127.0.0.2');
  await once(server, 'listening');
  const address = server.address() as { readonly port: number };
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.skipIf(external().postgres || external().etcd)('who the servers are', () => {
  const failing = async (config: Json) => {
    await using watcher = await start(config);
    const { last_error } = await watcher.until(
      'it says so',
      (status) => status.last_error !== null,
    );
    return last_error;
  };

  test('a database with another authority, or under another name', async () => {
    const expected = { code: 'source_tls_failed', remedy: expect.stringMatching(/database\.tls/) };
    for (const mode of ['verify-ca', 'verify-full']) {
      const database = { tls: { mode, ca: foreign.ca } };
      expect(await failing(configuration({ database }))).toMatchObject(expected);
    }
    await using other = await elsewhere(postgres.port);
    const at = { host: '127.0.0.2', port: other.port };
    const ca = certificates().database.ca;
    const full = configuration({ database: { ...at, tls: { mode: 'verify-full', ca } } });
    expect(await failing(full)).toMatchObject({
      ...expected,
      message: expect.stringMatching(/altnames|name/i),
    });
    await using watcher = await start(
      configuration({ database: { ...at, tls: { mode: 'verify-ca', ca } } }),
    );
    await watcher.until('verify-ca does not look at the name', streams);
  });

  test('etcd with another authority, under another name, or that wants a certificate', async () => {
    const { ca, nameless } = certificates().etcd;
    const expected = { code: 'etcd_tls_failed', remedy: expect.stringMatching(/etcd\.tls/) };
    const tls = { ca, cert: nameless.cert, key: nameless.key };
    await using other = await elsewhere(Number(new URL(etcd.endpoint).port));
    for (const [wrong, message] of [
      [{ tls: { ...tls, ca: foreign.ca } }, /certificate/],
      [{ tls: { ca } }, /certificate/],
      [
        { tls: { ca, cert: foreign.clients.app?.cert, key: foreign.clients.app?.key } },
        /certificate/,
      ],
      [{ endpoints: [`https://127.0.0.2:${other.port}`], tls }, /127\.0\.0\.2/],
    ] as const) {
      const config = configuration({ etcd: wrong });
      expect(await failing(config)).toMatchObject({
        ...expected,
        message: expect.stringMatching(message),
      });
      expect(await check(config)).toMatch(/FAILURE +connection +The TLS connection to etcd/);
    }
  });

  test('the common name of a client certificate can be the user of etcd', async () => {
    const { ca, clients } = certificates().etcd;
    const tls = { ca, cert: clients.root?.cert, key: clients.root?.key };
    await using watcher = await start(
      configuration({ etcd: { username: '', password_file: undefined, tls } }),
    );
    await watcher.until('it streams', streams);
  });
});
