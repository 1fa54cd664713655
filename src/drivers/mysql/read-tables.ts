/** Reads whole tables over connections that stand in one snapshot, some tables at a time. */

import { WatcherError } from '../../errors.ts';
import type { RowChunk } from '../../replication/driver.ts';
import { merge } from '../merge.ts';
import type { SourceConnection } from './connection.ts';
import { errnoOf, isTableChanged } from './errors.ts';
import type { MissedTables } from './missed-tables.ts';
import type { BoundTable } from './relation.ts';
import { selectRows } from './select-rows.ts';
import { quoteTable } from './sql-text.ts';
import { selectExpression } from './text-values.ts';

export interface ReadTablesOptions {
  /** One or more, all in the same snapshot. They are closed at the end, whatever it is. */
  readonly connections: readonly SourceConnection[];
  readonly tables: readonly BoundTable[];
  /** False: the connection has its tables locked, and no transaction. */
  readonly inTransaction: boolean;
  /** As in `Snapshot`. */
  readonly occupied: ReadonlySet<string> | null;
  readonly missed: MissedTables;
}

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
  { inTransaction, occupied, missed }: ReadTablesOptions,
): AsyncGenerator<RowChunk> {
  for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
    // The lock on a table's definition, which keeps ALTER TABLE and all who queue behind it waiting, goes with the
    // savepoint: the snapshot stays.
    if (inTransaction) await connection.query('SAVEPOINT watcher');
    const hadRows = occupied?.has(table.definition.id) === true;
    yield* readTable(connection, table, { hadRows, missed });
    if (inTransaction) await connection.query('ROLLBACK TO SAVEPOINT watcher');
  }
}

async function* readTable(
  connection: SourceConnection,
  table: BoundTable,
  { hadRows, missed }: { readonly hadRows: boolean; readonly missed: MissedTables },
): AsyncGenerator<RowChunk> {
  const { relation, definition } = table;
  let rows = 0;
  try {
    for await (const batch of selectRows(connection, selectSql(table), table.encoders)) {
      rows += batch.rows.length;
      const isTruncated = batch.last && rows === 0 && hadRows;
      if (batch.last) missed.meet(definition);
      yield { relation, ...batch, ...(isTruncated && { replaced: true }) };
    }
  } catch (error) {
    if (rows > 0 || !isTableChanged(error)) throw inTable(connection, error, relation);
    // ER_TABLE_DEF_CHANGED is of the snapshot: a table that is rebuilt again and again is as it was looked up.
    if (errnoOf(error) !== definitionChanged && !missed.miss(definition)) {
      throw inTable(connection, error, relation);
    }
    // Altered, truncated or dropped since the snapshot, which does not protect it from that.
    yield { relation, rows: [], last: true, replaced: true };
  }
}

const definitionChanged = 1412;

/** Columns by name: invisible ones are among them, hidden ones are not. */
export function selectSql({ definition }: BoundTable): string {
  const columns = definition.columns.map(selectExpression).join(', ');
  return `SELECT ${columns} FROM ${quoteTable(definition)}`;
}

function inTable(
  connection: SourceConnection,
  error: unknown,
  relation: BoundTable['relation'],
): unknown {
  const name = `${relation.schema}.${relation.table}`;
  if (!(error instanceof WatcherError) || error.table !== null)
    return connection.toError(error, name);
  return new WatcherError(error.code, {
    message: `${name}: ${error.message}`,
    remedy: error.remedy,
    table: name,
    cause: error,
  });
}
