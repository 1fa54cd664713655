/** MySQL and MariaDB under the crash test. */
import { setTimeout as delay } from 'node:timers/promises';
import type { MysqlAddress } from '../../../../tools/testenv/mysql-address.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../../../support/mysql-database.ts';
import { logEnd } from '../../../support/mysql-sync.ts';
import type { CrashSource } from '../source.ts';
import { asRows, orderOf, readHistory, readStates } from './history.ts';
import { addColumnSql, orderOfPlace } from './log-text.ts';
import { numbersTable, schemaSql, type TableName, tableNames } from './schema.ts';
import { startRandomWriter } from './writer.ts';

export async function createMysqlSource(
  server: MysqlAddress,
  bulkRows: number,
  title: string,
): Promise<CrashSource> {
  const database = await createMysqlDatabase(server);
  for (const sql of schemaSql(bulkRows)) await database.query(sql);
  const from = await logEnd(database);
  const first = await readStates(database);
  const { host, port, user, password } = server;
  return {
    title,
    tables: tableNames,
    nameOf: (table) => `${database.name}.${table}`,
    config: {
      driver: 'mysql',
      database: {
        ...{ host, port, user, password, name: database.name },
        ...{ retry_period: '100ms', replication_status_timeout: '500ms' },
      },
      tables: { include: [`${database.name}.*`], exclude: [`${database.name}.${numbersTable}`] },
      keys: { columns: { [`${database.name}.logs`]: ['id', 'day'] } },
    },
    startWriter: (seed) => startRandomWriter({ database, seed, connections: 5 }),
    addColumn: (table, column, value) =>
      addColumn(database, addColumnSql(database.name, table as TableName, column, value)),
    end: async () => orderOfPlace(await logEnd(database)),
    order: orderOf,
    rows: async () => [...asRows(await readStates(database))],
    history: () => readHistory({ server, database, from, first }),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

const lockTimeout = 1205;

/** It waits for whoever uses the table, and all others wait for it: again and again, not for long. */
async function addColumn(database: MysqlTestDatabase, sql: string): Promise<void> {
  const connection = await database.connect();
  try {
    await connection.query('SET SESSION lock_wait_timeout = 1');
    for (;;) {
      try {
        await connection.query(sql);
        return;
      } catch (error) {
        if (!(error instanceof Error && 'errno' in error && error.errno === lockTimeout))
          throw error;
        await delay(100);
      }
    }
  } finally {
    await connection.end();
  }
}
