/**
 * What a column's values look like, as far as it decides how they are written: the same from the catalog and from a
 * table map of the log, so that relations of both can be compared. Pure.
 */
import { columnTypes as t } from './binlog/column-types.ts';
import type { ColumnMap } from './binlog/table-map.ts';
import type { AddressKind } from './binlog/values/binary.ts';
import type { ColumnHints } from './binlog/values/codec.ts';
import { binaryCollation } from './binlog/values/collations.ts';

export type ColumnShape =
  | { readonly kind: 'integer'; readonly wide: boolean }
  | { readonly kind: 'decimal'; readonly scale: number }
  | { readonly kind: 'float' | 'double' | 'bit' | 'year' | 'date' | 'enum' | 'set' }
  | { readonly kind: 'datetime' | 'timestamp' | 'time'; readonly digits: number }
  | { readonly kind: 'text'; readonly charset: string }
  | { readonly kind: 'binary'; readonly sizeBytes: number }
  | { readonly kind: 'bytes' | 'geometry' | 'vector' | 'json' }
  | { readonly kind: 'address'; readonly address: AddressKind };

/** Equal for shapes whose values are written alike. Charsets are not: text is text. */
export function shapeSignature(shape: ColumnShape): string {
  switch (shape.kind) {
    case 'integer':
      return shape.wide ? 'int64' : 'int';
    case 'decimal':
      return `decimal(${shape.scale})`;
    case 'datetime':
    case 'timestamp':
    case 'time':
      return `${shape.kind}(${shape.digits})`;
    case 'binary':
      return `binary(${shape.sizeBytes})`;
    case 'address':
      return shape.address;
    case 'text':
    case 'float':
    case 'double':
    case 'bit':
    case 'year':
    case 'date':
    case 'enum':
    case 'set':
    case 'bytes':
    case 'geometry':
    case 'vector':
    case 'json':
      return shape.kind;
    default:
      return shape satisfies never;
  }
}

/**
 * The text of a value in a key (SPEC §5): a fragment without quotes; bytes, which are base64 in a value, as hex.
 */
export function keyTextOf(shape: ColumnShape): (fragment: string) => string {
  const bytes = ['binary', 'bytes', 'geometry'].includes(shape.kind);
  return (fragment) => {
    if (!fragment.startsWith('"')) return fragment;
    const text = String(JSON.parse(fragment));
    return bytes ? Buffer.from(text, 'base64').toString('hex') : text;
  };
}

const integerTypes: ReadonlySet<number> = new Set([t.tiny, t.short, t.int24, t.long, t.longlong]);

const plainTypes: ReadonlyMap<number, ColumnShape> = new Map<number, ColumnShape>([
  [t.float, { kind: 'float' }],
  [t.double, { kind: 'double' }],
  [t.bit, { kind: 'bit' }],
  [t.year, { kind: 'year' }],
  [t.date, { kind: 'date' }],
  [t.newdate, { kind: 'date' }],
  [t.enum, { kind: 'enum' }],
  [t.set, { kind: 'set' }],
  [t.geometry, { kind: 'geometry' }],
  [t.vector, { kind: 'vector' }],
  [t.json, { kind: 'json' }],
  [t.datetime, { kind: 'datetime', digits: 0 }],
  [t.timestamp, { kind: 'timestamp', digits: 0 }],
  [t.time, { kind: 'time', digits: 0 }],
]);

/**
 * From a table map. @param hints what the catalog says of the column, where the log is silent.
 * @returns null for a type that is not known.
 */
export function shapeFromLog(column: ColumnMap, hints: ColumnHints): ColumnShape | null {
  const { type, meta } = column;
  if (integerTypes.has(type)) return { kind: 'integer', wide: type === t.longlong };
  if (type === t.newdecimal) return { kind: 'decimal', scale: meta & 0xff };
  if (type === t.datetime2) return { kind: 'datetime', digits: meta };
  if (type === t.timestamp2) return { kind: 'timestamp', digits: meta };
  if (type === t.time2) return { kind: 'time', digits: meta };
  return plainTypes.get(type) ?? stringShape(column, hints);
}

const stringTypes: ReadonlySet<number> = new Set([
  t.string,
  t.varchar,
  t.varString,
  t.blob,
  t.varcharCompressed,
  t.blobCompressed,
]);

function stringShape({ type, meta, collation }: ColumnMap, hints: ColumnHints): ColumnShape | null {
  if (!stringTypes.has(type)) return null;
  if (type === t.string && hints.address !== undefined) {
    return { kind: 'address', address: hints.address };
  }
  const binary = collation === null ? hints.charset === 'binary' : collation === binaryCollation;
  if (!binary) return { kind: 'text', charset: hints.charset ?? '' };
  return type === t.string ? { kind: 'binary', sizeBytes: meta } : { kind: 'bytes' };
}
