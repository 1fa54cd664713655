/**
 * Reads what the server's catalog says of the tables of a sync and of its publication. Only looks; what follows
 * from it is decided in tables.ts. PostgreSQL 10 to 18.
 * Source: PostgreSQL documentation, "System Catalogs".
 */

import { catalogSql, enumsSql, publicationSql, publishedTablesSql } from './catalog-sql.ts';
import type { Row, SourceConnection } from './connection.ts';
import type { PostgresDriverOptions } from './options.ts';
import { TypeCatalog } from './types.ts';

export interface CatalogColumn {
  readonly attnum: number;
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  readonly notNull: boolean;
  /** '': not generated; s: stored; v: virtual. */
  readonly generated: '' | 's' | 'v';
  /** p: never out of line. */
  readonly storage: 'p' | 'e' | 'm' | 'x';
}

/** A unique index that is valid, not partial and has no expressions. */
export interface CatalogIndex {
  readonly name: string;
  /** attnums, in index order, without INCLUDE columns. */
  readonly columns: readonly number[];
  readonly primary: boolean;
  readonly identity: boolean;
  /** False for a deferrable constraint. */
  readonly immediate: boolean;
}

export interface CatalogTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** r: table; p: partitioned. */
  readonly kind: 'r' | 'p';
  readonly unlogged: boolean;
  /** d: primary key, n: nothing, f: full row, i: index. */
  readonly replicaIdentity: 'd' | 'n' | 'f' | 'i';
  readonly isPartition: boolean;
  /** Oids of the tables above it, by inheritance or partitioning. */
  readonly ancestors: readonly number[];
  /** Storage files of the table and, for a partitioned one, of all its partitions. */
  readonly storage: string;
  readonly rowsEstimated: number | null;
  readonly columns: readonly CatalogColumn[];
  readonly indexes: readonly CatalogIndex[];
}

export interface PublishedTable {
  /** Names of the columns that are sent; null: all (before PostgreSQL 15). */
  readonly columns: readonly string[] | null;
  readonly rowFilter: string | null;
  /** Of pg_publication_rel; null when it is published as one of all tables or of a schema. */
  readonly relOid: number | null;
}

export interface Publication {
  readonly oid: number;
  readonly allTables: boolean;
  /** What it publishes, in the order insert, update, delete, truncate. */
  readonly operations: readonly string[];
  readonly viaRoot: boolean;
  /** Whether the user may alter it. */
  readonly owned: boolean;
  /** By table oid, as rows arrive: under the root with `viaRoot`. */
  readonly tables: ReadonlyMap<number, PublishedTable>;
  /** Oids of the tables named in it, which with `viaRoot: false` need not be those whose rows arrive. */
  readonly members: ReadonlySet<number>;
}

export interface CatalogSnapshot {
  /** server_version_num, for example 150013. */
  readonly version: number;
  /** The tables that match the configuration, by name. */
  readonly tables: readonly CatalogTable[];
  readonly publication: Publication | null;
  readonly types: TypeCatalog;
  /** Labels by the oid of the enum. */
  readonly enums: ReadonlyMap<number, string>;
}

/** For what is not in pg_type any more. */
export const textOid = 25;

/** Of a database with thousands of tables, the server looks closely at those of the sync alone. */
const everything = [{ schema: '*', table: '*' }];

/** `*` and `?` of a glob as LIKE has them. */
function likePattern(glob: string): string {
  return glob
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_');
}

/** @param types what is read is added to them, and replaces what they have. */
export async function readCatalog(
  connection: SourceConnection,
  version: number,
  options: PostgresDriverOptions,
  types = new TypeCatalog(),
): Promise<CatalogSnapshot> {
  const { include = everything } = options;
  const rows = await connection.query(catalogSql(version), [
    include.map(({ schema }) => likePattern(schema)),
    include.map(({ table }) => likePattern(table)),
  ]);
  const tables = rows
    .map((row) => toTable(row))
    .filter((table) => options.matches(table.schema, table.name));
  await types.load(
    (sql, parameters) => connection.query(sql, parameters),
    [textOid, ...tables.flatMap((table) => table.columns.map((column) => column.typeOid))],
  );
  const enums = new Map(
    (await connection.query(enumsSql)).map((row) => [Number(row.oid), String(row.labels)]),
  );
  const publication = await readPublication(connection, version, options.publication);
  return { version, tables, publication, types, enums };
}

/** Runs `read` in one snapshot of the catalog. */
export async function inSnapshot<T>(
  connection: SourceConnection,
  read: () => Promise<T>,
): Promise<T> {
  await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    return await read();
  } finally {
    await connection.query('ROLLBACK').catch(() => connection.destroy());
  }
}

export async function readPublication(
  connection: SourceConnection,
  version: number,
  name: string,
): Promise<Publication | null> {
  const [row] = await connection.query(publicationSql(version), [name]);
  if (row === undefined) return null;
  const members = new Map(
    (row.members as [number, number][]).map(([table, member]) => [table, member]),
  );
  const published = await connection.query(publishedTablesSql(version), [name]);
  return {
    oid: Number(row.oid),
    allTables: row.all_tables === true,
    operations: ['insert', 'update', 'delete', 'truncate'].filter((name) => row[name] === true),
    viaRoot: row.via_root === true,
    owned: row.owned === true,
    members: new Set(members.keys()),
    tables: new Map(published.map((table) => [Number(table.oid), toPublished(table, members)])),
  };
}

function toPublished(row: Row, members: ReadonlyMap<number, number>): PublishedTable {
  return {
    columns: row.columns as string[] | null,
    rowFilter: row.row_filter as string | null,
    relOid: members.get(Number(row.oid)) ?? null,
  };
}

function toTable(row: Row): CatalogTable {
  return {
    oid: Number(row.oid),
    schema: String(row.schema),
    name: String(row.name),
    kind: row.kind as CatalogTable['kind'],
    unlogged: row.persistence === 'u',
    replicaIdentity: row.replica_identity as CatalogTable['replicaIdentity'],
    isPartition: row.is_partition === true,
    ancestors: row.ancestors as number[],
    storage: String(row.storage),
    rowsEstimated: row.rows === null ? null : Math.round(Number(row.rows)),
    columns: row.columns as CatalogColumn[],
    indexes: row.indexes as CatalogIndex[],
  };
}
