/** Starts the servers that all integration tests share, once per run. */

import type { TestProject } from 'vitest/node';
import { type Opened, openEtcd, openPostgres } from '../../tools/testenv/environment.ts';
import type { EtcdAddress } from '../../tools/testenv/etcd-http.ts';
import type { PostgresAddress } from '../../tools/testenv/postgres.ts';

/** The majors that `postgres()` of servers.ts offers. */
export type SharedMajor = 15 | 18;

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: Record<SharedMajor, PostgresAddress>;
    etcd: EtcdAddress;
    /** Whether TEST_PG_URL or TEST_ETCD_URL stands for a server of our own. */
    external: { readonly postgres: boolean; readonly etcd: boolean };
  }
}

interface Shared {
  readonly postgres15: Opened<PostgresAddress, unknown>;
  readonly postgres18: Opened<PostgresAddress, unknown>;
  readonly etcd: Opened<EtcdAddress, unknown>;
}

async function openAll(): Promise<Shared> {
  // One after the other is as fast: what takes time is the download and initdb, and there are two cores.
  const opened: AsyncDisposable[] = [];
  const open = async <T extends AsyncDisposable>(server: Promise<T>): Promise<T> => {
    opened.push(await server);
    return server;
  };
  try {
    const etcd = await open(openEtcd());
    const postgres15 = await open(openPostgres(15));
    const postgres18 = await open(openPostgres(18));
    return { etcd, postgres15, postgres18 };
  } catch (error) {
    for (const server of opened) await server[Symbol.asyncDispose]();
    throw error;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { postgres15, postgres18, etcd } = await openAll();
  project.provide('postgres', { 15: postgres15.address, 18: postgres18.address });
  project.provide('etcd', etcd.address);
  project.provide('external', {
    postgres: postgres18.own === undefined,
    etcd: etcd.own === undefined,
  });
  return async () => {
    for (const server of [postgres15, postgres18, etcd]) await server[Symbol.asyncDispose]();
  };
}
