/** Integers, YEAR, BIT and DECIMAL. */
import type { Fragment } from '../../../../replication/change.ts';
import { type ByteReader, malformed } from '../reader.ts';
import type { FragmentReader } from './codec.ts';
import { two } from './digits.ts';

export const integerReaders: Readonly<
  Record<
    'tiny' | 'short' | 'int24' | 'long' | 'longlong',
    Record<'signed' | 'unsigned', FragmentReader>
  >
> = {
  tiny: {
    signed: (reader) => `${reader.int8()}`,
    unsigned: (reader) => `${reader.uint8()}`,
  },
  short: {
    signed: (reader) => `${reader.int16()}`,
    unsigned: (reader) => `${reader.uint16()}`,
  },
  int24: {
    signed: (reader) => `${reader.int24()}`,
    unsigned: (reader) => `${reader.uint24()}`,
  },
  long: {
    signed: (reader) => `${reader.int32()}`,
    unsigned: (reader) => `${reader.uint32()}`,
  },
  longlong: { signed: readInt64, unsigned: readUint64 },
};

const twoTo32 = 4_294_967_296;
const safeHigh = 0x1f_ffff;

/** Without bigint where the value fits a number: three times as fast; faster still where it fits 32 bits. */
export function readInt64(reader: ByteReader): Fragment {
  const at = reader.take(8);
  const high = reader.bytes.readInt32LE(at + 4);
  const low = reader.bytes.readInt32LE(at);
  if (high === low >> 31) return `${low}`;
  if (high >= -safeHigh && high <= safeHigh) {
    return `${high * twoTo32 + (low >>> 0)}`;
  }
  return reader.bytes.readBigInt64LE(at).toString();
}

export function readUint64(reader: ByteReader): Fragment {
  const at = reader.take(8);
  const high = reader.bytes.readUInt32LE(at + 4);
  const low = reader.bytes.readInt32LE(at);
  if (high === 0 && low >= 0) return `${low}`;
  if (high <= safeHigh) return `${high * twoTo32 + (low >>> 0)}`;
  return reader.bytes.readBigUInt64LE(at).toString();
}

export function readYear(reader: ByteReader): Fragment {
  const year = reader.uint8();
  return year === 0 ? '0' : `${year + 1900}`;
}

/** BIT(n): big-endian. */
export function bitReader(bits: number): FragmentReader {
  const bytes = (bits + 7) >> 3;
  if (bits < 1 || bits > 64) throw malformed(`BIT of ${bits} bits`);
  if (bytes <= 6) return (reader) => `${reader.uintBE(bytes)}`;
  return (reader) => BigInt(`0x${reader.view(bytes).toString('hex')}`).toString();
}

const digitsPerWord = 9;
/** Bytes that 0 to 9 digits take. */
const bytesOfDigits = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/** Some digits that are packed together, and how many bytes they take. */
interface Word {
  readonly digits: number;
  readonly bytes: number;
  /** One more than the bytes can say. */
  readonly range: number;
  /** One more than the digits can say. */
  readonly limit: number;
}

/**
 * Packed decimal: words of nine digits in four bytes, big-endian, the rest in fewer; all bits inverted when
 * negative, and then the highest bit inverted. Source: MySQL, `decimal2bin`.
 */
export function decimalReader(precision: number, scale: number): FragmentReader {
  const length = decimalBytes(precision, scale);
  const integer = words(precision - scale).reverse();
  const fraction = words(scale);
  return (reader) => readDecimal(reader.bytes, reader.take(length), integer, fraction);
}

/** @throws WatcherError `unsupported_event` when there is no such DECIMAL. */
export function decimalBytes(precision: number, scale: number): number {
  if (scale > precision || precision < 1 || precision > 65) {
    throw malformed(`DECIMAL(${precision},${scale})`);
  }
  return [...words(precision - scale), ...words(scale)].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** From the decimal point outwards. */
function words(digits: number): Word[] {
  const full = new Array<number>(Math.floor(digits / digitsPerWord)).fill(digitsPerWord);
  return [...full, digits % digitsPerWord]
    .filter((count) => count > 0)
    .map((digits) => {
      const bytes = bytesOfDigits[digits] ?? 0;
      return { digits, bytes, range: 256 ** bytes, limit: 10 ** digits };
    });
}

function readDecimal(
  bytes: Buffer,
  start: number,
  integer: readonly Word[],
  fraction: readonly Word[],
): Fragment {
  const negative = bytes.readUInt8(start) < 0x80;
  let at = start;
  let text = '';
  for (const word of integer) {
    const value = wordAt(bytes, at, at === start, negative, word);
    at += word.bytes;
    if (text !== '') text += padded(value, word.digits);
    else if (value !== 0) text = `${value}`;
  }
  if (text === '') text = '0';
  if (fraction.length > 0) text += '.';
  for (const word of fraction) {
    text += padded(wordAt(bytes, at, at === start, negative, word), word.digits);
    at += word.bytes;
  }
  return negative && nonZero.test(text) ? `-${text}` : text;
}

const nonZero = /[1-9]/;

function wordAt(
  bytes: Buffer,
  at: number,
  isFirst: boolean,
  negative: boolean,
  word: Word,
): number {
  const packed = bytes.readUIntBE(at, word.bytes);
  const { range } = word;
  const half = range / 2;
  const shifted = !isFirst ? packed : packed < half ? packed + half : packed - half;
  const value = negative ? range - 1 - shifted : shifted;
  if (value >= word.limit) throw malformed('a DECIMAL with more digits than it has');
  return value;
}

function padded(value: number, digits: number): string {
  if (digits === 2) return two(value);
  return `${value}`.padStart(digits, '0');
}
