/** The servers that are to be used: those that TEST_PG_URL and TEST_ETCD_URL name, else servers of our own. */

import pg from 'pg';
import { type EtcdServer, startEtcd } from './etcd.ts';
import { callEtcd, type EtcdAddress } from './etcd-http.ts';
import type { EtcdVersion } from './etcd-programs.ts';
import { type PostgresAddress, type PostgresServer, startPostgres } from './postgres.ts';
import type { PostgresMajor } from './postgres-programs.ts';

/** A server in use; `own` is there if we started it, and can stop and kill it. */
export interface Opened<Address, Server> extends AsyncDisposable {
  readonly address: Address;
  readonly own: Server | undefined;
}

async function externalPostgres(url: string): Promise<PostgresAddress> {
  const parsed = new URL(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ number: string }>(
      `SELECT current_setting('server_version_num') AS number`,
    );
    return {
      url,
      host: parsed.hostname,
      port: Number(parsed.port || 5432),
      user: decodeURIComponent(parsed.username),
      password: decodeURIComponent(parsed.password),
      major: Math.floor(Number(rows[0]?.number) / 10_000),
    };
  } finally {
    await client.end();
  }
}

async function externalEtcd(urls: string): Promise<EtcdAddress> {
  const endpoints = urls.split(',').map((url) => new URL(url.trim()).origin);
  const endpoint = endpoints[0] ?? urls;
  const answer = await callEtcd({ endpoint }, { path: '/version' });
  return { endpoint, endpoints, version: (answer as { etcdserver: string }).etcdserver };
}

/** What stands in TEST_PG_URL, or a PostgreSQL of that major. */
export async function openPostgres(
  major: PostgresMajor,
): Promise<Opened<PostgresAddress, PostgresServer>> {
  const url = process.env.TEST_PG_URL;
  if (url) {
    const address = await externalPostgres(url);
    return { address, own: undefined, [Symbol.asyncDispose]: async () => {} };
  }
  const own = await startPostgres({ major });
  const { host, port, user, password } = own;
  const address = { url: own.url, host, port, user, password, major };
  return { address, own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** What stands in TEST_ETCD_URL (several URLs with commas between), or an etcd. */
export async function openEtcd(version?: EtcdVersion): Promise<Opened<EtcdAddress, EtcdServer>> {
  const urls = process.env.TEST_ETCD_URL;
  if (urls) {
    const address = await externalEtcd(urls);
    return { address, own: undefined, [Symbol.asyncDispose]: async () => {} };
  }
  const own = await startEtcd(version === undefined ? {} : { version });
  const { endpoint, endpoints } = own;
  const address = { endpoint, endpoints, version: own.version };
  return { address, own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}
