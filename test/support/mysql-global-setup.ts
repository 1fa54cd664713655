/** Starts the servers that the tests of MySQL and MariaDB share, once per run and only if such tests run. */

import type { TestProject } from 'vitest/node';
import {
  externalServers,
  type Opened,
  openEtcd,
  openMariadb,
  openMysql,
} from '../../tools/testenv/environment.ts';
import type { MysqlServer } from '../../tools/testenv/mysql.ts';
import type { MysqlAddress } from '../../tools/testenv/mysql-address.ts';
import { type MysqlClientPrograms, NotInstallable } from '../../tools/testenv/mysql-programs.ts';
import { openShared } from './shared-servers.ts';

/** `mysql`: 9.7 or later. `mysql56`: 5.6. */
export type SharedMysql = 'mysql' | 'mariadb' | 'mysql56';

/** Plain data. The programs and the option file are there unless the server is not our own; MySQL 5.6 has no programs. */
export interface SharedMysqlServer extends MysqlAddress {
  readonly programs: MysqlClientPrograms | undefined;
  readonly optionFile: string | undefined;
}

/** A server, or why there is none. */
export type MysqlOrReason = { readonly server: SharedMysqlServer } | { readonly missing: string };

declare module 'vitest' {
  export interface ProvidedContext {
    mysql: Record<SharedMysql, MysqlOrReason>;
  }
}

async function shared(opening: Promise<Opened<MysqlAddress, MysqlServer>>): Promise<MysqlOrReason> {
  const { address, own } = await opening;
  return { server: { ...address, programs: own?.programs, optionFile: own?.optionFile } };
}

/** A MySQL that cannot be installed here skips its tests, loudly. Every other failure is one. */
async function unlessMissing(
  name: string,
  opening: Promise<Opened<MysqlAddress, MysqlServer>>,
): Promise<MysqlOrReason> {
  try {
    return await shared(opening);
  } catch (error) {
    if (!(error instanceof NotInstallable)) throw error;
    console.error(`\n*** The tests of ${name} are SKIPPED: ***\n${error.message}\n`);
    return { missing: error.message };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('external', externalServers());
  const servers = await openShared(async ({ keep }) => {
    project.provide('etcd', (await keep(openEtcd())).address);
    project.provide('mysql', {
      mariadb: await shared(keep(openMariadb('10.11'))),
      mysql: await unlessMissing('MySQL 9.7', keep(openMysql('9.7'))),
      mysql56: await unlessMissing('MySQL 5.6', keep(openMysql('5.6'))),
    });
  });
  return servers.close;
}
