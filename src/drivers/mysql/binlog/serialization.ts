/**
 * Integers of MySQL's serialization library: 1 to 9 bytes, the number of trailing ones in the first says how many
 * follow. Source: mysql-server, libs/mysql/serialization/readme.md, "Variable-length integers".
 */
import type { ByteReader } from './reader.ts';

export function readVarUint(reader: ByteReader): bigint {
  const first = reader.uint8();
  let extra = 0;
  while (extra < 8 && ((first >> extra) & 1) === 1) extra++;
  if (extra === 8) return reader.uint64();
  let value = BigInt(first >> (extra + 1));
  const shift = BigInt(7 - extra);
  for (let index = 0; index < extra; index++) {
    value |= BigInt(reader.uint8()) << (shift + 8n * BigInt(index));
  }
  return value;
}

/** The lowest bit is the sign. */
export function readVarInt(reader: ByteReader): bigint {
  const value = readVarUint(reader);
  return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n;
}

/** Only for small values: one byte for up to 127. */
export function varUintByte(value: number): number {
  if (value > 0x7f) throw new RangeError(`${value} does not fit one byte`);
  return value << 1;
}
