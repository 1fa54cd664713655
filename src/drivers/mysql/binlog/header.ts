/** The common header of every event, and its checksum. Source: MySQL, "Common-Header"; `event_checksum_test`. */
import { crc32 } from 'node:zlib';
import { WatcherError } from '../../../errors.ts';
import { eventTypes } from './event-types.ts';
import { type ByteReader, malformed, truncated } from './reader.ts';

export interface EventHeader {
  /** Seconds since 1970. 0: the event is made up by the server for this connection. */
  readonly timestamp: number;
  readonly type: number;
  readonly serverId: number;
  /** With header and checksum. */
  readonly sizeBytes: number;
  /** Where the next event starts in the file, modulo 2^32. 0: the event is not in the file. */
  readonly nextOffset: number;
  readonly flags: number;
}

export const headerFlags = {
  binlogInUse: 0x1,
  /** The server made the event for this connection: it is not in the file. */
  artificial: 0x20,
  ignorable: 0x80,
} as const;

export type ChecksumAlgorithm = 'none' | 'crc32';

export const headerBytes = 19;
export const checksumBytes = 4;

/** @throws WatcherError `unsupported_event` when `bytes` is not exactly one event. */
export function parseHeader(bytes: Buffer): EventHeader {
  if (bytes.length < headerBytes) throw truncated();
  const header: EventHeader = {
    timestamp: bytes.readUInt32LE(0),
    type: bytes.readUInt8(4),
    serverId: bytes.readUInt32LE(5),
    sizeBytes: bytes.readUInt32LE(9),
    nextOffset: bytes.readUInt32LE(13),
    flags: bytes.readUInt16LE(flagsOffset),
  };
  if (header.sizeBytes !== bytes.length) {
    throw malformed(`type ${header.type}: its size field is not its size`);
  }
  return header;
}

/**
 * The body of an event, after its checksum was verified and cut off, in the reader that is given.
 * @throws WatcherError `unsupported_event` when the checksum is not that of the bytes.
 */
export function checkedBody(
  bytes: Buffer,
  header: EventHeader,
  checksum: ChecksumAlgorithm,
  reader: ByteReader,
): ByteReader {
  if (checksum === 'none') return reader.reset(bytes, headerBytes);
  const end = bytes.length - checksumBytes;
  if (end < headerBytes) throw truncated();
  if (!mayBeStale(bytes, header, end) && !isIntact(bytes, header)) {
    throw new WatcherError('unsupported_event', {
      message: `The checksum of a binlog event (type ${header.type}) is wrong: it was damaged on disk or on the way`,
      remedy: 'Check the binlog on the server with mysqlbinlog --verify-binlog-checksum.',
    });
  }
  return reader.reset(bytes, headerBytes, end);
}

/**
 * A FORMAT_DESCRIPTION of a file without checksums has one that is of no account: when it is sent again for reading
 * from the middle of the file on, MySQL and MariaDB change it and leave its checksum. Its last byte names the algorithm.
 */
function mayBeStale(bytes: Buffer, header: EventHeader, end: number): boolean {
  return header.type === eventTypes.formatDescription && bytes[end - 1] === 0;
}

const flagsOffset = 17;
/** The CRC-32 of whatever is followed by its own CRC-32: there is no need to cut it off. */
const intactResidue = 0x2144df1c;

function isIntact(bytes: Buffer, header: EventHeader): boolean {
  const inUse = (header.flags & headerFlags.binlogInUse) !== 0;
  if (header.type !== eventTypes.formatDescription || !inUse) return crc32(bytes) === intactResidue;
  // The flag "this file is in use" is cleared in place when the file is closed: it is not in the checksum.
  const head = Buffer.from(bytes.subarray(0, headerBytes));
  head.writeUInt16LE(header.flags & ~headerFlags.binlogInUse, flagsOffset);
  return crc32(bytes.subarray(headerBytes), crc32(head)) === intactResidue;
}
