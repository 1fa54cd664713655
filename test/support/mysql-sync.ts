/** As sync.ts, between a MySQL or MariaDB database and a key prefix. */
import type { MysqlAddress } from '../../tools/testenv/mysql-address.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from './mysql-database.ts';
import { mysqlKeyBase, mysqlRows } from './mysql-rows.ts';
import { type CommonSyncOptions, type SyncSource, startSyncOf, type TestSync } from './sync.ts';

export interface MysqlSyncOptions extends CommonSyncOptions {
  readonly server: MysqlAddress;
  /** Before Watcher starts: SQL of several statements, or what to do. */
  readonly setup?: Setup;
  /** Names of databases of the same server that belong to the sync, beside its own. */
  readonly databases?: readonly string[];
}

type Setup = string | ((database: MysqlTestDatabase) => Promise<unknown>);

export type MysqlTestSync = TestSync<MysqlTestDatabase>;

/** Starts Watcher on an empty database that `setup` fills, and waits until it streams. Tables are named without their database. */
export async function startMysqlSync(options: MysqlSyncOptions): Promise<MysqlTestSync> {
  return startSyncOf(options, () => mysqlSource(options));
}

interface Place {
  readonly file: string;
  readonly offset: number;
}

/** Where the log ends. */
export async function logEnd(database: MysqlTestDatabase): Promise<Place> {
  const [version] = await database.query<{ v: string }>('SELECT version() AS v');
  const [major = 0, minor = 0] = (version?.v ?? '').split('.').map(Number);
  const isNew = !/mariadb/i.test(version?.v ?? '') && (major > 8 || (major === 8 && minor >= 2));
  const statement = isNew ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
  const [row] = await database.query<{ File: string; Position: number }>(statement);
  return { file: row?.File ?? '', offset: Number(row?.Position) };
}

/** The types of the events behind `from`, also in files that were begun since: other tests use the server, too. */
export async function eventTypesSince(
  { query }: MysqlTestDatabase,
  from: Place,
): Promise<readonly string[]> {
  const files = (await query<{ Log_name: string }>('SHOW BINARY LOGS')).map((row) => row.Log_name);
  const types: string[] = [];
  for (const file of files.slice(files.indexOf(from.file))) {
    const offset = file === from.file ? from.offset : 4;
    const events = await query<{ Event_type: string }>(
      `SHOW BINLOG EVENTS IN '${file}' FROM ${offset}`,
    );
    for (const { Event_type } of events) types.push(Event_type);
  }
  return types;
}

/** Whether `a` is at or behind `b`. */
export function isAtOrBehind(a: Place, b: Place): boolean {
  const number = (file: string) => Number(file.split('.').at(-1));
  if (a.file === b.file) return a.offset >= b.offset;
  return number(a.file) > number(b.file);
}

async function mysqlSource({
  server,
  setup,
  databases = [],
}: MysqlSyncOptions): Promise<SyncSource<MysqlTestDatabase>> {
  const database = await createMysqlDatabase(server);
  try {
    if (typeof setup === 'string') await database.query(setup);
    else await setup?.(database);
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
  const { host, port, user, password } = server;
  const name = databases.length === 0 ? database.name : [database.name, ...databases];
  return {
    database,
    config: { driver: 'mysql', database: { host, port, name, user, password } },
    async end() {
      const target = await logEnd(database);
      return (position) => isAtOrBehind(position, target);
    },
    keyBase: (prefix, { base, table }) => base ?? mysqlKeyBase(prefix, database, table),
    rows: (prefix, table) => mysqlRows(prefix, database, table),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
