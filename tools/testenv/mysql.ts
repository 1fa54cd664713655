/** MySQL and MariaDB servers for tests, the demo and benchmarks: real ones, each with a folder and a port of its own, on loopback. */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveToServer, serverAccount } from './account.ts';
import { newServerFolder } from './cache.ts';
import { type CertificateFiles, makeServerCertificates } from './certificates.ts';
import { findMysql, type MysqlAddress, type MysqlFlavour } from './mysql-address.ts';
import {
  type MariadbVersion,
  type MysqlClientPrograms,
  type MysqlInstallation,
  type MysqlVersion,
  mariadbInstallation,
  mysqlInstallation,
} from './mysql-programs.ts';
import { accountSql, defaultSettings, type MysqlSettings } from './mysql-settings.ts';
import { poll } from './poll.ts';
import { startOnFreePort } from './ports.ts';
import { run } from './run.ts';
import { type Supervised, startSupervised } from './supervised.ts';

interface Options {
  /**
   * A folder to keep the data in, absolute; it may hold the data of an earlier call, which then goes on. Without it: a new
   * folder that goes with the server.
   */
  readonly dir?: string;
  /** Over those of mysql-settings.ts, for example `{ binlog_row_metadata: 'MINIMAL', log_bin: false }`. */
  readonly settings?: MysqlSettings;
  /** `allowed`: with and without TLS. `required`: connections without TLS are refused. Without it there is none. */
  readonly tls?: 'allowed' | 'required';
}

export interface MysqlOptions extends Options {
  readonly version: MysqlVersion;
  /** Whether transactions have GTIDs; true without it. */
  readonly gtid?: boolean;
}

/** MariaDB's transactions always have GTIDs. */
export interface MariadbOptions extends Options {
  readonly version: MariadbVersion;
}

export interface MysqlServer extends MysqlAddress, AsyncDisposable {
  /** The data is in `data` there, and so are the binary logs: `binlog.000001` and so on. */
  readonly dir: string;
  /** The client programs that belong to it; MySQL 5.6 comes without. */
  readonly programs: MysqlClientPrograms | undefined;
  /** The file that client programs take as `--defaults-file=…` (their first argument): where it is, and the superuser's password. */
  readonly optionFile: string;
  /** Throws while the server is stopped. */
  readonly pid: number;
  /** With `tls`: the authority that signed the server's certificate. */
  readonly certificates: CertificateFiles | undefined;
  /** An orderly end. */
  stop(): Promise<void>;
  /** Starts it again, on the same data and port; it recovers after a `kill`. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** SIGKILL. What was committed stays: it was handed to the system. */
  kill(): Promise<void>;
}

/** What is known of a server before it has a port. */
interface Instance {
  readonly name: string;
  readonly flavour: MysqlFlavour;
  readonly dir: string;
  readonly temporary: boolean;
  readonly installation: MysqlInstallation;
  /** Those of mysql-settings.ts; a newer MySQL may have done away with one. */
  readonly defaults: MysqlSettings;
  /** What was asked for, over the defaults. */
  readonly settings: MysqlSettings;
  readonly password: string;
  readonly certificates: CertificateFiles | undefined;
}

/** The SQL that the first start runs before it takes connections; gone once that has happened. */
const firstSql = (dir: string) => join(dir, 'first.sql');

/** Copies the template, and writes down the password that the first start is to set. Answers the password. */
async function prepareData(
  dir: string,
  template: string,
  sql: (password: string) => string,
): Promise<string> {
  const passwordFile = join(dir, 'password');
  const data = join(dir, 'data');
  if (existsSync(data)) return readFile(passwordFile, 'utf8');
  await mkdir(dir, { recursive: true });
  await giveToServer(dir);
  // Not a fixed one: whoever else is on this machine could become our user through a superuser of the database.
  const password = randomBytes(12).toString('hex');
  for (const [file, text] of [
    [passwordFile, password],
    [firstSql(dir), sql(password)],
  ] as const) {
    await writeFile(file, text, { mode: 0o600 });
    await giveToServer(file);
  }
  // Under its name only once it is whole.
  const script = 'umask 077; cp -R "$1" "$2.part" && mv "$2.part" "$2"';
  await run('/bin/sh', ['-c', script, 'sh', template, data], { account: serverAccount });
  return password;
}

/**
 * Options for a command line: `true` is the bare name, `false` its opposite. With the prefix `loose-`, a server that does not
 * know an option goes on without it.
 */
function asArguments(settings: MysqlSettings, prefix: '' | 'loose-' = ''): string[] {
  return Object.entries(settings).map(([name, value]) => {
    if (value === true) return `--${prefix}${name}`;
    return value === false ? `--${prefix}skip-${name}` : `--${prefix}${name}=${value}`;
  });
}

function tlsSettings(certificates: CertificateFiles, tls: 'allowed' | 'required'): MysqlSettings {
  return {
    ssl_ca: certificates.ca,
    ssl_cert: certificates.server.cert,
    ssl_key: certificates.server.key,
    ...(tls === 'required' && { require_secure_transport: 'ON' }),
  };
}

/** Whether the log says that connections are taken, from `offset` on. The port alone is open earlier. */
async function saysReady(log: string, offset: number): Promise<boolean> {
  const file = await open(log);
  try {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(Math.max(size - offset, 1)), {
      position: offset,
    });
    return buffer.includes('ready for connections');
  } finally {
    await file.close();
  }
}

async function startOn(instance: Instance, port: number): Promise<Supervised> {
  const { dir, installation, name } = instance;
  const log = join(dir, 'server.log');
  const offset = await stat(log).then(
    ({ size }) => size,
    () => 0,
  );
  const first = existsSync(firstSql(dir));
  const server = await startSupervised({
    name,
    command: installation.server,
    args: [
      '--no-defaults',
      ...installation.serverArguments,
      `--datadir=${join(dir, 'data')}`,
      `--tmpdir=${dir}`,
      `--pid-file=${join(dir, 'pid')}`,
      `--port=${port}`,
      ...asArguments({ server_id: port, ...instance.defaults }, 'loose-'),
      ...asArguments(instance.settings),
      ...(first ? [`--init-file=${firstSql(dir)}`] : []),
    ],
    dir,
    account: serverAccount,
    env: { LC_ALL: 'C', ...installation.env },
    lastSignal: 'KILL',
    temporaryFolder: instance.temporary ? dir : undefined,
  });
  await poll(`${name} is ready (${log})`, async () => {
    await server.assertRunning();
    return saysReady(log, offset);
  });
  if (first) await rm(firstSql(dir));
  return server;
}

/** `[client]` for the programs of the server's package; they can log in without TLS only when they may ask for the public key. */
async function writeOptionFile(instance: Instance, port: number): Promise<string> {
  const { flavour, certificates, password } = instance;
  const lines = ['[client]', 'protocol=tcp', 'host=127.0.0.1', `port=${port}`, 'user=root'];
  lines.push(`password=${password}`);
  if (flavour === 'mysql') lines.push('get-server-public-key');
  if (certificates) lines.push(`ssl-ca=${certificates.ca}`);
  const file = join(instance.dir, 'client.cnf');
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

async function serve(instance: Instance): Promise<MysqlServer> {
  const { dir, temporary, password, certificates, installation } = instance;
  let { port, process: current } = await startOnFreePort(dir, (free) => startOn(instance, free));
  const url = `mysql://root:${password}@127.0.0.1:${port}`;
  const ssl = certificates && { ca: readFileSync(certificates.ca, 'utf8') };
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => current.end(signal);
  const dispose = async () => {
    await end(temporary ? 'SIGKILL' : 'SIGTERM');
    if (temporary) await rm(dir, { recursive: true, force: true });
  };
  const start = async () => {
    if (!current.running) current = await startOn(instance, port);
  };
  try {
    return {
      ...(await findMysql(url, ssl)),
      dir,
      programs: installation.programs,
      optionFile: await writeOptionFile(instance, port),
      certificates,
      get pid() {
        if (!current.running) throw new Error(`${instance.name} is stopped`);
        return current.pid;
      },
      stop: () => end('SIGTERM'),
      start,
      async restart() {
        await end('SIGTERM');
        await start();
      },
      kill: () => end('SIGKILL'),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function prepare(
  flavour: MysqlFlavour,
  installation: MysqlInstallation,
  options: MysqlOptions | MariadbOptions,
): Promise<Instance> {
  const { version, tls } = options;
  const dir = options.dir ?? (await newServerFolder(`${flavour}${version}`));
  const sql = (password: string) => accountSql(version, password);
  const password = await prepareData(dir, installation.template, sql);
  const certificates = tls && (await makeServerCertificates(join(dir, 'tls'), ['root']));
  return {
    name: `${flavour === 'mysql' ? 'MySQL' : 'MariaDB'} ${version}`,
    flavour,
    dir,
    temporary: options.dir === undefined,
    installation,
    password,
    certificates,
    defaults: defaultSettings(version, !('gtid' in options) || options.gtid !== false),
    settings: {
      ...(certificates && tls && tlsSettings(certificates, tls)),
      ...options.settings,
    },
  };
}

/**
 * Starts a MySQL with a full row-based binary log and passwords checked for every connection, installing it if needed. It ends
 * with its disposal, or with this process.
 *
 * @throws NotInstallable
 */
export async function startMysql(options: MysqlOptions): Promise<MysqlServer> {
  if (options.version === '5.6' && options.tls) {
    throw new TypeError('MySQL 5.6 has no TLS that a Node of today would take');
  }
  return serve(await prepare('mysql', await mysqlInstallation(options.version), options));
}

/** As `startMysql`, for MariaDB. */
export async function startMariadb(options: MariadbOptions): Promise<MysqlServer> {
  return serve(await prepare('mariadb', await mariadbInstallation(options.version), options));
}
