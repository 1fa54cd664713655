/** ALTER TABLE: which tables, and whether rows can be others than before. Source: MySQL and MariaDB, "ALTER TABLE". */
import type { TableEffect, TableName } from '../statement.ts';
import { type Cursor, depthOf } from './cursor.ts';

/** What an action of the list does. */
type Action =
  | { readonly kind: 'rows_kept' | 'constraint_dropped' | 'rows_changed' }
  | { readonly kind: 'effect'; readonly effect: TableEffect | null };

const kept: Action = { kind: 'rows_kept' };
const constraintDropped: Action = { kind: 'constraint_dropped' };
const changed: Action = { kind: 'rows_changed' };

/** Behind ALTER TABLE. null stands for what is not understood. */
export function alterTable(cursor: Cursor, ignore: boolean): readonly (TableEffect | null)[] {
  cursor.skip('IF', 'EXISTS');
  const name = cursor.table();
  if (name === null) return [null];
  if (cursor.skip('WAIT')) cursor.step();
  cursor.skip('NOWAIT');
  const others: (TableEffect | null)[] = [];
  let rowsKept = !ignore;
  let dropped = false;
  do {
    const action = readAction(name, cursor);
    if (action.kind === 'effect') others.push(action.effect);
    if (isRowsChanged(action)) rowsKept = false;
    if (action.kind === 'constraint_dropped') dropped = true;
  } while (nextAction(cursor));
  const alter = {
    kind: 'alter',
    name,
    ...(rowsKept && { rowsKept }),
    ...(dropped && { constraintDropped: true as const }),
  } as const;
  return [alter, ...others];
}

function isRowsChanged(action: Action): boolean {
  return action.kind === 'effect'
    ? action.effect?.kind !== 'rename'
    : action.kind === 'rows_changed';
}

/** Goes past the comma that ends an action. */
function nextAction(cursor: Cursor): boolean {
  let depth = 0;
  for (let token = cursor.step(); token !== null; token = cursor.step()) {
    if (token.kind !== 'symbol') continue;
    if (depth === 0 && token.text === ',') return true;
    depth += depthOf(token.text);
  }
  return false;
}

/** What follows ADD or DROP and is neither a column nor rows. */
const addsNoRows: ReadonlySet<string> = new Set([
  'CHECK',
  'FOREIGN',
  'FULLTEXT',
  'INDEX',
  'KEY',
  'PARTITION',
  'SPATIAL',
  'UNIQUE',
]);
const dropsNoRows: ReadonlySet<string> = new Set(['CHECK', 'INDEX', 'KEY']);
const dropsConstraint: ReadonlySet<string> = new Set(['CONSTRAINT', 'FOREIGN']);

/** Actions that change no rows whatever follows them. Options stand one behind another: all that may follow keep rows. */
const keepsRows: ReadonlySet<string> = new Set([
  'ALGORITHM',
  'ALTER',
  'ANALYZE',
  'AUTO_INCREMENT',
  'AVG_ROW_LENGTH',
  'CHARACTER',
  'CHARSET',
  'CHECK',
  'CHECKSUM',
  'COALESCE',
  'COLLATE',
  'COMMENT',
  'COMPRESSION',
  'DEFAULT',
  'DELAY_KEY_WRITE',
  'DISABLE',
  'ENABLE',
  'ENCRYPTION',
  'ENGINE',
  'FORCE',
  'KEY_BLOCK_SIZE',
  'LOCK',
  'MAX_ROWS',
  'MIN_ROWS',
  'OPTIMIZE',
  'ORDER',
  'PARTITION',
  'REBUILD',
  'REMOVE',
  'REORGANIZE',
  'ROW_FORMAT',
  'STATS_AUTO_RECALC',
  'STATS_PERSISTENT',
  'STATS_SAMPLE_PAGES',
  'WITHOUT',
]);

function readAction(table: TableName, cursor: Cursor): Action {
  const word = cursor.keyword;
  switch (word) {
    case 'ADD':
      cursor.step();
      return addsNoRows.has(constraintKind(cursor)) ? kept : changed;
    case 'DROP':
      cursor.step();
      if (dropsConstraint.has(cursor.keyword)) return constraintDropped;
      return dropsNoRows.has(cursor.keyword) ? kept : changed;
    case 'RENAME':
      cursor.step();
      return renameAction(table, cursor);
    case 'EXCHANGE':
      return otherTable('alter', cursor, ['EXCHANGE', 'PARTITION'], ['WITH', 'TABLE']);
    case 'CONVERT':
      return convertAction(cursor);
    default:
      return keepsRows.has(word) ? kept : changed;
  }
}

/** What ADD [CONSTRAINT [name]] adds. */
function constraintKind(cursor: Cursor): string {
  if (!cursor.skip('CONSTRAINT')) return cursor.keyword;
  cursor.skip('IF', 'NOT', 'EXISTS');
  if (!addsNoRows.has(cursor.keyword) && cursor.keyword !== 'PRIMARY') cursor.step();
  return cursor.keyword;
}

/** RENAME [TO | AS | =] name; RENAME COLUMN | INDEX | KEY a TO b. */
function renameAction(table: TableName, cursor: Cursor): Action {
  if (cursor.keyword === 'COLUMN') return changed;
  if (cursor.keyword === 'INDEX' || cursor.keyword === 'KEY') return kept;
  if (!cursor.skip('TO') && !cursor.skip('AS')) cursor.symbol('=');
  const to = cursor.table();
  return { kind: 'effect', effect: to === null ? null : { kind: 'rename', name: table, to } };
}

/** MariaDB: CONVERT PARTITION p TO TABLE t; CONVERT TABLE t TO PARTITION p … Else CONVERT TO CHARACTER SET. */
function convertAction(cursor: Cursor): Action {
  cursor.step();
  if (cursor.keyword === 'PARTITION') {
    return otherTable('create', cursor, ['PARTITION'], ['TO', 'TABLE']);
  }
  if (!cursor.skip('TABLE')) return changed;
  const name = cursor.table();
  return { kind: 'effect', effect: name === null ? null : { kind: 'drop', name } };
}

/** `before` partition `after` table: the rows of that table are others, too. */
function otherTable(
  kind: 'alter' | 'create',
  cursor: Cursor,
  before: readonly string[],
  after: readonly string[],
): Action {
  if (!skipAll(cursor, before) || cursor.name() === null || !skipAll(cursor, after)) return changed;
  const name = cursor.table();
  return { kind: 'effect', effect: name === null ? null : { kind, name } };
}

function skipAll(cursor: Cursor, words: readonly string[]): boolean {
  return words.every((word) => cursor.skip(word));
}
