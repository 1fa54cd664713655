/** Byte strings, and the types of MariaDB that the log shows as BINARY. */
import type { Fragment } from '../../../../replication/change.ts';
import { formatUuid } from '../gtid.ts';
import { type ByteReader, malformed, unsupportedValue } from '../reader.ts';
import type { FragmentReader } from './codec.ts';
import { floatText } from './floating.ts';

/** VARBINARY, BLOB, GEOMETRY (SRID and WKB as they are stored). */
export function base64Reader(lengthBytes: number): FragmentReader {
  return (reader) => {
    const length = reader.uint(lengthBytes);
    const start = reader.take(length);
    return `"${reader.bytes.toString('base64', start, start + length)}"`;
  };
}

/** The log cuts trailing zero bytes off BINARY(n); they belong to the value. */
function paddedBytes(reader: ByteReader, lengthBytes: number, size: number): Buffer {
  const bytes = reader.view(reader.uint(lengthBytes));
  if (bytes.length === size) return bytes;
  if (bytes.length > size) throw malformed(`BINARY(${size}) with more bytes`);
  const padded = Buffer.alloc(size);
  bytes.copy(padded);
  return padded;
}

export function binaryReader(lengthBytes: number, size: number): FragmentReader {
  return (reader) => `"${paddedBytes(reader, lengthBytes, size).toString('base64')}"`;
}

/** MariaDB's types that only information_schema tells from BINARY(16) and BINARY(4). */
export type AddressKind = 'uuid' | 'inet4' | 'inet6';

const addressBytes: Readonly<Record<AddressKind, number>> = { uuid: 16, inet4: 4, inet6: 16 };

export function addressReader(
  kind: AddressKind,
  lengthBytes: number,
  size: number,
): FragmentReader {
  if (addressBytes[kind] !== size) throw unsupportedValue(`${kind} of ${size} bytes`);
  const format = { uuid: formatUuid, inet4: formatInet4, inet6: formatInet6 }[kind];
  return (reader) => `"${format(paddedBytes(reader, lengthBytes, size))}"`;
}

function formatInet4(bytes: Uint8Array): string {
  return bytes.join('.');
}

/**
 * As MariaDB prints it: the first longest run of zero groups, also of one, is `::`; addresses that embed IPv4 end
 * in dots.
 */
export function formatInet6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  const gap = longestZeros(groups);
  const embedsV4 =
    gap.start === 0 && (gap.length === 6 || (gap.length === 5 && groups[5] === 0xffff));
  const shown = groups.slice(0, embedsV4 ? 6 : 8).map((group) => group.toString(16));
  if (embedsV4) shown.push(formatInet4(bytes.subarray(12)));
  if (gap.length === 0) return shown.join(':');
  const before = shown.slice(0, gap.start).join(':');
  const after = shown.slice(gap.start + gap.length).join(':');
  return `${before}::${after}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  });
  return best;
}

/** VECTOR: floats of four bytes, in an array. */
export function vectorReader(lengthBytes: number): FragmentReader {
  return (reader) => {
    const length = reader.uint(lengthBytes);
    if (length % 4 !== 0) throw malformed('a VECTOR that is no list of floats');
    const numbers: Fragment[] = new Array(length / 4);
    for (let index = 0; index < numbers.length; index++) numbers[index] = floatText(reader.float());
    return `[${numbers.join(',')}]`;
  };
}
