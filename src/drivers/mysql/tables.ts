/** From the schema to the tables of the sync: which are read, by what key and columns, and which are left out. Pure. */
import { createHash } from 'node:crypto';
import type { ErrorCode } from '../../errors.ts';
import { WatcherError } from '../../errors.ts';
import type { ExcludedTable } from '../../replication/driver.ts';
import type { CascadeTargets, ReferencingTable } from './foreign-keys.ts';
import { cascadeTargets, changesRows } from './foreign-keys.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { SchemaSnapshot, SchemaTable } from './schema.ts';
import type { SchemaColumn } from './schema-column.ts';
import { hasGrant, logsCascades, type ServerFacts } from './server-facts.ts';
import { quoteName, quoteTable, tableIdOf } from './sql-text.ts';
import { chooseKey } from './table-key.ts';

/** A table of the sync, as the driver reads it. */
export interface TableDefinition {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  /** Those that the user wants, in table order. */
  readonly columns: readonly SchemaColumn[];
  /** All of them, in table order: what a table map without names describes. */
  readonly allColumns: readonly SchemaColumn[];
  /** Names, in key order. */
  readonly key: readonly string[];
  /** Reads of one snapshot agree. Others are read under a lock (DESIGN §5). */
  readonly transactional: boolean;
  /** MariaDB system versioning: names of the columns of the period, which may be hidden ones. */
  readonly versioning: { readonly start: string; readonly end: string } | null;
  readonly fingerprint: string;
  readonly rowsEstimated: number | null;
}

export interface TableSelection {
  readonly tables: readonly TableDefinition[];
  readonly excluded: readonly ExcludedTable[];
  /**
   * Tables to dump again when rows of the parent (by table id) are deleted or change their key: empty unless the
   * user chose `mysql.on_unlogged_cascade: redump` on a server that does not log cascades.
   */
  readonly cascades: ReadonlyMap<string, CascadeTargets>;
}

interface Exclusion {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
}

/** Whether tables are dumped again because of cascades. */
export function redumpsCascades(facts: ServerFacts, options: MysqlDriverOptions): boolean {
  return options.onUnloggedCascade === 'redump' && !logsCascades(facts);
}

/**
 * @param ancestors tables that are not of the configuration, and that those of it reference
 * @throws WatcherError `key_column_excluded`.
 */
export function selectTables(
  schema: SchemaSnapshot,
  facts: ServerFacts,
  options: MysqlDriverOptions,
  ancestors: readonly ReferencingTable[] = [],
): TableSelection {
  const tables: TableDefinition[] = [];
  const excluded: ExcludedTable[] = [];
  for (const table of schema) {
    const key = chooseKey(table, options.keyColumns[`${table.schema}.${table.name}`]);
    const reason =
      unsupported(table, facts, options) ??
      (key.kind === 'none' ? { ...key, code: 'no_key' as const } : null) ??
      cascading(table, facts, options);
    if (reason !== null) excluded.push(exclude(table, reason));
    else if (key.kind === 'key') tables.push(define(table, key.columns, facts, options));
  }
  const cascades = redumpsCascades(facts, options)
    ? cascadeTargets([...schema, ...ancestors])
    : new Map<string, CascadeTargets>();
  return { tables, excluded, cascades };
}

/** Engines whose reads of one snapshot agree. */
const transactionalEngines: ReadonlySet<string> = new Set(['INNODB', 'TOKUDB', 'ROCKSDB']);

/** Engines whose changes are in the log, but whose reads need a lock. */
const plainEngines: ReadonlySet<string> = new Set(['MYISAM', 'ARIA', 'ARCHIVE', 'CSV']);

function unsupported(
  table: SchemaTable,
  facts: ServerFacts,
  options: MysqlDriverOptions,
): Exclusion | null {
  const name = quoteTable(table);
  const code = 'table_unsupported';
  const exclusion = `exclude it (tables.exclude: ["${table.schema}.${table.name}"])`;
  if (table.type === 'SEQUENCE') {
    const remedy = `Nothing mends it: ${exclusion}.`;
    return { code, message: `${name} is a sequence, not a table`, remedy };
  }
  const engine = table.engine.toUpperCase();
  if (engine === 'MEMORY') {
    const message = `${name} is a MEMORY table: its rows are gone after a restart, and the log does not say so`;
    return { code, message, remedy: `ALTER TABLE ${name} ENGINE = InnoDB; or ${exclusion}.` };
  }
  if (!transactionalEngines.has(engine) && !plainEngines.has(engine)) {
    const message = `${name} has the engine ${table.engine}, which does not log the changes of its rows by itself`;
    return { code, message, remedy: `ALTER TABLE ${name} ENGINE = InnoDB; or ${exclusion}.` };
  }
  if (plainEngines.has(engine) && !mayLock(facts)) {
    const message = `${name} has the engine ${table.engine}, whose rows can only be read under a lock`;
    const remedy = `GRANT LOCK TABLES ON ${quoteName(table.schema)}.* TO the account of the sync; or ALTER TABLE ${name} ENGINE = InnoDB; or ${exclusion}.`;
    return { code, message, remedy };
  }
  return versionedByTransactions(table) ?? unknownType(table, facts, options);
}

/** Seen on MariaDB 10.11: with a period of transaction ids no row of a change is in the log, whatever binlog_format is. */
function versionedByTransactions(table: SchemaTable): Exclusion | null {
  const end = table.columns.find(({ period }) => period === 'end');
  if (end?.shape.kind !== 'integer') return null;
  const name = quoteTable(table);
  return {
    code: 'table_unsupported',
    message: `${name} is versioned by transaction ids (its period is of BIGINT): the server logs its changes as statements, without rows, and the first of them stops the sync`,
    remedy: `ALTER TABLE ${name} DROP SYSTEM VERSIONING; then, if it is to be versioned, with a period of TIMESTAMP(6).`,
  };
}

/** Whether LOCK TABLES is worth a try: the server lists grants on one database in many forms. */
function mayLock(facts: ServerFacts): boolean {
  return hasGrant(facts, 'LOCK TABLES') || facts.mayLock;
}

/** MariaDB's VECTOR is in its log as bytes, told from VARBINARY by nothing. */
function unknownType(
  table: SchemaTable,
  { flavour }: ServerFacts,
  options: MysqlDriverOptions,
): Exclusion | null {
  const vectors = table.columns
    .filter(({ shape }) => shape.kind === 'vector' && flavour === 'mariadb')
    .map(({ name }) => ({ name, type: 'vector' }));
  const found = [...table.unknown, ...vectors].find(
    ({ name }) => !options.excludesColumn(table.schema, table.name, name),
  );
  if (found === undefined) return null;
  const column = `${table.schema}.${table.name}.${found.name}`;
  return {
    code: 'table_unsupported',
    message: `The column ${found.name} of ${quoteTable(table)} has the type ${found.type}, which this version does not know`,
    remedy: `Exclude the column (columns.exclude: ["${column}"]) or the table (tables.exclude).`,
  };
}

function cascading(
  table: SchemaTable,
  facts: ServerFacts,
  options: MysqlDriverOptions,
): Exclusion | null {
  if (options.onUnloggedCascade === 'redump' || logsCascades(facts)) return null;
  const key = table.foreignKeys.find(changesRows);
  if (key === undefined) return null;
  const name = quoteTable(table);
  const parent = quoteTable({ schema: key.parentSchema, name: key.parentTable });
  const columns = key.columns.map(quoteName).join(', ');
  const server =
    facts.flavour === 'mysql' && facts.version >= 90600
      ? 'this server logs that only with innodb_native_foreign_keys = OFF'
      : 'this server does not log that';
  return {
    code: 'fk_cascade_not_logged',
    message: `The foreign key ${key.name} changes rows of ${name} when rows of ${parent} change, and ${server}`,
    remedy: `Set mysql.on_unlogged_cascade: redump (${name} is then dumped again after such changes); or exclude the table; or ALTER TABLE ${name} DROP FOREIGN KEY ${quoteName(key.name)}, ADD CONSTRAINT ${quoteName(key.name)} FOREIGN KEY (${columns}) REFERENCES ${parent} (…) ON DELETE RESTRICT ON UPDATE RESTRICT;`,
  };
}

function exclude(table: SchemaTable, reason: Exclusion): ExcludedTable {
  const name = `${table.schema}.${table.name}`;
  const { code, message, remedy } = reason;
  return {
    tableId: tableIdOf(table.schema, table.name),
    table: name,
    warning: { code, message, remedy, table: name },
  };
}

function define(
  table: SchemaTable,
  key: readonly string[],
  facts: ServerFacts,
  options: MysqlDriverOptions,
): TableDefinition {
  refuseExcludedKey(table, key, options);
  const columns = table.columns.filter(
    ({ name }) => !options.excludesColumn(table.schema, table.name, name),
  );
  return {
    id: tableIdOf(table.schema, table.name),
    schema: table.schema,
    name: table.name,
    columns,
    allColumns: table.columns,
    key,
    transactional: transactionalEngines.has(table.engine.toUpperCase()),
    versioning: versioningOf(table),
    rowsEstimated: table.rowsEstimated,
    fingerprint: fingerprintOf(table, columns, key, redumpsCascades(facts, options)),
  };
}

/** Columns of a period that nobody declared have these names, and are hidden. */
function versioningOf(table: SchemaTable): TableDefinition['versioning'] {
  if (table.type !== 'SYSTEM VERSIONED') return null;
  const named = (period: 'start' | 'end') =>
    table.columns.find((column) => column.period === period)?.name ?? `row_${period}`;
  return { start: named('start'), end: named('end') };
}

function refuseExcludedKey(
  table: SchemaTable,
  key: readonly string[],
  options: MysqlDriverOptions,
): void {
  const name = key.find((column) => options.excludesColumn(table.schema, table.name, column));
  if (name === undefined) return;
  throw new WatcherError('key_column_excluded', {
    message: `The key column ${name} of ${table.schema}.${table.name} is excluded`,
    remedy: `Take ${table.schema}.${table.name}.${name} out of columns.exclude.`,
    table: `${table.schema}.${table.name}`,
  });
}

/**
 * Everything that decides what rows are written like. DDL is in the log, so this tells only of what was done without
 * it (sql_log_bin = 0), and of a change of the configuration.
 * @param cascades foreign keys that change rows belong to it: rows that were changed by those of before are not known
 */
function fingerprintOf(
  table: SchemaTable,
  columns: readonly SchemaColumn[],
  key: readonly string[],
  cascades: boolean,
): string {
  const changing = cascades ? table.foreignKeys.filter(changesRows) : [];
  return shortHash([
    table.schema,
    table.name,
    table.type,
    table.engine,
    columns.map(({ name, columnType, charset, collation }) => [
      name,
      columnType,
      charset,
      collation,
    ]),
    key,
    ...changing.map(({ name: _, ...rest }) => rest),
  ]);
}

export function shortHash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);
}
