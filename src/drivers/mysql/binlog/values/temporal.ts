/**
 * DATE, TIME, DATETIME, TIMESTAMP: the packed forms of MySQL 5.6.4 and later and those from before, which tables
 * of that time still have. Source: MySQL, "Date and Time Data Type Representation"; `my_time.cc`.
 */
import type { Fragment } from '../../../../replication/change.ts';
import { type ByteReader, malformed } from '../reader.ts';
import type { FragmentReader } from './codec.ts';

export function two(value: number): string {
  return twoDigits[value] ?? `${value}`;
}

const twoDigits = Array.from({ length: 100 }, (_, value) => `${value}`.padStart(2, '0'));

export function four(value: number): string {
  return `${value}`.padStart(4, '0');
}

/** DATE: day in 5 bits, month in 4, year. Zero and partial-zero dates are what they are. */
export function readDate(reader: ByteReader): Fragment {
  const packed = reader.uint24();
  return `"${four(packed >> 9)}-${two((packed >> 5) & 15)}-${two(packed & 31)}"`;
}

/** n fraction digits take (n + 1) / 2 bytes, which count units of 10^-2, 10^-4 or 10^-6. */
function fractionReader(digits: number): (reader: ByteReader) => string {
  if (digits > 6) throw malformed(`${digits} fraction digits`);
  if (digits === 0) return () => '';
  const bytes = (digits + 1) >> 1;
  return (reader) => `.${`${reader.uintBE(bytes)}`.padStart(bytes * 2, '0').slice(0, digits)}`;
}

/** DATETIME(n): sign, year × 13 + month in 17 bits, day 5, hour 5, minute 6, second 6; then the fraction. */
export function datetime2Reader(digits: number): FragmentReader {
  const fraction = fractionReader(digits);
  return (reader) => {
    const high = reader.uint8();
    const low = reader.uintBE(4);
    if ((high & 0x80) === 0) throw malformed('a negative DATETIME');
    const yearMonth = ((high & 0x7f) << 10) | (low >>> 22);
    const date = `${four(Math.floor(yearMonth / 13))}-${two(yearMonth % 13)}-${two((low >>> 17) & 31)}`;
    const time = `${two((low >>> 12) & 31)}:${two((low >>> 6) & 63)}:${two(low & 63)}`;
    return `"${date}T${time}${fraction(reader)}"`;
  };
}

/** TIMESTAMP(n): seconds since 1970, big-endian; then the fraction. 0 is the zero date. */
export function timestamp2Reader(digits: number): FragmentReader {
  const fraction = fractionReader(digits);
  return (reader) => {
    const seconds = reader.uintBE(4);
    return `"${utc(seconds)}${fraction(reader)}+00:00"`;
  };
}

export function readOldTimestamp(reader: ByteReader): Fragment {
  return `"${utc(reader.uint32())}+00:00"`;
}

let lastDay = -1;
let lastDate = '';

function utc(seconds: number): string {
  if (seconds === 0) return '0000-00-00T00:00:00';
  const day = Math.floor(seconds / 86_400);
  if (day !== lastDay) {
    // Rows of one time stand together, and Date is the slowest part.
    lastDate = new Date(day * 86_400_000).toISOString().slice(0, 10);
    lastDay = day;
  }
  const second = seconds % 86_400;
  const minutes = Math.floor(second / 60);
  return `${lastDate}T${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(second % 60)}`;
}

/** The packed integer and fraction are one number, offset so that it is positive. By number of fraction bytes. */
const timeOffsets = [0x80_0000, 0x8000_0000, 0x80_0000_0000, 0x8000_0000_0000] as const;

/** TIME(n): sign, a reserved bit, hour 10 bits, minute 6, second 6; then the fraction. */
export function time2Reader(digits: number): FragmentReader {
  if (digits > 6) throw malformed(`${digits} fraction digits`);
  const fractionBytes = (digits + 1) >> 1;
  const offset = timeOffsets[fractionBytes] ?? 0;
  const unit = 256 ** fractionBytes;
  return (reader) => {
    const packed = reader.uintBE(3 + fractionBytes) - offset;
    const magnitude = Math.abs(packed);
    const clock = Math.floor(magnitude / unit);
    const sign = packed < 0 ? '-' : '';
    const text = `${sign}${two((clock >> 12) & 1023)}:${two((clock >> 6) & 63)}:${two(clock & 63)}`;
    if (digits === 0) return `"${text}"`;
    const fraction = `${magnitude % unit}`.padStart(fractionBytes * 2, '0');
    return `"${text}.${fraction.slice(0, digits)}"`;
  };
}

/** ±hhhmmss as a number. */
export function readOldTime(reader: ByteReader): Fragment {
  const packed = reader.int24();
  const magnitude = Math.abs(packed);
  const clock = `${two(Math.floor(magnitude / 10_000))}:${two(Math.floor(magnitude / 100) % 100)}`;
  return `"${packed < 0 ? '-' : ''}${clock}:${two(magnitude % 100)}"`;
}

/** YYYYMMDDhhmmss as a number. */
export function readOldDatetime(reader: ByteReader): Fragment {
  const digits = `${reader.uint64()}`.padStart(14, '0');
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(digits);
  if (match === null) throw malformed('a DATETIME of more than 14 digits');
  const [, year, month, day, hour, minute, second] = match;
  return `"${year}-${month}-${day}T${hour}:${minute}:${second}"`;
}
