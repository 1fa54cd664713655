/**
 * A table map of the log → its relation, and how its rows are read. Pure.
 *
 * With binlog_row_metadata=FULL the map says all there is to say, but for MariaDB's UUID and INET, and old times with a
 * fraction, which look like other types: these come from the column of the same name in the catalog. Without it the
 * columns are those of the catalog, by their place, if their types are those of the map.
 *
 * Columns that nobody can select are in the log as well, behind all others (seen on MariaDB 10.11): the period of a
 * versioned table that declares none, and a hash for each unique index of a BLOB or TEXT.
 */
import { WatcherError } from '../../errors.ts';
import type { Relation } from '../../replication/change.ts';
import { columnTypes } from './binlog/column-types.ts';
import type { ColumnMap, TableMap } from './binlog/table-map.ts';
import type { ColumnHints } from './binlog/values/codec.ts';
import { binaryCollation } from './binlog/values/collations.ts';
import type { ColumnShape } from './column-shape.ts';
import { shapeFromLog, shapeSignature } from './column-shape.ts';
import type { MysqlDriverOptions } from './options.ts';
import { makeRelation } from './relation.ts';
import type { SchemaColumn } from './schema-column.ts';
import { hintsOf } from './schema-column.ts';
import type { TableDefinition } from './tables.ts';

export interface LogBinding {
  readonly relation: Relation;
  /** For each of `relation.columns`: its index in the table map. */
  readonly picks: readonly number[];
  /** Of the columns of the key, by index in the table map. */
  readonly key: readonly number[];
  /** Of the table map. */
  readonly hints: readonly (ColumnHints | undefined)[];
  /** MariaDB system versioning: the column that says until when the row was current; null: the table has none. */
  readonly periodEnd: number | null;
}

type Options = Pick<MysqlDriverOptions, 'excludesColumn' | 'keyColumns' | 'numbers'>;

interface NamedColumn {
  readonly index: number;
  readonly name: string;
  readonly map: ColumnMap;
  readonly hints: ColumnHints;
}

/**
 * @param table as the catalog has it now, which may be later than the log
 * @returns null when the rows cannot be read by what is known: the table has changed since, or had no key.
 * @throws WatcherError `unsupported_value` for a type that has no form in a value
 */
export function bindMap(
  map: TableMap,
  table: TableDefinition,
  options: Options,
): LogBinding | null {
  const columns = map.fullMetadata ? byName(map, table) : byPlace(map, table, options);
  if (columns === null) return null;
  const { schema, name } = table;
  const wanted = columns.filter(
    (column) => !isHidden(column.name, table) && !options.excludesColumn(schema, name, column.name),
  );
  const key = keyNames(map, columns, table, options);
  const keyIndexes = key.map((part) => wanted.find((column) => column.name === part)?.index ?? -1);
  if (key.length === 0 || keyIndexes.includes(-1)) return null;
  const described = wanted.map((column) => ({ name: column.name, shape: shapeOf(column, table) }));
  const end = columns.find((column) => column.name === table.versioning?.end);
  return {
    relation: makeRelation({ schema, table: name, columns: described, key }, options.numbers),
    picks: wanted.map(({ index }) => index),
    key: keyIndexes,
    hints: columns.map(({ hints }) => hints),
    periodEnd: end?.index ?? null,
  };
}

function byName(map: TableMap, table: TableDefinition): readonly NamedColumn[] {
  const known = new Map(table.allColumns.map((column) => [column.name, column]));
  return map.columns.map((column, index) => {
    const name = column.name ?? '';
    return { index, name, map: column, hints: silentHints(column, known.get(name)) };
  });
}

/** What no table map says. */
function silentHints(map: ColumnMap, column: SchemaColumn | undefined): ColumnHints {
  if (column === undefined) return {};
  const { shape } = column;
  if (shape.kind === 'address') return isAddress(map, shape) ? { address: shape.address } : {};
  return 'digits' in shape && isOldTime(map) ? { digits: shape.digits } : {};
}

function isAddress({ type, meta, collation }: ColumnMap, shape: ColumnShape): boolean {
  const bytes = shape.kind === 'address' && shape.address === 'inet4' ? 4 : 16;
  return (
    type === columnTypes.string &&
    meta === bytes &&
    (collation ?? binaryCollation) === binaryCollation
  );
}

const oldTimes: readonly number[] = [columnTypes.datetime, columnTypes.timestamp, columnTypes.time];

function isOldTime({ type }: ColumnMap): boolean {
  return oldTimes.includes(type);
}

/**
 * @returns null when the types of the map are not those of the catalog. Of columns that are not wanted they need not be:
 *   MariaDB's VECTOR is bytes in the log, and a type that is not known may be anything.
 */
function byPlace(
  map: TableMap,
  table: TableDefinition,
  { excludesColumn }: Options,
): readonly NamedColumn[] | null {
  const hidden = hiddenNames(map, table);
  if (hidden === null) return null;
  const columns = map.columns.map((column, index): NamedColumn => {
    const defined = table.allColumns[index];
    const name = defined?.name ?? hidden[index - table.allColumns.length] ?? '';
    const hints =
      defined === undefined ? {} : { ...hintsOf(defined), ...silentHints(column, defined) };
    return { index, name, map: column, hints };
  });
  const { schema, name } = table;
  const fits = columns.every(
    (column) =>
      excludesColumn(schema, name, column.name) ||
      isAsDefined(column, table.allColumns[column.index]),
  );
  return fits ? columns : null;
}

/** Names of the columns behind those of the catalog; null: there are others, or fewer. */
function hiddenNames(map: TableMap, table: TableDefinition): readonly string[] | null {
  const more = map.columns.slice(table.allColumns.length);
  const names: string[] = [];
  if (table.versioning !== null && isHidden(table.versioning.end, table)) {
    names.push(table.versioning.start, table.versioning.end);
  }
  const hashes = more.slice(names.length);
  if (map.columns.length < table.allColumns.length + names.length) return null;
  if (hashes.some(({ type }) => type !== columnTypes.longlong)) return null;
  return [...names, ...hashes.map((_, index) => `DB_ROW_HASH_${index + 1}`)];
}

function isAsDefined({ map, hints }: NamedColumn, column: SchemaColumn | undefined): boolean {
  if (column === undefined) return true;
  const shape = shapeFromLog(map, hints);
  return shape !== null && shapeSignature(shape) === shapeSignature(column.shape);
}

function isHidden(name: string, { versioning, allColumns }: TableDefinition): boolean {
  const period = name === versioning?.start || name === versioning?.end;
  if (!period && !/^DB_ROW_HASH_\d+$/.test(name)) return false;
  return allColumns.every((column) => column.name !== name);
}

/** As table-key.ts chooses it. */
function keyNames(
  map: TableMap,
  columns: readonly NamedColumn[],
  table: TableDefinition,
  { keyColumns }: Options,
): readonly string[] {
  const configured = keyColumns[`${table.schema}.${table.name}`];
  if (configured !== undefined) return configured;
  if (!map.fullMetadata) return table.key;
  const names = (map.primaryKey ?? []).map(({ column }) => columns[column]?.name ?? '');
  return names.filter((name) => name !== table.versioning?.end);
}

function shapeOf({ map, hints, name }: NamedColumn, table: TableDefinition): ColumnShape {
  const shape = shapeFromLog(map, hints);
  if (shape !== null) return shape;
  throw new WatcherError('unsupported_value', {
    message: `${table.schema}.${table.name}, ${name}: values of column type ${map.type} have no form`,
    table: `${table.schema}.${table.name}`,
  });
}
