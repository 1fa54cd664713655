/** The MySQL and MariaDB driver on a test's own database. */
import { createMysqlDriver, type MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import type { StreamBinlog } from '../../src/drivers/mysql/log-access.ts';
import { autoServerId } from '../../src/drivers/mysql/options.ts';
import type { Driver, Dump, Redump } from '../../src/replication/driver.ts';
import type { MysqlTestDatabase } from './mysql-database.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function mysqlOptions(
  database: Pick<MysqlTestDatabase, 'server' | 'name'>,
  changes: Partial<MysqlDriverOptions> = {},
): MysqlDriverOptions {
  const { server, name } = database;
  return {
    sync: 'test',
    host: server.host,
    port: server.port,
    databases: [name],
    user: server.user,
    password: server.password,
    tls: { mode: 'disable', ca: null },
    // Readers of several tests are at a shared server at once.
    serverId: autoServerId(name),
    matches: () => true,
    excludesColumn: () => false,
    keyColumns: {},
    numbers: 'number',
    parallel: 2,
    dumpMethod: 'native',
    dumpProgram: null,
    path: '',
    onUnloggedCascade: 'refuse',
    logger: silent,
    ...changes,
  };
}

/** For tests that read no log. */
// biome-ignore lint/correctness/useYield: it has nothing to say
export const noLog: StreamBinlog = async function* noLog() {
  throw new Error('this test reads no log');
};

/** A driver that is closed with the test. */
export function openMysqlDriver(
  options: MysqlDriverOptions,
  streamBinlog: StreamBinlog = noLog,
): Driver & AsyncDisposable {
  const driver = createMysqlDriver(options, streamBinlog);
  return { ...driver, [Symbol.asyncDispose]: () => driver.close() };
}

/** Table → key → the row as a JSON object, as it would be in etcd. */
export type DumpedTables = ReadonlyMap<string, ReadonlyMap<string, string>>;

export async function collect(dump: Pick<Dump | Redump, 'chunks'>): Promise<DumpedTables> {
  const tables = new Map<string, Map<string, string>>();
  const ended = new Set<string>();
  for await (const { relation, rows, last } of dump.chunks) {
    const { table, columns, key } = relation;
    if (ended.has(table)) throw new Error(`rows of ${table} after its last`);
    if (last) ended.add(table);
    const found = tables.get(table) ?? new Map<string, string>();
    tables.set(table, found);
    for (const row of rows) {
      const text = key.map((at) => columns[at]?.keyText(row[at] ?? '')).join('/');
      if (found.has(text)) throw new Error(`two rows of ${table} have the key ${text}`);
      found.set(text, `{${columns.map(({ name }, at) => `${JSON.stringify(name)}:${row[at]}`)}}`);
    }
  }
  for (const table of tables.keys()) if (!ended.has(table)) throw new Error(`${table} has no end`);
  return tables;
}

/** An account that may do what is listed, and no more: `['SELECT ON db.*']`. Its password is its name. */
export async function createAccount(
  database: MysqlTestDatabase,
  suffix: string,
  grants: readonly string[],
): Promise<{ readonly user: string; readonly password: string }> {
  const user = `${database.name.slice(0, 12)}_${suffix}`.slice(0, 16);
  const account = `'${user}'@'%'`;
  await database.query(`CREATE USER ${account} IDENTIFIED BY '${user}'`);
  for (const grant of grants) await database.query(`GRANT ${grant} TO ${account}`);
  return { user, password: user };
}

export const replicationGrants: readonly string[] = [
  'REPLICATION SLAVE, REPLICATION CLIENT ON *.*',
];
