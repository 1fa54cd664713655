/**
 * Foreign keys that change rows of the referencing table. They are read from SHOW CREATE TABLE: who may only SELECT
 * does not see information_schema.REFERENTIAL_CONSTRAINTS on MariaDB. Pure but for `readForeignKeys`.
 */
import type { SourceConnection } from './connection.ts';
import { isTableChanged } from './errors.ts';
import { quoteTable, tableIdOf } from './sql-text.ts';

export interface ForeignKey {
  readonly name: string;
  /** The referencing columns. */
  readonly columns: readonly string[];
  readonly parentSchema: string;
  readonly parentTable: string;
  /** The columns that are referenced. */
  readonly parentColumns: readonly string[];
  /** What a DELETE of the parent's row does to rows that reference it. */
  readonly onDelete: ForeignKeyAction;
  /** What an UPDATE of those columns does. */
  readonly onUpdate: ForeignKeyAction;
}

export type ForeignKeyAction = 'none' | 'cascade' | 'set null' | 'set default';

/** Quoted, as sql_quote_show_create = 1 has it (connection.ts). */
const name = '`((?:[^`]|``)+)`';
const names = '`(?:[^`]|``)+`(?:, ?`(?:[^`]|``)+`)*';
/** A line of its own: a comment of a column has no line breaks. */
const constraint = new RegExp(
  `^\\s*CONSTRAINT ${name} FOREIGN KEY \\((${names})\\) REFERENCES (?:${name}\\.)?${name} \\((${names})\\)([^,\\n]*)`,
  'gm',
);

/** @param schema of the table: the server leaves it out when the parent is in the same */
export function parseForeignKeys(createTable: string, schema: string): readonly ForeignKey[] {
  return [...createTable.matchAll(constraint)].map((match) => {
    const [, key = '', columns = '', parentSchema, parentTable = '', referenced = '', rules = ''] =
      match;
    return {
      name: unquote(key),
      columns: unquoteList(columns),
      parentSchema: parentSchema === undefined ? schema : unquote(parentSchema),
      parentTable: unquote(parentTable),
      parentColumns: unquoteList(referenced),
      onDelete: action(/ON DELETE (CASCADE|SET NULL|SET DEFAULT)/.exec(rules)),
      onUpdate: action(/ON UPDATE (CASCADE|SET NULL|SET DEFAULT)/.exec(rules)),
    };
  });
}

export function changesRows({ onDelete, onUpdate }: ForeignKey): boolean {
  return onDelete !== 'none' || onUpdate !== 'none';
}

function action(match: RegExpExecArray | null): ForeignKeyAction {
  return (match?.[1]?.toLowerCase() ?? 'none') as ForeignKeyAction;
}

function unquote(text: string): string {
  return text.replaceAll('``', '`');
}

function unquoteList(columns: string): readonly string[] {
  return [...columns.matchAll(new RegExp(name, 'g'))].map((column) => unquote(column[1] ?? ''));
}

interface NamedTable {
  readonly schema: string;
  readonly name: string;
}

export async function readForeignKeys(
  connection: SourceConnection,
  table: NamedTable,
): Promise<readonly ForeignKey[]> {
  const [row] = await connection.query(`SHOW CREATE TABLE ${quoteTable(table)}`);
  return parseForeignKeys(row?.['Create Table'] ?? '', table.schema);
}

/**
 * The tables that these reference and that are not among them, as far as foreign keys change rows, and those that they
 * reference in their turn: what is deleted there is deleted here by way of them.
 * @throws what the server answers, when the account may not see one.
 */
export async function readAncestors(
  connection: SourceConnection,
  tables: readonly ReferencingTable[],
): Promise<readonly ReferencingTable[]> {
  const known = new Set(tables.map(({ schema, name }) => tableIdOf(schema, name)));
  const ancestors: ReferencingTable[] = [];
  const ahead = tables.flatMap(parentsOf);
  for (let parent = ahead.pop(); parent !== undefined; parent = ahead.pop()) {
    const id = tableIdOf(parent.schema, parent.name);
    if (known.has(id)) continue;
    known.add(id);
    const table = { ...parent, foreignKeys: await tryForeignKeys(connection, parent) };
    ancestors.push(table);
    ahead.push(...parentsOf(table));
  }
  return ancestors;
}

/** A foreign key may name a table that is not there. */
async function tryForeignKeys(
  connection: SourceConnection,
  table: NamedTable,
): Promise<readonly ForeignKey[]> {
  try {
    return await readForeignKeys(connection, table);
  } catch (error) {
    if (isTableChanged(error)) return [];
    throw error;
  }
}

function parentsOf({ foreignKeys }: ReferencingTable): readonly NamedTable[] {
  return foreignKeys
    .filter(changesRows)
    .map(({ parentSchema, parentTable }) => ({ schema: parentSchema, name: parentTable }));
}

/** For each parent: the tables whose rows its changes change, directly or by way of others. */
export interface CascadeTargets {
  readonly onDelete: readonly string[];
  readonly onKeyUpdate: readonly string[];
  /** Columns of the parent whose change counts as one of its key. */
  readonly keyColumns: readonly string[];
}

/** A table with the foreign keys that it declares. */
export interface ReferencingTable extends NamedTable {
  readonly foreignKeys: readonly ForeignKey[];
}

/**
 * By table id of the parent, which need not be a table of the sync. A row that a cascade deletes or changes cascades
 * on, and nothing of it is in the log: what follows from a change of a child counts for its parent, too.
 */
export function cascadeTargets(
  tables: readonly ReferencingTable[],
): ReadonlyMap<string, CascadeTargets> {
  const children = new Map<string, { readonly child: string; readonly key: ForeignKey }[]>();
  for (const table of tables) {
    for (const key of table.foreignKeys.filter(changesRows)) {
      const parent = tableIdOf(key.parentSchema, key.parentTable);
      const list = children.get(parent) ?? [];
      list.push({ child: tableIdOf(table.schema, table.name), key });
      children.set(parent, list);
    }
  }
  const reach = (
    parent: string,
    which: 'onDelete' | 'onUpdate',
    found: Set<string>,
  ): Set<string> => {
    for (const { child, key } of children.get(parent) ?? []) {
      if (key[which] === 'none' || found.has(child)) continue;
      found.add(child);
      // A cascade that deletes deletes on; every other one changes columns, which may be a key in their turn.
      if (which === 'onDelete' && key.onDelete === 'cascade') reach(child, 'onDelete', found);
      reach(child, 'onUpdate', found);
    }
    return found;
  };
  return new Map(
    [...children].map(([parent, declared]) => [
      parent,
      {
        onDelete: [...reach(parent, 'onDelete', new Set())],
        onKeyUpdate: [...reach(parent, 'onUpdate', new Set())],
        keyColumns: [
          ...new Set(
            declared.flatMap(({ key }) => (key.onUpdate === 'none' ? [] : key.parentColumns)),
          ),
        ],
      },
    ]),
  );
}
