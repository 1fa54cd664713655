/** Starts the servers that all integration tests share, once per run. */

import type { TestProject } from 'vitest/node';
import {
  type ExternalServers,
  externalServers,
  openEtcd,
  openPostgres,
} from '../../tools/testenv/environment.ts';
import type { EtcdAddress } from '../../tools/testenv/etcd-http.ts';
import type { PostgresAddress } from '../../tools/testenv/postgres.ts';
import { openShared } from './shared-servers.ts';

/** The majors that `postgres()` of servers.ts offers. */
export type SharedMajor = 15 | 18;

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: Record<SharedMajor, PostgresAddress>;
    etcd: EtcdAddress;
    external: ExternalServers;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('external', externalServers());
  // One after the other is as fast: what takes time is the download and initdb, and there are two cores.
  const servers = await openShared(async ({ keep }) => {
    const etcd = await keep(openEtcd());
    const postgres15 = await keep(openPostgres(15));
    const postgres18 = await keep(openPostgres(18));
    project.provide('postgres', { 15: postgres15.address, 18: postgres18.address });
    project.provide('etcd', etcd.address);
  });
  return servers.close;
}
