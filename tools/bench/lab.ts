/** The servers of a run: one PostgreSQL, with a database for each case, and an etcd for each measurement. */

import pg from 'pg';
import { createEtcdClient, type EtcdClient } from '../../src/etcd/client.ts';
import { type EtcdServer, startEtcd } from '../testenv/etcd.ts';
import type { EtcdVersion } from '../testenv/etcd-programs.ts';
import { type PostgresServer, startPostgres } from '../testenv/postgres.ts';
import type { PostgresMajor } from '../testenv/postgres-programs.ts';
import { createTable } from './rows.ts';

/** A million rows and their history do not fit etcd's default of 2 GiB once a case is run in small transactions. */
const etcdQuotaBytes = 8 * 1024 ** 3;

export interface LabOptions {
  readonly major: PostgresMajor;
  readonly etcd: EtcdVersion | undefined;
  /** False: etcd does not wait for its disk (from 3.5 on). */
  readonly fsync: boolean;
}

export interface Database extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly name: string;
  readonly client: pg.Client;
  /** A logical slot for pgoutput; answers where it begins. */
  createSlot(name: string): Promise<string>;
  dropSlot(name: string): Promise<void>;
}

export interface Etcd extends AsyncDisposable {
  readonly server: EtcdServer;
  readonly client: EtcdClient;
}

export interface Lab extends AsyncDisposable {
  readonly postgres: PostgresServer;
  database(): Promise<Database>;
  /** New and empty, so that no case suffers from what another has left. */
  etcd(): Promise<Etcd>;
}

export async function openLab(options: LabOptions): Promise<Lab> {
  const postgres = await startPostgres({
    major: options.major,
    settings: {
      fsync: true,
      full_page_writes: true,
      shared_buffers: '512MB',
      // No checkpoint and no vacuum in the middle of a measurement; a checkpoint is made before each.
      max_wal_size: '32GB',
      checkpoint_timeout: '1h',
      autovacuum: false,
    },
  });
  let databases = 0;
  return {
    postgres,
    database: () => {
      databases += 1;
      return createDatabase(postgres, `bench_${databases}`);
    },
    etcd: () => createEtcd(options),
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  };
}

async function createDatabase(server: PostgresServer, name: string): Promise<Database> {
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query(`SET TimeZone = 'UTC'`);
  await createTable(client);
  const dropSlot = async (slot: string) => {
    await client.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
  };
  return {
    server,
    name,
    client,
    async createSlot(slot) {
      const { rows } = await client.query<{ lsn: string }>(
        `SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')`,
        [slot],
      );
      return rows[0]?.lsn ?? '';
    },
    dropSlot,
    async [Symbol.asyncDispose]() {
      await client.end();
      await admin.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active',
        [name],
      );
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
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
