/** PostgreSQL under the crash test. */
import type { PostgresAddress } from '../../../../tools/testenv/postgres.ts';
import { createDatabase } from '../../../support/database.ts';
import type { CrashSource } from '../source.ts';
import { beginHistory, orderOf, readHistory, readRows } from './journal.ts';
import { addColumnSql, schemaSql, type TableName, tableNames } from './schema.ts';
import { startRandomWriter } from './writer.ts';

export async function createPostgresSource(
  server: PostgresAddress,
  bulkRows: number,
): Promise<CrashSource> {
  const database = await createDatabase(server);
  // A paused Watcher must lose its walsender, as over a dead connection, before its lease.
  await database.query(`ALTER DATABASE ${database.name} SET wal_sender_timeout = '4s'`);
  await database.query(schemaSql({ bulkRows }));
  const first = await beginHistory(database);
  const { host, port, user, password } = server;
  const login = { host, port, user, password, name: database.name };
  return {
    title: `postgres-${server.major}`,
    tables: tableNames,
    nameOf: (table) => `public.${table}`,
    config: {
      driver: 'pgx',
      database: { ...login, retry_period: '100ms', replication_status_timeout: '500ms' },
      tables: { include: ['public.*'], exclude: ['public.journal'] },
      keys: { columns: { 'public.logs': ['id', 'day'] } },
      postgres: {
        publication: `watcherpub_${database.name}`,
        slot: `watchersub_${database.name}`,
      },
    },
    startWriter: (seed) => startRandomWriter({ database, seed, connections: 5 }),
    async addColumn(table, column, value) {
      const client = await database.connect();
      try {
        await client.query(addColumnSql(table as TableName, column, value));
      } finally {
        await client.end();
      }
    },
    async end() {
      const [end] = await database.query<{ lsn: string }>(
        'SELECT pg_current_wal_flush_lsn()::text AS lsn',
      );
      return orderOf(end) ?? 0n;
    },
    order: orderOf,
    rows: () => readRows(database),
    history: () => readHistory(database, first),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
