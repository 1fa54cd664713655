/**
 * Values of a dump → JSON fragments: what the codecs of the binlog make of the same value, byte for byte (SPEC §2.4).
 * The server sends the text of numbers and times, and the bytes of everything else as they are stored.
 */
import type { Fragment } from '../../replication/change.ts';
import { ByteReader } from './binlog/reader.ts';
import { textReader } from './binlog/values/charset.ts';
import { doubleText, floatText } from './binlog/values/floating.ts';
import { compactJson } from './binlog/values/json-text.ts';
import { quote } from './binlog/values/text.ts';
import type { SchemaColumn } from './schema-column.ts';
import { quoteName } from './sql-text.ts';

/** @throws WatcherError `unsupported_value` */
export type TextEncoder = (bytes: Buffer) => Fragment;

/**
 * What a SELECT asks for. FLOAT is printed with six digits, and (M,D) cuts FLOAT and DOUBLE: times one they are
 * printed as the DOUBLE that they are, with the sign of a negative zero. MariaDB tells all of a YEAR(2) by YEAR alone.
 */
export function selectExpression({ name, shape, fixedPoint, columnType }: SchemaColumn): string {
  const quoted = quoteName(name);
  if (isShortYear({ columnType })) return `/*M! YEAR( */${quoted}/*M! ) */`;
  return shape.kind === 'float' || (shape.kind === 'double' && fixedPoint)
    ? `${quoted} * 1e0`
    : quoted;
}

/** For values that are not NULL. */
export function textEncoder(column: SchemaColumn, numbers: 'number' | 'string'): TextEncoder {
  const { shape } = column;
  switch (shape.kind) {
    case 'integer':
      return exact(column, numbers === 'string' && shape.wide);
    case 'decimal':
      return exact(column, numbers === 'string');
    case 'float':
      return (bytes) => floatText(Math.fround(Number(ascii(bytes))));
    case 'double':
      return (bytes) => doubleText(Number(ascii(bytes)));
    case 'bit':
      return (bytes) => BigInt(`0x${bytes.toString('hex')}`).toString();
    case 'year':
      return (bytes) => fullYear(ascii(bytes));
    case 'date':
    case 'time':
    case 'address':
      return (bytes) => `"${ascii(bytes)}"`;
    case 'datetime':
      return (bytes) => `"${ascii(bytes).replace(' ', 'T')}"`;
    case 'timestamp':
      return (bytes) => `"${ascii(bytes).replace(' ', 'T')}+00:00"`;
    case 'text':
      return characters(shape.charset);
    case 'enum':
    case 'set':
      // With CHARACTER SET binary the labels are the bytes that a client sent: UTF-8.
      return characters(column.charset === 'binary' ? 'utf8mb4' : (column.charset ?? 'utf8mb4'));
    case 'binary':
    case 'bytes':
    case 'geometry':
      return (bytes) => `"${bytes.toString('base64')}"`;
    case 'vector':
      return floats;
    case 'json':
      return (bytes) => compactJson(bytes.toString('utf8'));
    default:
      return shape satisfies never;
  }
}

const ascii = (bytes: Buffer): string => bytes.toString('latin1');

const zerofill = /^0+(?=[0-9])/;

/** Integers and decimals: their own digits. ZEROFILL is how they are shown, not what they are. */
function exact(column: SchemaColumn, quoted: boolean): TextEncoder {
  const digits = column.zerofill ? (bytes: Buffer) => ascii(bytes).replace(zerofill, '') : ascii;
  return quoted ? (bytes) => `"${digits(bytes)}"` : digits;
}

/** YEAR(2): MariaDB, and tables of MySQL 5.5 on 5.6. It holds all years, and is shown with two digits. */
export function isShortYear({ columnType }: Pick<SchemaColumn, 'columnType'>): boolean {
  return columnType.toLowerCase() === 'year(2)';
}

/** 0000 is a year, too; YEAR of one that is shown with two digits makes it 1900, which no YEAR can be. */
function fullYear(text: string): Fragment {
  const year = Number(text);
  if (text.length > 2) return year === 1900 ? '0' : String(year);
  return String(year + (year < 70 ? 2000 : 1900));
}

function characters(charset: string): TextEncoder {
  const read = textReader(charset);
  return (bytes) => quote(read(new ByteReader(bytes), bytes.length));
}

function floats(bytes: Buffer): Fragment {
  const parts = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  return `[${parts.map(floatText).join(',')}]`;
}
