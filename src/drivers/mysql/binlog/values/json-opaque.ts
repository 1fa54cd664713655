/**
 * SQL values inside JSON documents, as the server writes them into JSON text.
 * Source: MySQL, `Json_wrapper::to_string`, J_OPAQUE and its temporal kinds.
 */
import type { Fragment } from '../../../../replication/change.ts';
import { columnTypes as t } from '../column-types.ts';
import { ByteReader, malformed } from '../reader.ts';
import { four, two } from './digits.ts';
import { decimalReader } from './numbers.ts';

export function opaqueText(fieldType: number, bytes: Buffer): Fragment {
  switch (fieldType) {
    case t.newdecimal:
      return decimal(bytes);
    case t.date:
      return `"${unpack(bytes).date}"`;
    case t.datetime:
    case t.timestamp: {
      const { date, time } = unpack(bytes);
      return `"${date} ${time}"`;
    }
    case t.time:
      return `"${packedTime(bytes)}"`;
    default:
      return `"base64:type${fieldType}:${inLines(bytes.toString('base64'))}"`;
  }
}

/** The server's base64 has a line break after each 76 characters that others follow. */
function inLines(base64: string): string {
  return base64.replaceAll(/.{76}(?=.)/g, '$&\\n');
}

function decimal(bytes: Buffer): Fragment {
  const reader = new ByteReader(bytes);
  const precision = reader.uint8();
  const read = decimalReader(precision, reader.uint8());
  const text = read(reader);
  reader.finish();
  return text;
}

function packed(bytes: Buffer): bigint {
  if (bytes.length !== 8) throw malformed('a time in a JSON document');
  return bytes.readBigInt64LE();
}

const micros = (value: bigint) => `${value & 0xff_ffffn}`.padStart(6, '0');

/** As DATETIME(6), see `datetime2Reader`, with 24 bits for the microseconds. */
function unpack(bytes: Buffer): { date: string; time: string } {
  const value = packed(bytes);
  if (value < 0n) throw malformed('a negative date in a JSON document');
  const whole = value >> 24n;
  const clock = Number(whole & 0x1_ffffn);
  const days = Number(whole >> 17n);
  const yearMonth = days >> 5;
  return {
    date: `${four(Math.floor(yearMonth / 13))}-${two(yearMonth % 13)}-${two(days & 31)}`,
    time: `${hms(clock >> 12, clock)}.${micros(value)}`,
  };
}

function packedTime(bytes: Buffer): string {
  const signed = packed(bytes);
  const value = signed < 0n ? -signed : signed;
  const clock = Number(value >> 24n);
  return `${signed < 0n ? '-' : ''}${hms((clock >> 12) & 1023, clock)}.${micros(value)}`;
}

function hms(hour: number, clock: number): string {
  return `${two(hour)}:${two((clock >> 6) & 63)}:${two(clock & 63)}`;
}
