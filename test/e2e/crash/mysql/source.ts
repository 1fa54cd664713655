/** MySQL and MariaDB under the crash test. */
import { setTimeout as delay } from 'node:timers/promises';
import type { MysqlAddress } from '../../../../tools/testenv/mysql-address.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../../../support/mysql-database.ts';
import { createAccount } from '../../../support/mysql-driver.ts';
import { logEnd } from '../../../support/mysql-sync.ts';
import type { CrashSource } from '../source.ts';
import { asRows, orderOf, readHistory, readStates } from './history.ts';
import { addColumnSql, orderOfPlace } from './log-text.ts';
import { numbersTable, schemaSql, type TableName, tableNames } from './schema.ts';
import { startRandomWriter } from './writer.ts';

export interface MysqlSourceOptions {
  readonly title: string;
  /** Rows of `bulk`, which make the first dump long. */
  readonly bulkRows: number;
  /** What Watcher's account may do beside SELECT; null: it is the superuser. It decides how a dump begins. */
  readonly grants: string | null;
  /** Where Watcher finds the server. */
  readonly via: { readonly host: string; readonly port: number };
}

export async function createMysqlSource(
  server: MysqlAddress,
  { title, bulkRows, grants, via }: MysqlSourceOptions,
): Promise<CrashSource> {
  const database = await createMysqlDatabase(server);
  const { user, password } =
    grants === null
      ? server
      : await createAccount(database, 'w', [`SELECT ON ${database.name}.*`, `${grants} ON *.*`]);
  for (const sql of schemaSql(bulkRows)) await database.query(sql);
  const from = await logEnd(database);
  const first = await readStates(database);
  return {
    title,
    tables: tableNames,
    nameOf: (table) => `${database.name}.${table}`,
    config: {
      driver: 'mysql',
      database: {
        ...{ host: via.host, port: via.port, user, password, name: database.name },
        ...{ retry_period: '100ms', replication_status_timeout: '500ms' },
      },
      tables: { include: [`${database.name}.*`], exclude: [`${database.name}.${numbersTable}`] },
      keys: { columns: { [`${database.name}.logs`]: ['id', 'day'] } },
    },
    startWriter: (seed) => startRandomWriter({ database, seed, connections: 4 }),
    addColumn: (table, column, value) =>
      addColumn(database, addColumnSql(database.name, table as TableName, column, value)),
    end: async () => orderOfPlace(await logEnd(database)),
    order: orderOf,
    rows: async () => [...asRows(await readStates(database))],
    history: () => readHistory({ server, database, from, first }),
    async [Symbol.asyncDispose]() {
      if (grants !== null) await database.query(`DROP USER '${user}'`);
      await database[Symbol.asyncDispose]();
    },
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
