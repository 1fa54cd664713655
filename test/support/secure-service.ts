/** Real servers set up as docs/security.md says, the service on top of them, and the secrets that are planted in all of it. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { expect } from 'vitest';
import { type CertificateFiles, makeCertificates } from '../../tools/testenv/certificates.ts';
import { type EtcdServer, startEtcd } from '../../tools/testenv/etcd.ts';
import { authenticate, enableEtcdAuth } from '../../tools/testenv/etcd-auth.ts';
import { type PostgresServer, startPostgres } from '../../tools/testenv/postgres.ts';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { type EtcdGateway, etcdGateway } from './etcd-gateway.ts';
import { type ApiAnswer, callApi } from './secure-api.ts';
import { until } from './until.ts';

const root = new URL('../../', import.meta.url);
const program = fileURLToPath(new URL('dist/cli.js', root));

/** Blocks of docs/security.md by their language. */
export async function documented(language: string): Promise<readonly string[]> {
  const page = await readFile(new URL('docs/security.md', root), 'utf8');
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'));
  return [...blocks].map(([, block]) => String(block));
}

const planted = (name: string) => `planted-${name}-${randomBytes(8).toString('hex')}`;
export const secrets = {
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
/** Of the servers, and a foreign authority, which is also the API's. */
export const certificates = () => ({
  database: postgres.certificates as CertificateFiles,
  etcd: etcd.certificates as CertificateFiles,
  foreign,
});

/** What etcd holds, seen by root. */
export const inEtcd = () => gateway;

export const ports = () => ({ postgres: postgres.port, etcd: Number(new URL(etcd.endpoint).port) });

export async function sql(
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

export async function openSecureServers(): Promise<void> {
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
}

export async function closeSecureServers(): Promise<void> {
  await postgres?.[Symbol.asyncDispose]();
  await etcd?.[Symbol.asyncDispose]();
  if (dir) await rm(dir, { recursive: true, force: true });
}

export type Json = Readonly<Record<string, unknown>>;

const env = { DB_PASSWORD: secrets.database, ADMIN_TOKEN: secrets.admin };

/** Secrets in each of the forms that a configuration has for them. */
export function configuration(
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

export interface Running extends AsyncDisposable {
  readonly process: WatcherProcess;
  readonly output: readonly string[];
  get(path: string, token?: string): Promise<ApiAnswer>;
  order(order: string, token?: string): Promise<ApiAnswer>;
  reload(query?: string): Promise<ApiAnswer>;
  /** Waits for a status of a sync. */
  until(
    what: string,
    condition: (status: SyncStatus) => boolean,
    sync?: string,
  ): Promise<SyncStatus>;
}

export interface SyncStatus {
  readonly state: string;
  readonly last_error: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
  } | null;
}

let runs = 0;
export async function start(config: Json): Promise<Running> {
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
    reload: (query = '') => {
      const at = `${process.url}/v1/config/reload${query}`;
      return callApi(at, { ca, token: secrets.admin, method: 'POST' });
    },
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

export const streams = ({ state }: SyncStatus) => state === 'streaming';

export async function check(config: Json | string): Promise<string> {
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
export function expectNoSecret(what: string, said: string): void {
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
