/**
 * Column types of TABLE_MAP events and the few bytes of metadata that each has.
 * Source: MySQL, `enum_field_types` and "Table_map_event: table of column types"; MariaDB adds 140 and 141.
 */
import { type ByteReader, malformed } from './reader.ts';

export const columnTypes = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  null: 6,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newdate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  newdecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

export interface TypeAndMeta {
  /** The real type: ENUM and SET are told from the CHAR that they pretend to be. */
  readonly type: number;
  /**
   * By type: the length in bytes (CHAR, VARCHAR, ENUM, SET), the bytes of the length prefix (BLOB and its like),
   * fraction digits (TIME2 and its like), bits (BIT), `precision << 8 | scale` (DECIMAL), else 0.
   */
  readonly meta: number;
}

const t = columnTypes;

const withoutMeta: ReadonlySet<number> = new Set([
  t.tiny,
  t.short,
  t.long,
  t.null,
  t.timestamp,
  t.longlong,
  t.int24,
  t.date,
  t.time,
  t.datetime,
  t.year,
  t.newdate,
]);

const withOneByte: ReadonlySet<number> = new Set([
  t.float,
  t.double,
  t.timestamp2,
  t.datetime2,
  t.time2,
  t.blobCompressed,
  t.vector,
  t.json,
  t.blob,
  t.geometry,
]);

/** Reads the metadata of one column whose type byte is `type`. */
export function readMeta(reader: ByteReader, type: number): TypeAndMeta {
  if (withoutMeta.has(type)) return { type, meta: 0 };
  if (withOneByte.has(type)) return { type, meta: reader.uint8() };
  switch (type) {
    case t.varchar:
    case t.varString:
    case t.varcharCompressed:
      return { type, meta: reader.uint16() };
    case t.newdecimal:
      return { type, meta: reader.uintBE(2) };
    case t.bit: {
      const bits = reader.uint8();
      return { type, meta: reader.uint8() * 8 + bits };
    }
    case t.string:
    case t.enum:
    case t.set:
      return readStringMeta(reader);
    default:
      throw malformed(`column type ${type}`);
  }
}

/** Two bytes: the real type, whose bits 4 and 5 hold the inverted high bits of the length, and the length. */
function readStringMeta(reader: ByteReader): TypeAndMeta {
  const first = reader.uint8();
  const low = reader.uint8();
  const type = first | 0x30;
  if (type !== t.string && type !== t.enum && type !== t.set) {
    throw malformed(`column type ${type} in a string`);
  }
  return { type, meta: low | (((first & 0x30) ^ 0x30) << 4) };
}

/** Types with an entry in the signedness bitmap (YEAR too: seen on 9.7 and 10.11). */
export const numericTypes: ReadonlySet<number> = new Set([
  t.tiny,
  t.short,
  t.int24,
  t.long,
  t.longlong,
  t.newdecimal,
  t.float,
  t.double,
  t.year,
]);

const commonCharacterTypes: readonly number[] = [
  t.tinyBlob,
  t.mediumBlob,
  t.longBlob,
  t.blob,
  t.varString,
  t.varchar,
  t.string,
];

/**
 * Types with an entry in the lists of charsets. MySQL counts VECTOR among them (seen on 9.7), MariaDB GEOMETRY and
 * the compressed ones (seen on 10.11).
 */
export function characterTypes(mariadb: boolean): ReadonlySet<number> {
  return mariadb ? mariadbCharacters : mysqlCharacters;
}

const mysqlCharacters: ReadonlySet<number> = new Set([...commonCharacterTypes, t.vector]);
const mariadbCharacters: ReadonlySet<number> = new Set([
  ...commonCharacterTypes,
  t.geometry,
  t.blobCompressed,
  t.varcharCompressed,
]);
