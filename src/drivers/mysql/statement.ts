/** What the text of a QUERY event means for a reader of the log. */
import { Cursor } from './statements/cursor.ts';
import { definitionStatement, isDeleteAll } from './statements/definition.ts';
import { transactionStatement } from './statements/transactions.ts';
import { dataVerbs, harmlessVerbs } from './statements/verbs.ts';

export type Statement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' }
  | {
      readonly kind: 'savepoint' | 'rollback_to' | 'release';
      /** In lower case: savepoints are compared without it. */
      readonly name: string;
    }
  | {
      readonly kind: 'xa';
      readonly verb: 'start' | 'end' | 'prepare' | 'commit' | 'rollback';
      /** In the form of `xaIdentifier`: X'6131',X'',1 */
      readonly xid: string;
      readonly onePhase: boolean;
    }
  /** Changes no rows that are in tables: accounts, views, routines, settings. */
  | { readonly kind: 'harmless' }
  /** Changes tables; its effects happen in this order, and together. */
  | { readonly kind: 'tables'; readonly effects: readonly TableEffect[] }
  /** Changes rows, and was logged as a statement. `empties`: DELETE FROM t, and no more. */
  | { readonly kind: 'dml'; readonly verb: string; readonly empties?: true }
  | { readonly kind: 'unknown' };

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export type TableEffect =
  | {
      readonly kind: 'create';
      readonly name: TableName;
      /** IF NOT EXISTS: nothing happened when the table was there. */
      readonly unlessExists?: true;
    }
  | {
      readonly kind: 'alter';
      readonly name: TableName;
      /** No row has changed, and no column: indexes, constraints, defaults. The key may be another. */
      readonly rowsKept?: true;
      /** A constraint is gone that may be a foreign key: what it did before is not seen in the catalog any more. */
      readonly constraintDropped?: true;
    }
  | { readonly kind: 'drop' | 'truncate'; readonly name: TableName }
  | { readonly kind: 'rename'; readonly name: TableName; readonly to: TableName }
  | { readonly kind: 'create_database' | 'drop_database'; readonly schema: string };

/** Bits of sql_mode, of both servers. */
const ansiQuotesBit = 4n;
const noBackslashEscapesBit = 0x100000n;

const begin: Statement = { kind: 'begin' };
const commit: Statement = { kind: 'commit' };

/**
 * In time that grows with the length of the text alone; never throws.
 * @param schema default database of the session: names without one are in it
 * @param sqlMode of the session, as the event has it: what quotes and backslashes mean
 */
export function classify(sql: string, schema: string, sqlMode: bigint | null = null): Statement {
  // What every transaction has.
  if (sql === 'BEGIN') return begin;
  if (sql === 'COMMIT') return commit;
  const bits = sqlMode ?? 0n;
  const cursor = new Cursor(sql, schema, {
    ansiQuotes: (bits & ansiQuotesBit) !== 0n,
    plainBackslashes: (bits & noBackslashEscapesBit) !== 0n,
  });
  // MariaDB: SET STATEMENT a = 1, b = 2 FOR …
  for (;;) {
    // Nothing but comments: the server's stand-in for an event that this reader would not know.
    if (cursor.ahead === null) return { kind: 'harmless' };
    const verb = cursor.step()?.upper ?? '';
    if (verb !== 'SET' || !cursor.skip('STATEMENT')) return classifyVerb(verb, cursor);
    if (!cursor.seek('FOR')) return { kind: 'unknown' };
  }
}

function classifyVerb(verb: string, cursor: Cursor): Statement {
  const known = transactionStatement(verb, cursor) ?? definitionStatement(verb, cursor);
  if (known !== null) return known;
  if (harmlessVerbs.has(verb)) return { kind: 'harmless' };
  if (verb === 'DELETE' && isDeleteAll(cursor)) return { kind: 'dml', verb, empties: true };
  return dataVerbs.has(verb) ? { kind: 'dml', verb } : { kind: 'unknown' };
}
