/**
 * What MariaDB compresses by itself, with zlib: row and query events (log_bin_compress) and COMPRESSED columns.
 * Source: MariaDB, `binlog_buf_uncompress` and `Field_longstr::uncompress`.
 */
import { inflateRawSync, inflateSync } from 'node:zlib';
import { ByteReader, malformed } from './reader.ts';

const maxBytes = 1024 * 1024 * 1024;

/**
 * The compressed part of an event: a byte with the algorithm and the size of the length, the length of the
 * uncompressed bytes (big-endian), and the bytes.
 */
export function inflateMariadb(bytes: Buffer): Buffer {
  const reader = new ByteReader(bytes);
  const head = reader.uint8();
  const lengthBytes = head & 0x07;
  if ((head & 0xf0) !== 0x80 || lengthBytes < 1 || lengthBytes > 4) {
    throw malformed(`compression header ${head}`);
  }
  const length = reader.uintBE(lengthBytes);
  return inflate(reader.rest(), length, inflateSync);
}

const uncompressed = 0;
const zlibMethod = 8;

/** A value of a COMPRESSED column that is not empty. */
export function inflateColumn(bytes: Buffer): Buffer {
  const reader = new ByteReader(bytes);
  const head = reader.uint8();
  const method = head >> 4;
  if (method === uncompressed) return reader.rest();
  if (method !== zlibMethod) throw malformed(`column compression method ${method}`);
  const lengthBytes = head & 0x07;
  if (lengthBytes < 1 || lengthBytes > 4) throw malformed(`column compression header ${head}`);
  const length = reader.uintBE(lengthBytes);
  return inflate(reader.rest(), length, (head & 0x08) === 0 ? inflateSync : inflateRawSync);
}

type Inflate = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;

function inflate(bytes: Buffer, length: number, decompress: Inflate): Buffer {
  if (length > maxBytes) throw malformed('more than a gigabyte after decompression');
  let result: Buffer;
  try {
    result = decompress(bytes, { maxOutputLength: Math.max(length, 1) });
  } catch (cause) {
    throw malformed('its compressed part cannot be decompressed', cause);
  }
  if (result.length !== length) throw malformed('its compressed part has another length');
  return result;
}
