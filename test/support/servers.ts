/**
 * The servers of the run. They are shared: a test makes a database and a key prefix of its own on them (database.ts, prefix.ts)
 * and leaves them running. A test that stops, kills or configures a server starts one: `startPostgres`, `startEtcd` of tools/testenv.
 */

import { inject } from 'vitest';
import type { EtcdAddress } from '../../tools/testenv/etcd-http.ts';
import type { PostgresAddress } from '../../tools/testenv/postgres.ts';
import type { SharedMajor } from './global-setup.ts';

/** The majors of the shared servers, for `test.each`. */
export const postgresMajors = [15, 18] as const satisfies readonly SharedMajor[];

/** The shared PostgreSQL of a major; under TEST_PG_URL that server, whatever its major. */
export function postgres(major: SharedMajor): PostgresAddress {
  return inject('postgres')[major];
}

/** The shared etcd, without TLS and authentication. */
export function etcd(): EtcdAddress {
  return inject('etcd');
}

/**
 * Which servers are not ours to start, stop and kill. Tests that need to say
 * `test.skipIf(external().postgres)('… (needs a PostgreSQL of its own: unset TEST_PG_URL)', …)`.
 */
export function external(): { readonly postgres: boolean; readonly etcd: boolean } {
  return inject('external');
}
