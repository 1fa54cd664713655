/**
 * From the text form of a value to the JSON text that is equal to what row_to_json gives for it (SPEC §6): one
 * codec for the dump and for the stream, which both bring the text form under the settings that every
 * connection makes (TimeZone=UTC, DateStyle=ISO, IntervalStyle=postgres, extra_float_digits=3, bytea_output=hex).
 *
 * Which type is written how is json_categorize_type() in PostgreSQL's src/backend/utils/adt, which looks through
 * domains: boolean; numbers; date and timestamps in XSD form; json as it is; arrays; composites; all others as
 * their text. A type of an extension may bring its own cast to json: only that of hstore is followed.
 */
import type { Fragment } from '../../replication/change.ts';
import { arrayEncoder, compositeEncoder, hstoreEncoder, vectorEncoder } from './nested-values.ts';
import type { FragmentEncoder } from './scalar-values.ts';
import {
  encodeBool,
  encodeBytea,
  encodeDate,
  encodeJson,
  encodeNumber,
  encodeNumberString,
  encodeString,
  encodeTimestamp,
  encodeTimestamptz,
} from './scalar-values.ts';
import type { PgType, TypeCatalog } from './types.ts';

export interface ValueOptions {
  /** `string`: int8 and numeric columns are JSON strings (SPEC §6); not those inside arrays and composites. */
  readonly numbers: 'number' | 'string';
  /**
   * The column belongs to the key. Then an array with lower bounds other than 1 is refused: JSON has no bounds,
   * and two arrays that differ in nothing else would be one key.
   */
  readonly key: boolean;
}

/** Oids of built-in types never change. Source: src/include/catalog/pg_type.dat. */
const oids = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  json: 114,
  float4: 700,
  float8: 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  jsonb: 3802,
} as const;

/** Built-in types that are not written as their text. */
const baseEncoders: ReadonlyMap<number, FragmentEncoder> = new Map([
  [oids.bool, encodeBool],
  [oids.bytea, encodeBytea],
  [oids.int2, encodeNumber],
  [oids.int4, encodeNumber],
  [oids.int8, encodeNumber],
  [oids.float4, encodeNumber],
  [oids.float8, encodeNumber],
  [oids.numeric, encodeNumber],
  [oids.json, encodeJson],
  [oids.jsonb, encodeJson],
  [oids.date, encodeDate],
  [oids.timestamp, encodeTimestamp],
  [oids.timestamptz, encodeTimestamptz],
]);

/**
 * Makes the encoder of a column, once; it is called for every value that is not NULL (a NULL is `nullFragment`).
 * It throws WatcherError `unsupported_value` for a text that is not of the type as it was loaded, for example when
 * a composite has one attribute more by now: load the type again, and make the encoder anew.
 * @throws WatcherError `unsupported_value` when a part of the type was not loaded.
 */
export function fragmentEncoder(
  type: PgType,
  catalog: TypeCatalog,
  options: ValueOptions,
): FragmentEncoder {
  if (options.numbers === 'string') {
    const base = baseOf(type, catalog);
    if (base.oid === oids.int8 || base.oid === oids.numeric) return encodeNumberString;
  }
  return encoderOf(type, catalog, options.key);
}

function encoderOf(type: PgType, catalog: TypeCatalog, key: boolean): FragmentEncoder {
  const part = (oid: number) => encoderOf(catalog.get(oid), catalog, key);
  switch (type.kind) {
    case 'base':
      return baseEncoders.get(type.oid) ?? encodeString;
    case 'enum':
    case 'range':
    case 'multirange':
      return encodeString;
    case 'hstore':
      return hstoreEncoder(type.name);
    case 'domain':
      return part(type.baseType);
    case 'vector':
      return vectorEncoder(part(type.element));
    case 'array':
      return arrayEncoder(type, part(type.element), key);
    case 'composite':
      return compositeEncoder(
        type,
        type.attributes.map(({ typeOid }) => part(typeOid)),
      );
    default:
      return type satisfies never;
  }
}

/**
 * How a value of the type stands in a key (SPEC §5), made of its fragment: without quotes, bytea as its hex
 * digits. Values that are not one scalar, json among them, stay JSON text: without quotes two could be one.
 */
export function keyText(type: PgType, catalog: TypeCatalog): (fragment: Fragment) => string {
  const base = baseOf(type, catalog);
  switch (base.kind) {
    case 'array':
    case 'vector':
    case 'composite':
    case 'hstore':
      return asItIs;
    case 'base':
      if (base.oid === oids.json || base.oid === oids.jsonb) return asItIs;
      return base.oid === oids.bytea ? hexDigits : withoutQuotes;
    case 'enum':
    case 'range':
    case 'multirange':
      return withoutQuotes;
    default:
      return base satisfies never;
  }
}

function baseOf(type: PgType, catalog: TypeCatalog) {
  return type.kind === 'domain' ? catalog.base(type.baseType) : type;
}

function asItIs(fragment: Fragment): string {
  return fragment;
}

function withoutQuotes(fragment: Fragment): string {
  if (!fragment.startsWith('"')) return fragment;
  if (fragment.includes('\\')) return JSON.parse(fragment) as string;
  return fragment.slice(1, -1);
}

/** The fragment is `"\\x0aff"`, with the backslash escaped. */
function hexDigits(fragment: Fragment): string {
  return fragment.slice(4, -1);
}
