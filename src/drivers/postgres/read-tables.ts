/** Reads whole tables over connections that stand in one snapshot, some tables at a time. */
import { WatcherError } from '../../errors.ts';
import type { FullRow } from '../../replication/change.ts';
import type { RowChunk } from '../../replication/driver.ts';
import { merge } from '../merge.ts';
import type { SourceConnection } from './connection.ts';
import { copyRows } from './copy-rows.ts';
import type { BoundRelation } from './relation.ts';
import { quoteName, quoteTable } from './sql-text.ts';
import type { TableDefinition } from './tables.ts';

export interface BoundTable {
  readonly definition: TableDefinition;
  readonly bound: BoundRelation;
}

export interface ReadTablesOptions {
  /** One or more, all in the same snapshot. They are closed at the end, whatever it is. */
  readonly connections: readonly SourceConnection[];
  readonly tables: readonly BoundTable[];
  /** Binds a table to the types as they are now. */
  rebind(definition: TableDefinition): Promise<BoundRelation>;
}

/** Whoever alters the table may take its time. */
const unlimitedMs = 2 ** 31 - 1;

/** Large tables first, so that the connections end at about the same time. */
export async function* readTables(options: ReadTablesOptions): AsyncGenerator<RowChunk> {
  const queue = options.tables.toSorted(
    (a, b) => (b.definition.rowsEstimated ?? 0) - (a.definition.rowsEstimated ?? 0),
  );
  const workers = options.connections.map((connection) => work(connection, queue, options));
  try {
    yield* merge(workers);
    await Promise.all(options.connections.map((connection) => connection.close()));
  } finally {
    for (const connection of options.connections) connection.destroy();
  }
}

async function* work(
  connection: SourceConnection,
  queue: BoundTable[],
  options: ReadTablesOptions,
): AsyncGenerator<RowChunk> {
  for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
    yield* readTable(connection, table, options);
  }
}

async function* readTable(
  connection: SourceConnection,
  table: BoundTable,
  options: ReadTablesOptions,
): AsyncGenerator<RowChunk> {
  let { bound } = table;
  const { definition } = table;
  if (await wasReplaced(connection, definition)) {
    yield { relation: bound.relation, rows: [], last: true, replaced: true };
    return;
  }
  for await (const batch of copyRows(connection, copySql(definition), bound.tupleLength)) {
    let rows: readonly FullRow[];
    try {
      rows = encodeRows(bound, batch.rows);
    } catch (error) {
      if (!isUnsupportedValue(error)) throw error;
      // A composite type may have got an attribute since it was loaded: nothing in the catalog's rows of the
      // table says so.
      bound = await options.rebind(definition);
      rows = encodeAgain(definition, bound, batch.rows);
    }
    yield { relation: bound.relation, rows, last: batch.last };
  }
}

function encodeRows(
  bound: BoundRelation,
  rows: readonly (readonly (string | null)[])[],
): readonly FullRow[] {
  return rows.map((row) => bound.columns.map((column) => column.encode(row[column.at] ?? null)));
}

function encodeAgain(
  definition: TableDefinition,
  bound: BoundRelation,
  rows: readonly (readonly (string | null)[])[],
): readonly FullRow[] {
  try {
    return encodeRows(bound, rows);
  } catch (error) {
    throw isUnsupportedValue(error) ? inTable(error, definition.schema, definition.name) : error;
  }
}

export function isUnsupportedValue(error: unknown): error is WatcherError {
  return error instanceof WatcherError && error.code === 'unsupported_value';
}

/** The same error, with the table named. */
export function inTable(error: WatcherError, schema: string, table: string): WatcherError {
  const name = `${schema}.${table}`;
  return new WatcherError(error.code, {
    message: `${name}: ${error.message}`,
    remedy: error.remedy,
    table: name,
    cause: error,
  });
}

/**
 * TRUNCATE and what rewrites a table give it a new file, which is empty for a snapshot of before; the row of pg_class
 * that the snapshot sees still names the old one. From here on the lock keeps them away.
 * Source: PostgreSQL documentation, "Caveats" of "Concurrency Control".
 */
async function wasReplaced(
  connection: SourceConnection,
  definition: TableDefinition,
): Promise<boolean> {
  // It takes the lock of LOCK TABLE … IN ACCESS SHARE MODE, which privileges on columns do not suffice for.
  await connection.query(`${selectSql(definition)} LIMIT 0`, [], unlimitedMs);
  const [row] = await connection.query(replacedSql, [definition.oid]);
  return row?.replaced === true;
}

/** $1: the oid of the table. Partitions have the files of a partitioned one. */
const replacedSql = `
WITH RECURSIVE tree(oid, kind) AS (
  SELECT oid, relkind FROM pg_class WHERE oid = $1
  UNION
  SELECT h.inhrelid, c.relkind FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid AND tree.kind = 'p'
  JOIN pg_class c ON c.oid = h.inhrelid
)
SELECT bool_or(pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode) AS replaced
FROM tree JOIN pg_class c ON c.oid = tree.oid WHERE c.relkind = 'r'`;

/** ONLY: rows of inheritance children are those of other tables. A partitioned table has none of its own. */
export function copySql(definition: TableDefinition): string {
  return `COPY (${selectSql(definition)}) TO STDOUT`;
}

function selectSql(definition: TableDefinition): string {
  const columns = definition.columns.map((column) => quoteName(column.name)).join(', ');
  const only = definition.kind === 'p' ? '' : 'ONLY ';
  const where = definition.rowFilter === null ? '' : ` WHERE (${definition.rowFilter})`;
  return `SELECT ${columns} FROM ${only}${quoteTable(definition)}${where}`;
}
