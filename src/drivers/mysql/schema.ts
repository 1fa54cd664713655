/** The tables of the configured databases, as information_schema has them now. */
import type { Row, SourceConnection } from './connection.ts';
import { isDenied, isTableChanged } from './errors.ts';
import type { ForeignKey } from './foreign-keys.ts';
import { readForeignKeys } from './foreign-keys.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { SchemaColumn } from './schema-column.ts';
import { isKnownType, schemaColumn } from './schema-column.ts';
import type { ServerFacts } from './server-facts.ts';
import { tableIdOf } from './sql-text.ts';

export interface SchemaIndex {
  readonly name: string;
  readonly unique: boolean;
  /** In index order; null: a part that is an expression or a prefix of a column. */
  readonly columns: readonly (string | null)[];
  /** Columns of which only a prefix is indexed. */
  readonly prefixes: readonly string[];
}

export interface SchemaTable {
  readonly schema: string;
  readonly name: string;
  readonly type: 'BASE TABLE' | 'SYSTEM VERSIONED' | 'SEQUENCE';
  readonly engine: string;
  readonly rowsEstimated: number | null;
  /** All of them, in table order. */
  readonly columns: readonly SchemaColumn[];
  /** Those of a type that is not known, with it. */
  readonly unknown: readonly { readonly name: string; readonly type: string }[];
  readonly indexes: readonly SchemaIndex[];
  readonly foreignKeys: readonly ForeignKey[];
}

/** Tables that the configuration matches; views are none. */
export type SchemaSnapshot = readonly SchemaTable[];

const tablesSql = `
SELECT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine, TABLE_ROWS AS estimate
FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (?) AND TABLE_TYPE <> 'VIEW'`;

/** GENERATION_EXPRESSION came with MySQL 5.7 and MariaDB 10.2. */
const columnsSql = (generation: string) => `
SELECT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS \`table\`, COLUMN_NAME AS name, COLUMN_TYPE AS column_type,
  DATA_TYPE AS data_type, IS_NULLABLE AS nullable, CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation,
  NUMERIC_SCALE AS scale, DATETIME_PRECISION AS digits, CHARACTER_MAXIMUM_LENGTH AS length, EXTRA AS extra,
  ${generation} AS generation
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN (?) ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`;

const indexesSql = `
SELECT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS \`table\`, INDEX_NAME AS name, NON_UNIQUE AS non_unique,
  COLUMN_NAME AS \`column\`, SUB_PART AS prefix
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN (?) ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`;

const referencingSql = `
SELECT DISTINCT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS \`table\`
FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA IN (?) AND REFERENCED_TABLE_NAME IS NOT NULL`;

/** Large databases: information_schema of MariaDB and of MySQL before 8.0 opens every table. */
const catalogTimeoutMs = 300_000;

export async function readSchema(
  connection: SourceConnection,
  facts: ServerFacts,
  options: MysqlDriverOptions,
): Promise<SchemaSnapshot> {
  const databases = [...options.databases];
  const read = (sql: string) => connection.query(sql, [databases], catalogTimeoutMs);
  const tables = (await read(tablesSql)).filter((row) => isWanted(row, options));
  if (tables.length === 0) return [];
  const hasGeneration = facts.flavour === 'mariadb' || facts.version >= 50700;
  const columns = grouped(await read(columnsSql(hasGeneration ? 'GENERATION_EXPRESSION' : 'NULL')));
  const indexes = grouped(await read(indexesSql));
  const referencing = grouped(await read(referencingSql));
  const snapshot: SchemaTable[] = [];
  for (const row of tables) {
    const table = { schema: row.schema ?? '', name: row.name ?? '' };
    const id = tableIdOf(table.schema, table.name);
    const foreignKeys = referencing.has(id) ? await tryForeignKeys(connection, table) : [];
    snapshot.push(assemble(row, columns.get(id) ?? [], indexes.get(id) ?? [], foreignKeys));
  }
  return snapshot;
}

/** information_schema compares names without case on some servers. */
function isWanted(row: Row, options: MysqlDriverOptions): boolean {
  const schema = row.schema ?? '';
  return options.databases.includes(schema) && options.matches(schema, row.name ?? '');
}

/** A table that is dropped or may not be read: other checks say so. */
async function tryForeignKeys(
  connection: SourceConnection,
  table: { readonly schema: string; readonly name: string },
): Promise<readonly ForeignKey[]> {
  try {
    return await readForeignKeys(connection, table);
  } catch (error) {
    if (isDenied(error) || isTableChanged(error)) return [];
    throw error;
  }
}

function grouped(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const id = tableIdOf(row.schema ?? '', row.table ?? '');
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [row]);
    else group.push(row);
  }
  return groups;
}

function assemble(
  row: Row,
  columnRows: readonly Row[],
  indexRows: readonly Row[],
  foreignKeys: readonly ForeignKey[],
): SchemaTable {
  return {
    schema: row.schema ?? '',
    name: row.name ?? '',
    type: (row.type ?? 'BASE TABLE') as SchemaTable['type'],
    engine: row.engine ?? '',
    rowsEstimated:
      row.estimate === null || row.estimate === undefined ? null : Number(row.estimate),
    columns: columnRows.map(schemaColumn),
    unknown: columnRows
      .filter((column) => !isKnownType(column))
      .map((column) => ({ name: column.name ?? '', type: column.column_type ?? '' })),
    indexes: assembleIndexes(indexRows),
    foreignKeys,
  };
}

function assembleIndexes(rows: readonly Row[]): readonly SchemaIndex[] {
  const names = [...new Set(rows.map((row) => row.name ?? ''))];
  return names.map((name) => {
    const parts = rows.filter((row) => row.name === name);
    const prefixes = parts.filter((part) => part.prefix !== null).map((part) => part.column ?? '');
    return {
      name,
      unique: parts[0]?.non_unique === '0',
      columns: parts.map((part) => part.column ?? null),
      prefixes,
    };
  });
}
