/**
 * The servers that are to be used: those that TEST_PG_URL, TEST_MYSQL_URL, TEST_MARIADB_URL and TEST_ETCD_URL name, else servers
 * of our own.
 */

import pg from 'pg';
import { type EtcdServer, startEtcd } from './etcd.ts';
import { callEtcd, type EtcdAddress } from './etcd-http.ts';
import type { EtcdVersion } from './etcd-programs.ts';
import { type MysqlServer, startMariadb, startMysql } from './mysql.ts';
import { findMysql, type MysqlAddress, type MysqlFlavour } from './mysql-address.ts';
import type { MariadbVersion, MysqlVersion } from './mysql-programs.ts';
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

/** Which servers are not ours to start, stop and kill. */
export interface ExternalServers {
  readonly postgres: boolean;
  readonly mysql: boolean;
  readonly mariadb: boolean;
  readonly etcd: boolean;
}

/** Which of the variables are set. */
export function externalServers(): ExternalServers {
  const { TEST_PG_URL, TEST_MYSQL_URL, TEST_MARIADB_URL, TEST_ETCD_URL } = process.env;
  return {
    postgres: Boolean(TEST_PG_URL),
    mysql: Boolean(TEST_MYSQL_URL),
    mariadb: Boolean(TEST_MARIADB_URL),
    etcd: Boolean(TEST_ETCD_URL),
  };
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

async function openMysqlOr(
  given: { readonly variable: string; readonly url: string | undefined } | undefined,
  expected: MysqlFlavour,
  start: () => Promise<MysqlServer>,
): Promise<Opened<MysqlAddress, MysqlServer>> {
  if (given?.url) {
    const address = await findMysql(given.url);
    if (address.flavour !== expected) {
      throw new Error(`${given.variable} is a ${address.flavour} ${address.version}`);
    }
    return { address, own: undefined, [Symbol.asyncDispose]: async () => {} };
  }
  const own = await start();
  const { url, host, port, user, password, flavour, version } = own;
  const address = { url, host, port, user, password, flavour, version };
  return { address, own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** What stands in TEST_MYSQL_URL, or a MySQL of that version; the variable does not stand for a 5.6. @throws NotInstallable */
export function openMysql(version: MysqlVersion): Promise<Opened<MysqlAddress, MysqlServer>> {
  const given = { variable: 'TEST_MYSQL_URL', url: process.env.TEST_MYSQL_URL };
  return openMysqlOr(version === '5.6' ? undefined : given, 'mysql', () => startMysql({ version }));
}

/** What stands in TEST_MARIADB_URL, or a MariaDB of that version. @throws NotInstallable */
export function openMariadb(version: MariadbVersion): Promise<Opened<MysqlAddress, MysqlServer>> {
  const given = { variable: 'TEST_MARIADB_URL', url: process.env.TEST_MARIADB_URL };
  return openMysqlOr(given, 'mariadb', () => startMariadb({ version }));
}
