/**
 * The servers of the run. They are shared: a test makes a database and a key prefix of its own on them (database.ts,
 * mysql-database.ts, prefix.ts)
 * and leaves them running. A test that stops, kills or configures a server starts one: `startPostgres`, `startMysql`, `startMariadb`,
 * `startEtcd` of tools/testenv.
 */

import { describe, inject } from 'vitest';
import type { ExternalServers } from '../../tools/testenv/environment.ts';
import type { EtcdAddress } from '../../tools/testenv/etcd-http.ts';
import type { PostgresAddress } from '../../tools/testenv/postgres.ts';
import type { SharedMajor } from './global-setup.ts';
import type { SharedMysql, SharedMysqlServer } from './mysql-global-setup.ts';

/** The majors of the shared servers, for `test.each`. */
export const postgresMajors = [15, 18] as const satisfies readonly SharedMajor[];

/** The shared PostgreSQL of a major; under TEST_PG_URL that server, whatever its major. */
export function postgres(major: SharedMajor): PostgresAddress {
  return inject('postgres')[major];
}

/** Why a server cannot be had on this machine; undefined when it is there. For `test.skipIf`. */
export function missing(server: SharedMysql): string | undefined {
  const found = inject('mysql')[server];
  return 'missing' in found ? found.missing : undefined;
}

function sharedMysql(server: SharedMysql): SharedMysqlServer {
  const found = inject('mysql')[server];
  if ('missing' in found) throw new Error(found.missing);
  return found.server;
}

/** The shared MySQL, 9.7 or later, with GTIDs; under TEST_MYSQL_URL that server. Only in `*.mysql.test.ts`, as the next two. */
export function mysql(): SharedMysqlServer {
  return sharedMysql('mysql');
}

/** The shared MariaDB 10.11; under TEST_MARIADB_URL that server. */
export function mariadb(): SharedMysqlServer {
  return sharedMysql('mariadb');
}

/** The shared MySQL 5.6, with GTIDs. */
export function mysql56(): SharedMysqlServer {
  return sharedMysql('mysql56');
}

const getters = { mysql, mariadb, mysql56 };
const titles = { mysql: 'MySQL', mariadb: 'MariaDB', mysql56: 'MySQL 5.6' };

/**
 * `describe` for each of these servers. Where one cannot be had on this machine, its tests are skipped, and the title says so;
 * inside a test, `server()` is the server.
 */
export function describeMysql(
  servers: readonly SharedMysql[],
  body: (server: () => SharedMysqlServer, name: SharedMysql) => void,
): void {
  for (const name of servers) {
    const skipped = missing(name) !== undefined;
    const title = skipped ? `${titles[name]} (cannot be installed here)` : titles[name];
    describe.skipIf(skipped)(title, () => body(getters[name], name));
  }
}

/** The shared etcd, without TLS and authentication. */
export function etcd(): EtcdAddress {
  return inject('etcd');
}

/**
 * Which servers are not ours to start, stop and kill. Tests that need to say
 * `test.skipIf(external().postgres)('… (needs a PostgreSQL of its own: unset TEST_PG_URL)', …)`.
 */
export function external(): ExternalServers {
  return inject('external');
}
