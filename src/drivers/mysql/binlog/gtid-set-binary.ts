/**
 * The binary form of a GTID set: in COM_BINLOG_DUMP_GTID and in PREVIOUS_GTIDS. Without tags it is that of all
 * MySQL versions; with tags, which 8.3 brought, its first and its eighth byte are 1 and the count is between them.
 * Source: `Gtid_set::encode`.
 */
import { formatUuid } from './gtid.ts';
import { type GtidInterval, GtidSet } from './gtid-set.ts';
import { ByteReader, malformed } from './reader.ts';
import { readVarUint, varUintByte } from './serialization.ts';

/** The GTIDs of the files before this one. */
export interface PreviousGtids {
  readonly type: 'previous_gtids';
  readonly set: GtidSet;
}

export function previousGtids(reader: ByteReader): PreviousGtids {
  return { type: 'previous_gtids', set: decodeGtidSet(reader.rest()) };
}

const taggedFormat = 1;

/** For servers before 8.3 a set must have no tags; then this is the form that they know. */
export function encodeGtidSet(set: GtidSet): Buffer {
  const entries = set.entries();
  const tagged = entries.some(({ source }) => source.tag !== '');
  const head = Buffer.alloc(8);
  if (tagged) {
    head.writeUInt8(taggedFormat, 0);
    head.writeUIntLE(entries.length, 1, 6);
    head.writeUInt8(taggedFormat, 7);
  } else {
    head.writeBigUInt64LE(BigInt(entries.length));
  }
  const parts = entries.flatMap(({ source, intervals }) => {
    const uuid = Buffer.from(source.uuid.replaceAll('-', ''), 'hex');
    if (!tagged) return [uuid, encodeIntervals(intervals)];
    const tag = Buffer.from(source.tag, 'latin1');
    return [uuid, Buffer.from([varUintByte(tag.length)]), tag, encodeIntervals(intervals)];
  });
  return Buffer.concat([head, ...parts]);
}

/** On the wire the end is the first number that does not belong to the interval. */
function encodeIntervals(intervals: readonly GtidInterval[]): Buffer {
  const bytes = Buffer.alloc(8 + 16 * intervals.length);
  bytes.writeBigUInt64LE(BigInt(intervals.length));
  intervals.forEach(({ first, last }, index) => {
    bytes.writeBigUInt64LE(first, 8 + 16 * index);
    bytes.writeBigUInt64LE(last + 1n, 16 + 16 * index);
  });
  return bytes;
}

/** @throws WatcherError `unsupported_event` when the bytes are not one set. */
export function decodeGtidSet(bytes: Buffer): GtidSet {
  const reader = new ByteReader(bytes);
  const head = reader.view(8);
  const tagged = head.readUInt8(7) === taggedFormat;
  if (!tagged && head.readUInt8(7) !== 0) throw malformed('a GTID set of an unknown form');
  const count = head.readUIntLE(tagged ? 1 : 0, 6);
  const intervals = new Map<string, GtidInterval[]>();
  for (let index = 0; index < count; index++) {
    const uuid = formatUuid(reader.view(16));
    const tag = tagged ? reader.text(Number(readVarUint(reader))) : '';
    intervals.set(tag === '' ? uuid : `${uuid}:${tag}`, decodeIntervals(reader));
  }
  reader.finish();
  return GtidSet.of(intervals);
}

function decodeIntervals(reader: ByteReader): GtidInterval[] {
  const count = Number(reader.uint64());
  if (count * 16 > reader.remaining) throw malformed('a GTID set that is truncated');
  return Array.from({ length: count }, () => {
    const first = reader.uint64();
    const last = reader.uint64() - 1n;
    if (first < 1n || last < first) throw malformed('an interval of a GTID set');
    return { first, last };
  });
}
