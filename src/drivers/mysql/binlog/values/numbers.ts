/** Integers, YEAR, BIT and DECIMAL. */
import type { Fragment } from '../../../../replication/change.ts';
import { type ByteReader, malformed } from '../reader.ts';
import type { FragmentReader } from './codec.ts';

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

/** Without bigint where the value fits a number: three times as fast. */
export function readInt64(reader: ByteReader): Fragment {
  const at = reader.take(8);
  const high = reader.bytes.readInt32LE(at + 4);
  if (high >= -safeHigh && high <= safeHigh) {
    return `${high * twoTo32 + reader.bytes.readUInt32LE(at)}`;
  }
  return reader.bytes.readBigInt64LE(at).toString();
}

export function readUint64(reader: ByteReader): Fragment {
  const at = reader.take(8);
  const high = reader.bytes.readUInt32LE(at + 4);
  if (high <= safeHigh) return `${high * twoTo32 + reader.bytes.readUInt32LE(at)}`;
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

/**
 * Packed decimal: words of nine digits in four bytes, big-endian, the rest in fewer; all bits inverted when
 * negative, and then the highest bit inverted. Source: MySQL, `decimal2bin`.
 */
export function decimalReader(precision: number, scale: number): FragmentReader {
  if (scale > precision || precision < 1 || precision > 65) {
    throw malformed(`DECIMAL(${precision},${scale})`);
  }
  const integerDigits = precision - scale;
  const groups = [
    integerDigits % digitsPerWord,
    ...new Array<number>(Math.floor(integerDigits / digitsPerWord)).fill(digitsPerWord),
  ].filter((digits) => digits > 0);
  const fraction = [
    ...new Array<number>(Math.floor(scale / digitsPerWord)).fill(digitsPerWord),
    scale % digitsPerWord,
  ].filter((digits) => digits > 0);
  const length = [...groups, ...fraction].reduce((sum, digits) => sum + bytesOf(digits), 0);
  return (reader) => readDecimal(reader.view(length), groups, fraction);
}

export function decimalBytes(precision: number, scale: number): number {
  const of = (digits: number) =>
    Math.floor(digits / digitsPerWord) * 4 + bytesOf(digits % digitsPerWord);
  return of(precision - scale) + of(scale);
}

function readDecimal(
  packed: Buffer,
  groups: readonly number[],
  fraction: readonly number[],
): Fragment {
  const first = packed[0] ?? 0;
  const negative = (first & 0x80) === 0;
  const invert = negative ? 0xff : 0;
  let at = 0;
  const word = (digits: number): number => {
    let value = 0;
    for (let left = bytesOf(digits); left > 0; left--, at++) {
      const byte = (packed[at] ?? 0) ^ invert;
      value = value * 256 + (at === 0 ? byte ^ 0x80 : byte);
    }
    if (value >= 10 ** digits) throw malformed('a DECIMAL with more digits than it has');
    return value;
  };
  let integer = '';
  for (const digits of groups) {
    const value = word(digits);
    if (integer !== '') integer += padded(value, digits);
    else if (value !== 0) integer = `${value}`;
  }
  let text = integer === '' ? '0' : integer;
  if (fraction.length > 0) text += '.';
  for (const digits of fraction) text += padded(word(digits), digits);
  return negative && /[1-9]/.test(text) ? `-${text}` : text;
}

function padded(value: number, digits: number): string {
  return `${value}`.padStart(digits, '0');
}

function bytesOf(digits: number): number {
  return bytesOfDigits[digits] ?? 0;
}
