/** From the catalog to the tables of the sync: which are read, by what key and columns, and which are left out. */
import { createHash } from 'node:crypto';
import type { ErrorCode } from '../../errors.ts';
import { WatcherError } from '../../errors.ts';
import type { ExcludedTable } from '../../replication/driver.ts';
import type { CatalogColumn, CatalogSnapshot, CatalogTable, PublishedTable } from './catalog.ts';
import type { PostgresDriverOptions } from './options.ts';
import { quoteName, quoteTable } from './sql-text.ts';
import { chooseKey } from './table-key.ts';
import type { PgType, TypeCatalog } from './types.ts';

/** A table of the sync, as the driver reads it. */
export interface TableDefinition {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p';
  /** Those that both the log and the dump carry and the user wants, in table order. */
  readonly columns: readonly CatalogColumn[];
  /** Names, in key order. */
  readonly key: readonly string[];
  readonly keyDeferrable: boolean;
  readonly replicaIdentity: 'd' | 'n' | 'f' | 'i';
  /** An SQL expression of a foreign publication, which the dump follows too. */
  readonly rowFilter: string | null;
  readonly fingerprint: string;
  readonly rowsEstimated: number | null;
}

export interface TableSelection {
  readonly tables: readonly TableDefinition[];
  readonly excluded: readonly ExcludedTable[];
}

/** What keeps a table out of the sync before the publication is looked at; null when it is covered by its root. */
type Verdict =
  | { readonly kind: 'wanted'; readonly key: readonly string[]; readonly deferrable: boolean }
  | {
      readonly kind: 'excluded';
      readonly code: ErrorCode;
      readonly message: string;
      readonly remedy: string;
    }
  | { readonly kind: 'covered' };

/** Whether rows of partitions arrive under the name of their root. */
export function publishesViaRoot(
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
): boolean {
  const { publication, version } = snapshot;
  const ours = options.managePublication && publication?.allTables !== true;
  return ours ? version >= 130000 : (publication?.viaRoot ?? version >= 130000);
}

/** The tables that a managed publication should have. */
export function wantedTables(
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
): readonly CatalogTable[] {
  const judge = judgeOf(snapshot, options);
  return snapshot.tables.filter((table) => judge(table).kind === 'wanted');
}

/**
 * The tables whose rows arrive, as the publication is now.
 * @throws WatcherError `key_column_excluded`.
 */
export function selectTables(
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
): TableSelection {
  const judge = judgeOf(snapshot, options);
  const tables: TableDefinition[] = [];
  const excluded: ExcludedTable[] = [];
  for (const table of snapshot.tables) {
    const verdict = judge(table);
    if (verdict.kind === 'covered') continue;
    const published = snapshot.publication?.tables.get(table.oid);
    if (verdict.kind === 'excluded') excluded.push(exclude(table, verdict));
    else if (published === undefined) excluded.push(exclude(table, unpublished(table, options)));
    else tables.push(define(snapshot, options, table, published, verdict));
  }
  return { tables, excluded };
}

function judgeOf(snapshot: CatalogSnapshot, options: PostgresDriverOptions) {
  const viaRoot = publishesViaRoot(snapshot, options);
  const byOid = new Map(snapshot.tables.map((table) => [table.oid, table]));
  const judgeAlone = (table: CatalogTable): Verdict => {
    if (table.unlogged) return unlogged(table);
    if (table.kind === 'p' && !viaRoot) return partitionedApart(table, snapshot, options);
    const key = chooseKey(table, options.keyColumns[`${table.schema}.${table.name}`]);
    if (key.kind === 'none') return { ...key, kind: 'excluded' };
    return { kind: 'wanted', key: key.columns, deferrable: key.deferrable };
  };
  return (table: CatalogTable): Verdict => {
    const covered =
      viaRoot &&
      table.isPartition &&
      table.ancestors.some((oid) => {
        const root = byOid.get(oid);
        return root !== undefined && judgeAlone(root).kind === 'wanted';
      });
    return covered ? { kind: 'covered' } : judgeAlone(table);
  };
}

function unlogged(table: CatalogTable): Verdict {
  return {
    kind: 'excluded',
    code: 'table_unsupported',
    message: `${quoteTable(table)} is unlogged: its changes are not in the log`,
    remedy: `ALTER TABLE ${quoteTable(table)} SET LOGGED; or exclude it (tables.exclude).`,
  };
}

function partitionedApart(
  table: CatalogTable,
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
): Verdict {
  const message = `${quoteTable(table)} is partitioned, and its rows arrive under the names of its partitions`;
  if (snapshot.version < 130000) {
    const remedy =
      'PostgreSQL 13 or later publishes them under its own name; until then name the partitions in tables.include.';
    return { kind: 'excluded', code: 'source_limited', message, remedy };
  }
  const remedy = `ALTER PUBLICATION ${quoteName(options.publication)} SET (publish_via_partition_root = true);`;
  return { kind: 'excluded', code: 'publication_mismatch', message, remedy };
}

function unpublished(table: CatalogTable, options: PostgresDriverOptions) {
  const publication = quoteName(options.publication);
  return {
    code: 'publication_mismatch' as const,
    message: `${quoteTable(table)} is not in the publication ${publication}`,
    remedy: `ALTER PUBLICATION ${publication} ADD TABLE ${quoteTable(table)};`,
  };
}

function exclude(
  table: CatalogTable,
  reason: { readonly code: ErrorCode; readonly message: string; readonly remedy: string },
): ExcludedTable {
  const name = `${table.schema}.${table.name}`;
  const { code, message, remedy } = reason;
  return {
    tableId: String(table.oid),
    table: name,
    warning: { code, message, remedy, table: name },
  };
}

function define(
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
  table: CatalogTable,
  published: PublishedTable,
  verdict: Extract<Verdict, { kind: 'wanted' }>,
): TableDefinition {
  refuseExcludedKey(table, verdict.key, options);
  const columns = table.columns.filter(
    (column) =>
      isCarried(column, published, snapshot.version) &&
      !options.excludesColumn(table.schema, table.name, column.name),
  );
  const absent = verdict.key.find((name) => columns.every((column) => column.name !== name));
  if (absent !== undefined) {
    throw new WatcherError('publication_mismatch', {
      message: `The publication ${options.publication} does not carry the key column ${absent} of ${quoteTable(table)}`,
      remedy: `Add the column to the publication's column list for ${quoteTable(table)}.`,
      table: `${table.schema}.${table.name}`,
    });
  }
  return {
    oid: table.oid,
    schema: table.schema,
    name: table.name,
    kind: table.kind,
    columns,
    key: verdict.key,
    keyDeferrable: verdict.deferrable,
    replicaIdentity: table.replicaIdentity,
    rowFilter: published.rowFilter,
    rowsEstimated: table.rowsEstimated,
    fingerprint: fingerprintOf(snapshot, table, published, columns, verdict),
  };
}

/** Before version 18 the log never carries a generated column, and then the view does not tell. */
function isCarried(column: CatalogColumn, published: PublishedTable, version: number): boolean {
  if (column.generated !== '' && version < 180000) return false;
  return published.columns === null || published.columns.includes(column.name);
}

function refuseExcludedKey(
  table: CatalogTable,
  key: readonly string[],
  options: PostgresDriverOptions,
): void {
  const name = key.find((column) => options.excludesColumn(table.schema, table.name, column));
  if (name === undefined) return;
  throw new WatcherError('key_column_excluded', {
    message: `The key column ${name} of ${table.schema}.${table.name} is excluded`,
    remedy: `Take ${table.schema}.${table.name}.${name} out of columns.exclude.`,
    table: `${table.schema}.${table.name}`,
  });
}

/** Everything that can change the stored form of rows without rows in the log. */
function fingerprintOf(
  snapshot: CatalogSnapshot,
  table: CatalogTable,
  published: PublishedTable,
  columns: readonly CatalogColumn[],
  verdict: Extract<Verdict, { kind: 'wanted' }>,
): string {
  const parts = [
    table.schema,
    table.name,
    table.kind,
    columns.map(({ attnum, name, typeOid, typmod }) => [attnum, name, typeOid, typmod]),
    columns.map(({ typeOid }) => typeStructure(snapshot, typeOid)),
    verdict.key,
    verdict.deferrable,
    table.replicaIdentity,
    table.storage,
    table.ancestors.length === 0 ? '' : [...table.ancestors].sort(),
    published.relOid,
    published.rowFilter,
  ];
  return shortHash(parts);
}

export function shortHash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);
}

/** The names of attributes and labels that the values of a type are written with. */
function typeStructure(snapshot: CatalogSnapshot, oid: number): string {
  const { types, enums } = snapshot;
  const labels: string[] = [];
  collectEnums(types, oid, (enumOid) => labels.push(enums.get(enumOid) ?? ''));
  return [types.signature(oid), ...labels].join('\n');
}

function collectEnums(types: TypeCatalog, oid: number, found: (oid: number) => void): void {
  const type: PgType = types.base(oid);
  if (type.kind === 'enum') found(type.oid);
  if (type.kind === 'array' || type.kind === 'vector') collectEnums(types, type.element, found);
  if (type.kind === 'composite') {
    for (const attribute of type.attributes) collectEnums(types, attribute.typeOid, found);
  }
}
