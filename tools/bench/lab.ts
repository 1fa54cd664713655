/** The servers of a run: one that is replicated, and an etcd for each measurement. */

import { createEtcdClient, type EtcdClient } from '../../src/etcd/client.ts';
import { type EtcdServer, startEtcd } from '../testenv/etcd.ts';
import type { EtcdVersion } from '../testenv/etcd-programs.ts';
import type { PostgresMajor } from '../testenv/postgres-programs.ts';
import type { SourceName, SourceServer } from './database.ts';
import { openMysqlServer } from './mysql-database.ts';
import { openPostgresServer } from './postgres-database.ts';

/** A million rows and their history do not fit etcd's default of 2 GiB once a case is run in small transactions. */
const etcdQuotaBytes = 8 * 1024 ** 3;

export interface LabOptions {
  readonly source: SourceName;
  /** Of PostgreSQL. */
  readonly major: PostgresMajor;
  readonly etcd: EtcdVersion | undefined;
  /** False: etcd does not wait for its disk (from 3.5 on). */
  readonly fsync: boolean;
}

export interface Etcd extends AsyncDisposable {
  readonly server: EtcdServer;
  readonly client: EtcdClient;
}

export interface Lab extends AsyncDisposable {
  readonly options: LabOptions;
  /** With a database for each case. */
  readonly source: SourceServer;
  /** New and empty, so that no case suffers from what another has left. */
  etcd(): Promise<Etcd>;
}

export async function openLab(options: LabOptions): Promise<Lab> {
  const source =
    options.source === 'postgres'
      ? await openPostgresServer(options.major)
      : await openMysqlServer(options.source);
  return {
    options,
    source,
    etcd: () => createEtcd(options),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

async function createEtcd({ etcd: version, fsync }: LabOptions): Promise<Etcd> {
  const server = await startEtcd({
    ...(version === undefined ? {} : { version }),
    fsync,
    args: ['--quota-backend-bytes', String(etcdQuotaBytes)],
  });
  const client = createEtcdClient({ endpoints: server.addresses, user: null, tls: null });
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
