/** PostgreSQL as a source of the benchmark. */

import pg from 'pg';
import { type PostgresServer, startPostgres } from '../testenv/postgres.ts';
import type { PostgresMajor } from '../testenv/postgres-programs.ts';
import { type Database, type Row, type SourceServer, tableName, type Writer } from './database.ts';
import { createTable, insertRow, writeLog } from './postgres-rows.ts';
import type { PostgresSource } from './postgres-source.ts';
import {
  copyToNothing,
  createSlot,
  drainByDriver,
  drainByRecvlogical,
  dropSlot,
  dumpByDriver,
  findRecvlogical,
} from './postgres-source.ts';

export async function openPostgresServer(major: PostgresMajor): Promise<SourceServer> {
  const server = await startPostgres({
    major,
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
    name: 'postgres',
    title: `PostgreSQL ${server.major}`,
    plain: findRecvlogical() ?? 'Watcher’s driver, the changes thrown away',
    database: () => {
      databases += 1;
      return createDatabase(server, `bench_${databases}`);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function createDatabase(server: PostgresServer, name: string): Promise<Database> {
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const client = await login(server, name);
  await client.query(`SET TimeZone = 'UTC'`);
  await createTable(client);
  const { host, port, user } = server;
  const source: PostgresSource = { server, name, client };
  const log = logOf(source);
  return {
    server,
    sync: {
      driver: 'pgx',
      database: { host, port, name, user, password: `\${BENCH_PASSWORD}` },
      tables: { include: ['public.*'] },
    },
    keyPrefix: `/bench/public/${tableName}/`,
    ...log,
    settle: async () => {
      await client.query('VACUUM ANALYZE');
      await client.query('CHECKPOINT');
    },
    plainDump: async (rows) => ({ copied: await copyToNothing(source, rows), printed: null }),
    // The publication that the driver makes is the one that Watcher finds.
    driverDump: (rows, take) => dumpByDriver(source, rows, take),
    rows: () => rowsOf(source),
    writer: () => writerOf(source),
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

/** The log as two slots have it: each is read once. */
function logOf(
  source: PostgresSource,
): Pick<Database, 'markLog' | 'writeLog' | 'plainLog' | 'driverLog'> {
  const slots = { recvlogical: 'bench_recvlogical', driver: 'bench_driver' };
  let from = '';
  let end = '';
  return {
    async markLog() {
      await createSlot(source, slots.recvlogical);
      from = await createSlot(source, slots.driver);
    },
    async writeLog({ rows, per, compressed }) {
      if (compressed) throw new TypeError('PostgreSQL has no compressed transactions');
      end = await writeLog(source.client, rows, per);
    },
    async plainLog(rows) {
      const program = findRecvlogical();
      const { recvlogical: slot } = slots;
      const copied =
        program === undefined ? null : await drainByRecvlogical(program, source, slot, rows, end);
      await dropSlot(source, slot);
      return { copied, printed: null };
    },
    async driverLog(rows) {
      const figure = await drainByDriver(source, slots.driver, rows, from);
      await dropSlot(source, slots.driver);
      return figure;
    },
  };
}

async function login(server: PostgresServer, database: string): Promise<pg.Client> {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return client;
}

const pageRows = 10_000;

async function* rowsOf({ client }: PostgresSource): AsyncGenerator<Row> {
  await client.query('BEGIN');
  await client.query(
    `DECLARE rows NO SCROLL CURSOR FOR SELECT id::text AS key, row_to_json(t)::text AS value
     FROM ${tableName} t ORDER BY id::text COLLATE "C"`,
  );
  try {
    for (;;) {
      const { rows } = await client.query<Row>(`FETCH ${pageRows} FROM rows`);
      if (rows.length === 0) return;
      yield* rows;
    }
  } finally {
    await client.query('ROLLBACK');
  }
}

async function writerOf({ server, name }: PostgresSource): Promise<Writer> {
  const client = await login(server, name);
  return {
    begin: async () => void (await client.query('BEGIN')),
    insert: (id) => insertRow(client, id),
    commit: async () => void (await client.query('COMMIT')),
    end: () => client.end(),
  };
}
