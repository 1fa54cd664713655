/** PostgreSQL servers for tests, the demo and benchmarks: real ones, each with a folder and a port of its own, on loopback. */

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveToServer, serverAccount } from './account.ts';
import { newServerFolder } from './cache.ts';
import { type CertificateFiles, makeServerCertificates } from './certificates.ts';
import { poll } from './poll.ts';
import { startOnFreePort } from './ports.ts';
import { type PostgresMajor, type PostgresSource, postgresPrograms } from './postgres-programs.ts';
import { run } from './run.ts';
import { type Supervised, startSupervised } from './supervised.ts';

/** Where a PostgreSQL is, and how its superuser logs in. Plain data. */
export interface PostgresAddress {
  /** Of the database `postgres`, with user and password. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly major: number;
}

export interface PostgresOptions {
  readonly major: PostgresMajor;
  readonly source?: PostgresSource;
  /**
   * A folder to keep the data in, absolute; it may hold the data of an earlier call, which then goes on. Without it: a new
   * folder that goes with the server.
   */
  readonly dir?: string;
  /** Over the settings below, for example `{ wal_level: 'replica' }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** `allowed`: with and without TLS. `required`: connections without TLS are refused. */
  readonly tls?: 'allowed' | 'required';
}

export interface PostgresServer extends PostgresAddress, AsyncDisposable {
  readonly major: PostgresMajor;
  readonly dir: string;
  /** The folder of its programs; what is there besides `postgres` and `initdb` depends on where they came from. */
  readonly programs: string;
  /** Of the postmaster. Throws while the server is stopped. */
  readonly pid: number;
  /** With `tls`: the authority that signed the server's certificate. */
  readonly certificates: CertificateFiles | undefined;
  /** Fast shutdown. A client that does not read can delay it by 10 s. */
  stop(): Promise<void>;
  /** Starts it again, on the same data and port; it recovers after a `kill`. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** Ends it at once, as a crash would: no checkpoint, no farewell to clients. */
  kill(): Promise<void>;
}

const defaults = {
  listen_addresses: '127.0.0.1',
  // No socket: its path may be too long for the system, and nothing needs it.
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: 40,
  max_replication_slots: 40,
  max_connections: 200,
  // Safe for tests, unlike synchronous_commit=off: with that, a commit may not be in the log yet when a slot is read.
  fsync: 'off',
  full_page_writes: 'off',
};

interface Cluster {
  readonly dir: string;
  readonly data: string;
  readonly programs: string;
  readonly password: string;
}

async function initialise(dir: string, programs: string): Promise<Cluster> {
  const data = join(dir, 'data');
  const passwordFile = join(dir, 'password');
  if (existsSync(join(data, 'PG_VERSION'))) {
    return { dir, data, programs, password: await readFile(passwordFile, 'utf8') };
  }
  await mkdir(dir, { recursive: true });
  await giveToServer(dir);
  // Not a fixed one: whoever else is on this machine could become our user through a superuser of the database.
  const password = randomBytes(12).toString('hex');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await giveToServer(passwordFile);
  const login = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  const args = ['-D', data, ...login, '-E', 'UTF8', '--locale=C', '--no-sync'];
  await run(join(programs, 'initdb'), args, { cwd: dir, account: serverAccount });
  return { dir, data, programs, password };
}

async function writeSettings(cluster: Cluster, settings: PostgresOptions['settings']) {
  const lines = Object.entries({ ...defaults, ...settings }).map(
    ([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`,
  );
  // The last line of a name wins.
  await appendFile(join(cluster.data, 'postgresql.conf'), lines.join(''));
}

async function prepareTls(cluster: Cluster, tls: 'allowed' | 'required') {
  const certificates = await makeServerCertificates(join(cluster.dir, 'tls'), ['postgres']);
  if (tls === 'required') {
    const file = join(cluster.data, 'pg_hba.conf');
    const rules = await readFile(file, 'utf8');
    await writeFile(file, rules.replace(/^host\s/gm, 'hostssl '));
  }
  return {
    certificates,
    settings: {
      ssl: 'on',
      ssl_ca_file: certificates.ca,
      ssl_cert_file: certificates.server.cert,
      ssl_key_file: certificates.server.key,
    },
  };
}

/** Line 8 of postmaster.pid is the state; `ready` means that connections are taken (src/include/utils/pidfile.h). */
async function isReady(cluster: Cluster, pid: number): Promise<boolean> {
  const text = await readFile(join(cluster.data, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

async function startOn(cluster: Cluster, port: number, temporary: boolean): Promise<Supervised> {
  const server = await startSupervised({
    name: 'PostgreSQL',
    command: join(cluster.programs, 'postgres'),
    args: ['-D', cluster.data, '-p', String(port)],
    dir: cluster.dir,
    account: serverAccount,
    env: { LC_ALL: 'C' },
    lastSignal: 'QUIT',
    temporaryFolder: temporary ? cluster.dir : undefined,
  });
  await poll(`PostgreSQL is ready (${cluster.dir}/server.log)`, async () => {
    await server.assertRunning();
    return isReady(cluster, server.pid);
  });
  return server;
}

/**
 * Starts a PostgreSQL with `wal_level = logical` and passwords checked (SCRAM) for every connection, installing it if needed.
 * It ends with its disposal, or with this process.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const programs = await postgresPrograms(options.major, options.source);
  const temporary = options.dir === undefined;
  const dir = options.dir ?? (await newServerFolder(`postgres${options.major}`));
  const cluster = await initialise(dir, programs);
  const secured = options.tls && (await prepareTls(cluster, options.tls));
  await writeSettings(cluster, { ...secured?.settings, ...options.settings });
  let { port, process: current } = await startOnFreePort(dir, (free) =>
    startOn(cluster, free, temporary),
  );
  const { password } = cluster;
  const stop = () => current.end('SIGINT');
  const start = async () => {
    if (!current.running) current = await startOn(cluster, port, temporary);
  };
  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    major: options.major,
    dir,
    programs,
    certificates: secured?.certificates,
    get pid() {
      if (!current.running) throw new Error('PostgreSQL is stopped');
      return current.pid;
    },
    stop,
    start,
    async restart() {
      await stop();
      await start();
    },
    // SIGQUIT is PostgreSQL's own crash; SIGKILL would leave its children behind for a while, and with them the next start refused.
    kill: () => current.end('SIGQUIT'),
    async [Symbol.asyncDispose]() {
      await current.end(temporary ? 'SIGQUIT' : 'SIGINT');
      if (temporary) await rm(dir, { recursive: true, force: true });
    },
  };
}
