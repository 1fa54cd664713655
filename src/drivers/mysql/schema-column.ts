/** A column as information_schema describes it. Pure. */
import type { AddressKind } from './binlog/values/binary.ts';
import type { ColumnHints } from './binlog/values/codec.ts';
import type { ColumnShape } from './column-shape.ts';
import type { Row } from './connection.ts';

export interface SchemaColumn {
  readonly name: string;
  /** `enum('a','b')`, `int(5) unsigned zerofill`. */
  readonly columnType: string;
  readonly nullable: boolean;
  readonly shape: ColumnShape;
  readonly unsigned: boolean;
  readonly zerofill: boolean;
  /** FLOAT or DOUBLE with digits after the point: (M,D). */
  readonly fixedPoint: boolean;
  /** Of text, ENUM and SET; 'binary' for bytes; null for the rest. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** Labels of ENUM and SET. */
  readonly members: readonly string[] | null;
  readonly generated: boolean;
  /** SELECT * leaves it out. */
  readonly invisible: boolean;
  /** MariaDB system versioning: the column says from when, or until when, the row was current. */
  readonly period: 'start' | 'end' | null;
}

/** Whether the type is known to this version. */
export function isKnownType(row: Row): boolean {
  return shapeFromSchema(typeOf(row), row) !== null;
}

/** One of a type that is not known has its place in the table, as bytes, and is read by nobody. */
export function schemaColumn(row: Row): SchemaColumn {
  // MariaDB appends /*M!100301 COMPRESSED*/.
  const columnType = (row.column_type ?? '').replace(/\s*\/\*.*\*\/\s*$/, '');
  const shape = shapeFromSchema(typeOf(row), row) ?? { kind: 'bytes' };
  const modifiers = columnType.replace(/'(?:[^']|'')*'/g, '').toLowerCase();
  const labelled = shape.kind === 'enum' || shape.kind === 'set';
  const generation = (row.generation ?? '').trim().toUpperCase();
  return {
    name: row.name ?? '',
    columnType,
    nullable: row.nullable === 'YES',
    shape,
    unsigned: /\bunsigned\b/.test(modifiers),
    zerofill: /\bzerofill\b/.test(modifiers),
    fixedPoint: /^(?:float|double|real)[^(]*\(\d+,\d+\)/.test(modifiers),
    charset: charsetOf(shape, row.charset ?? null),
    collation: row.collation ?? null,
    members: labelled ? parseMembers(columnType) : null,
    generated: generation !== '' || /GENERATED|PERSISTENT/i.test(row.extra ?? ''),
    invisible: /INVISIBLE/i.test(row.extra ?? ''),
    period: generation === 'ROW START' ? 'start' : generation === 'ROW END' ? 'end' : null,
  };
}

function typeOf(row: Row): string {
  return (row.data_type ?? '').toLowerCase();
}

/** For the codecs of the log, where a table map does not say it. */
export function hintsOf(column: SchemaColumn): ColumnHints {
  const { charset, members, shape, unsigned } = column;
  return {
    unsigned,
    ...(charset !== null && { charset }),
    ...(members !== null && { members }),
    ...(shape.kind === 'address' && { address: shape.address }),
  };
}

const integers: readonly string[] = ['tinyint', 'smallint', 'mediumint', 'int', 'integer'];
const texts: readonly string[] = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];
const blobs: readonly string[] = ['varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
const geometries: readonly string[] = [
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geomcollection',
  'geometrycollection',
];
const addresses: readonly string[] = ['uuid', 'inet4', 'inet6'] satisfies AddressKind[];

const named: Readonly<Record<string, ColumnShape>> = {
  bigint: { kind: 'integer', wide: true },
  float: { kind: 'float' },
  double: { kind: 'double' },
  real: { kind: 'double' },
  bit: { kind: 'bit' },
  year: { kind: 'year' },
  date: { kind: 'date' },
  enum: { kind: 'enum' },
  set: { kind: 'set' },
  vector: { kind: 'vector' },
  json: { kind: 'json' },
};

function shapeFromSchema(type: string, row: Row): ColumnShape | null {
  if (integers.includes(type)) return { kind: 'integer', wide: false };
  if (type === 'decimal' || type === 'numeric') {
    return { kind: 'decimal', scale: Number(row.scale ?? 0) };
  }
  if (type === 'datetime' || type === 'timestamp' || type === 'time') {
    return { kind: type, digits: Number(row.digits ?? 0) };
  }
  if (texts.includes(type)) return textShape(row);
  if (type === 'binary') return { kind: 'binary', sizeBytes: Number(row.length) };
  if (blobs.includes(type)) return { kind: 'bytes' };
  if (geometries.includes(type)) return { kind: 'geometry' };
  if (addresses.includes(type)) return { kind: 'address', address: type as AddressKind };
  return named[type] ?? null;
}

function textShape(row: Row): ColumnShape {
  return { kind: 'text', charset: row.charset ?? 'utf8mb4' };
}

function charsetOf(shape: ColumnShape, charset: string | null): string | null {
  if (shape.kind === 'binary' || shape.kind === 'bytes') return 'binary';
  if (shape.kind === 'enum' || shape.kind === 'set') return charset ?? 'binary';
  return charset;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', '0': '\0' };

/** `set('a','it''s')` → a, it's. Source: `append_unescaped` of the servers. */
export function parseMembers(columnType: string): readonly string[] {
  return [...columnType.matchAll(/'((?:[^']|'')*)'/g)].map((match) =>
    (match[1] ?? '')
      .replaceAll("''", "'")
      .replaceAll(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter),
  );
}
