/**
 * DATE, TIME, DATETIME, TIMESTAMP: the packed forms of MySQL 5.6.4 and later and those from before, which tables
 * of that time still have. Source: MySQL, "Date and Time Data Type Representation"; `my_time.cc`.
 */
import type { Fragment } from '../../../../replication/change.ts';
import { type ByteReader, malformed } from '../reader.ts';
import type { FragmentReader } from './codec.ts';
import { four, two } from './digits.ts';

/** DATE: day in 5 bits, month in 4, year. Zero and partial-zero dates are what they are. */
export function readDate(reader: ByteReader): Fragment {
  const packed = reader.uint24();
  return `"${four(packed >> 9)}-${two((packed >> 5) & 15)}-${two(packed & 31)}"`;
}

/** Rows that stand together are mostly of one minute: its text is made once for them. */
function remembered(textOf: (minute: number) => string): (minute: number) => string {
  let last = -1;
  let text = '';
  return (minute) => {
    if (minute !== last) {
      text = textOf(minute);
      last = minute;
    }
    return text;
  };
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
  const untilSeconds = remembered(datetimeMinute);
  return (reader) => {
    const high = reader.uint8();
    const low = reader.uintBE(4);
    if ((high & 0x80) === 0) throw malformed('a negative DATETIME');
    const minute = untilSeconds((high & 0x7f) * 2 ** 26 + (low >>> 6));
    return `${minute}${two(low & 63)}${fraction(reader)}"`;
  };
}

/** @param packed DATETIME without its sign, seconds and fraction */
function datetimeMinute(packed: number): string {
  const yearMonth = Math.floor(packed / 2 ** 16);
  const date = `${four(Math.floor(yearMonth / 13))}-${two(yearMonth % 13)}-${two((packed >>> 11) & 31)}`;
  return `"${date}T${two((packed >>> 6) & 31)}:${two(packed & 63)}:`;
}

/** TIMESTAMP(n): seconds since 1970, big-endian; then the fraction. 0 is the zero date. */
export function timestamp2Reader(digits: number): FragmentReader {
  const fraction = fractionReader(digits);
  const untilSeconds = remembered(utcMinute);
  return (reader) => timestamp(reader.uintBE(4), untilSeconds, fraction(reader));
}

export function oldTimestampReader(): FragmentReader {
  const untilSeconds = remembered(utcMinute);
  return (reader) => timestamp(reader.uint32(), untilSeconds, '');
}

function timestamp(
  seconds: number,
  untilSeconds: (minute: number) => string,
  fraction: string,
): Fragment {
  if (seconds === 0) return `"0000-00-00T00:00:00${fraction}+00:00"`;
  const minute = Math.floor(seconds / 60);
  return `${untilSeconds(minute)}${two(seconds - minute * 60)}${fraction}+00:00"`;
}

/** @param minute since 1970 */
function utcMinute(minute: number): string {
  return `"${new Date(minute * 60_000).toISOString().slice(0, 17)}`;
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
