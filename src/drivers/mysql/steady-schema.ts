/**
 * The schema, read while statements change it.
 *
 * information_schema of MariaDB, and of MySQL before 8.0, waits for nothing: of a table that a statement is changing at
 * the moment it shows no row, or no columns, or no indexes, and says nothing of it (each seen on 5.6 and on 10.11, in one
 * read of ten under ALTER and RENAME). A table that seemed to be gone would lose its keys. From 8.0 on it shows what is
 * committed, and a statement is in the log before: it may show what was.
 *
 * So tables that a statement in the log has changed are waited for, and what seems to be missing is looked at again.
 * SHOW CREATE TABLE waits until nobody changes the table any more, and not for those who wait to do so.
 */
import { setTimeout } from 'node:timers/promises';
import { WatcherError } from '../../errors.ts';
import type { SourceConnection } from './connection.ts';
import { errnoOf, isLockTimeout } from './errors.ts';
import { isMatched, nameFold } from './log-names.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { SchemaSnapshot } from './schema.ts';
import { readSchema } from './schema.ts';
import type { ServerFacts } from './server-facts.ts';
import { quoteTable, tableIdOf } from './sql-text.ts';
import type { TableName } from './statement.ts';

interface NamedTable {
  readonly schema: string;
  readonly name: string;
}

export interface SteadyOptions {
  /** Tables that were there when it was read last. */
  readonly expected: readonly NamedTable[];
  /** Tables that a statement has changed or made; they may be gone by now. */
  readonly changed: readonly TableName[];
}

/** As often is it read when it does not come to rest; a lock is waited for in each. */
const attempts = 10;
const pauseMs = 20;

/** @throws WatcherError `source_busy` when tables are changed again and again. */
export async function readSteadySchema(
  connection: SourceConnection,
  facts: ServerFacts,
  options: MysqlDriverOptions,
  { expected, changed }: SteadyOptions = { expected: [], changed: [] },
): Promise<SchemaSnapshot> {
  const fold = nameFold(facts);
  const named = changed.map(({ schema, table }) => ({ schema, name: table }));
  const wanted = named.filter(({ schema, name }) =>
    isMatched({ schema, table: name }, options, fold),
  );
  for (const table of named) await isThere(connection, table);
  let bare: ReadonlySet<string> = new Set();
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (attempt > 0) await setTimeout(pauseMs * attempt);
    const schema = await readSchema(connection, facts, options);
    const found = looksBare(schema, facts);
    const again = found.filter((table) => !bare.has(idOf(table)));
    const doubted = [...missing(schema, [...expected, ...wanted], fold), ...again];
    if (!(await isAnyThere(connection, doubted))) return schema;
    bare = new Set(found.filter(({ columns }) => columns > 0).map(idOf));
  }
  throw new WatcherError('source_busy', {
    message: 'Tables were changed whenever the schema was looked up',
    remedy: 'None needed: it is looked up again.',
  });
}

/** A statement may write names in another case than the catalog. */
function missing(
  schema: SchemaSnapshot,
  tables: readonly NamedTable[],
  fold: (name: string) => string,
): readonly NamedTable[] {
  const found = new Set(schema.map((table) => fold(idOf(table))));
  return tables.filter((table) => !found.has(fold(idOf(table))));
}

/** No columns: nothing is like that. No indexes: that may be, and is believed when it is seen again. */
function looksBare(
  schema: SchemaSnapshot,
  { flavour, version }: ServerFacts,
): readonly (NamedTable & { readonly columns: number })[] {
  if (flavour === 'mysql' && version >= 80000) return [];
  return schema
    .map(({ schema: database, name, columns, indexes }) => ({
      schema: database,
      name,
      columns: columns.length,
      indexes: indexes.length,
    }))
    .filter(({ columns, indexes }) => columns === 0 || indexes === 0);
}

async function isAnyThere(
  connection: SourceConnection,
  tables: readonly NamedTable[],
): Promise<boolean> {
  let found = false;
  for (const table of tables) if (await isThere(connection, table)) found = true;
  return found;
}

/** A table, and no view. What cannot be shown is not there. */
async function isThere(connection: SourceConnection, table: NamedTable): Promise<boolean> {
  try {
    const [row] = await connection.query(`SHOW CREATE TABLE ${quoteTable(table)}`);
    return row?.['Create Table'] !== undefined;
  } catch (error) {
    if (isLockTimeout(error) || errnoOf(error) === deadlock) return true;
    if (!isServerAnswer(error)) throw error;
    return false;
  }
}

/** ER_LOCK_DEADLOCK, of locks on definitions, too. */
const deadlock = 1213;

/** About the table, and not about the connection. */
function isServerAnswer(error: unknown): boolean {
  return (
    errnoOf(error) !== 0 && !(error instanceof WatcherError && error.code === 'source_unavailable')
  );
}

function idOf({ schema, name }: NamedTable): string {
  return tableIdOf(schema, name);
}
