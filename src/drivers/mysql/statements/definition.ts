/** CREATE, ALTER, DROP, RENAME, TRUNCATE and REPAIR. Source: MySQL and MariaDB, "Data Definition Statements". */
import type { Statement, TableEffect, TableName } from '../statement.ts';
import { alterTable } from './alter-table.ts';
import type { Cursor } from './cursor.ts';
import { harmlessObjects } from './verbs.ts';

const unknown: Statement = { kind: 'unknown' };
const harmless: Statement = { kind: 'harmless' };

/** @returns null when the statement is about something else. */
export function definitionStatement(verb: string, cursor: Cursor): Statement | null {
  switch (verb) {
    case 'CREATE':
      return create(cursor);
    case 'ALTER':
      return alter(cursor);
    case 'DROP':
      return drop(cursor);
    case 'RENAME':
      return rename(cursor);
    case 'TRUNCATE':
      cursor.skip('TABLE');
      return effects([truncateOf(cursor.table())]);
    case 'REPAIR':
      return repair(cursor);
    case 'ANALYZE':
    case 'OPTIMIZE':
      skipOptions(cursor);
      return isTable(cursor.keyword) ? harmless : unknown;
    default:
      return null;
  }
}

interface Modifiers {
  readonly temporary: boolean;
  /** ALTER IGNORE TABLE drops rows that a new unique index does not allow. */
  readonly ignore: boolean;
}

/** Words that may stand before what is created, altered or dropped, and say nothing of rows. */
const adjectives: ReadonlySet<string> = new Set([
  'AGGREGATE',
  'DUALITY',
  'EXTERNAL',
  'FULLTEXT',
  'JSON',
  'MATERIALIZED',
  'OFFLINE',
  'ONLINE',
  'OR',
  'RELATIONAL',
  'REPLACE',
  'SPATIAL',
  'SQL',
  'UNDO',
  'UNIQUE',
  'VECTOR',
]);

function readModifiers(cursor: Cursor): Modifiers {
  let temporary = false;
  let ignore = false;
  for (;;) {
    if (cursor.skip('TEMPORARY')) temporary = true;
    else if (cursor.skip('IGNORE')) ignore = true;
    else if (cursor.skip('DEFINER')) skipUser(cursor);
    else if (cursor.skip('ALGORITHM')) {
      cursor.symbol('=');
      cursor.step();
    } else if (cursor.skip('SECURITY')) cursor.step();
    else if (adjectives.has(cursor.keyword)) cursor.step();
    else return { temporary, ignore };
  }
}

/** `= 'u'@'h'`, `= CURRENT_USER()` */
function skipUser(cursor: Cursor): void {
  cursor.symbol('=');
  cursor.step();
  if (cursor.symbol('@')) cursor.step();
  if (cursor.symbol('(')) cursor.symbol(')');
}

function create(cursor: Cursor): Statement {
  const { temporary } = readModifiers(cursor);
  const object = cursor.step()?.upper ?? '';
  if (harmlessObjects.has(object)) return harmless;
  const unlessExists = cursor.skip('IF', 'NOT', 'EXISTS');
  switch (object) {
    case 'TABLE':
    case 'SEQUENCE': {
      if (temporary) return harmless;
      const name = cursor.table();
      if (name === null) return unknown;
      return effects([{ kind: 'create', name, ...(unlessExists && { unlessExists }) }]);
    }
    case 'INDEX':
      return onTable(cursor);
    case 'DATABASE':
    case 'SCHEMA': {
      const schema = cursor.name();
      return schema === null ? unknown : effects([{ kind: 'create_database', schema }]);
    }
    default:
      return unknown;
  }
}

function alter(cursor: Cursor): Statement {
  const { ignore } = readModifiers(cursor);
  const object = cursor.step()?.upper ?? '';
  if (harmlessObjects.has(object) || object === 'SEQUENCE') return harmless;
  if (object === 'TABLE') return effects(alterTable(cursor, ignore));
  return isDatabase(object) ? alterDatabase(cursor) : unknown;
}

/** Of a name as files had it before MySQL 5.1. */
const oldEncoding = '#mysql50#';

/** ALTER DATABASE `#mysql50#a-b` UPGRADE DATA DIRECTORY NAME gives it the name that follows. */
function alterDatabase(cursor: Cursor): Statement {
  const schema = cursor.name();
  if (schema?.startsWith(oldEncoding) !== true) return harmless;
  return effects([{ kind: 'create_database', schema: schema.slice(oldEncoding.length) }]);
}

function drop(cursor: Cursor): Statement {
  const { temporary } = readModifiers(cursor);
  const object = cursor.step()?.upper ?? '';
  if (harmlessObjects.has(object)) return harmless;
  cursor.skip('IF', 'EXISTS');
  if (isTable(object) || object === 'SEQUENCE') {
    if (temporary) return harmless;
    return effects(list(cursor, (name) => ({ kind: 'drop', name })));
  }
  if (object === 'INDEX') return onTable(cursor);
  const schema = isDatabase(object) ? cursor.name() : null;
  return schema === null ? unknown : effects([{ kind: 'drop_database', schema }]);
}

/** An index, and the table that it is on. */
function onTable(cursor: Cursor): Statement {
  const name = cursor.seek('ON') ? cursor.table() : null;
  return name === null ? unknown : effects([{ kind: 'alter', name, rowsKept: true }]);
}

function rename(cursor: Cursor): Statement {
  const object = cursor.step()?.upper ?? '';
  if (harmlessObjects.has(object)) return harmless;
  if (!isTable(object)) return unknown;
  cursor.skip('IF', 'EXISTS');
  const renames = list(cursor, (name) => {
    if (cursor.skip('WAIT')) cursor.step();
    cursor.skip('NOWAIT');
    const to = cursor.skip('TO') ? cursor.table() : null;
    return to === null ? null : { kind: 'rename', name, to };
  });
  return effects(renames);
}

function repair(cursor: Cursor): Statement {
  skipOptions(cursor);
  const object = cursor.step()?.upper ?? '';
  if (object === 'VIEW') return harmless;
  return isTable(object) ? effects(list(cursor, (name) => ({ kind: 'alter', name }))) : unknown;
}

function truncateOf(name: TableName | null): TableEffect | null {
  return name === null ? null : { kind: 'truncate', name };
}

/** `DELETE FROM t` and no more. */
export function isDeleteAll(cursor: Cursor): boolean {
  if (!cursor.skip('FROM') || cursor.table() === null) return false;
  cursor.symbol(';');
  return cursor.ahead === null;
}

/** Tables with commas between them. */
function list(
  cursor: Cursor,
  effect: (name: TableName) => TableEffect | null,
): readonly (TableEffect | null)[] {
  const found: (TableEffect | null)[] = [];
  do {
    const name = cursor.table();
    found.push(name === null ? null : effect(name));
  } while (cursor.symbol(','));
  return found;
}

function effects(found: readonly (TableEffect | null)[]): Statement {
  const known = found.filter((effect) => effect !== null);
  return known.length < found.length || found.length === 0
    ? unknown
    : { kind: 'tables', effects: known };
}

function skipOptions(cursor: Cursor): void {
  while (cursor.skip('LOCAL') || cursor.skip('NO_WRITE_TO_BINLOG'));
}

function isTable(word: string): boolean {
  return word === 'TABLE' || word === 'TABLES';
}

function isDatabase(word: string): boolean {
  return word === 'DATABASE' || word === 'SCHEMA';
}
