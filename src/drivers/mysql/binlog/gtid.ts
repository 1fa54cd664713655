/**
 * The events of MySQL that name a transaction before it: GTID (33), anonymous (34), tagged (42).
 * Source: MySQL, `Gtid_event`.
 */
import { type ByteReader, malformed } from './reader.ts';
import { readVarInt, readVarUint } from './serialization.ts';

export interface Gtid {
  readonly type: 'gtid';
  readonly uuid: string;
  /** '' is no tag. */
  readonly tag: string;
  readonly gno: bigint;
  /** When the source of the transaction committed it, in µs since 1970. null: before MySQL 8. */
  readonly committedAtMicros: number | null;
}

/** Begins a transaction of a server without GTIDs. */
export interface AnonymousGtid {
  readonly type: 'anonymous_gtid';
  readonly committedAtMicros: number | null;
}

export function parseGtid(reader: ByteReader): Gtid {
  reader.skip(1); // may have statement-based changes
  const uuid = readUuid(reader);
  const gno = reader.int64();
  if (gno < 1n) throw malformed('a GTID with no number');
  return { type: 'gtid', uuid, tag: '', gno, committedAtMicros: gtidTail(reader) };
}

export function parseAnonymousGtid(reader: ByteReader): AnonymousGtid {
  reader.skip(25); // as in a GTID, but zero
  return { type: 'anonymous_gtid', committedAtMicros: gtidTail(reader) };
}

const logicalTimestamps = 2;
/** Of 56 bits the highest says that the time of the original commit follows. */
const hasOriginal = 0x80_0000;

/** What servers from 5.7 on have added to the event, one after the other. */
function gtidTail(reader: ByteReader): number | null {
  if (reader.remaining === 0) return null;
  const kind = reader.uint8();
  if (kind !== logicalTimestamps) throw malformed(`GTID timestamps of kind ${kind}`);
  reader.skip(16); // last_committed, sequence_number
  if (reader.remaining === 0) return null;
  const micros = commitMicros(reader);
  if (reader.remaining > 0) reader.lengthEncoded(); // length of the transaction
  if (reader.remaining > 0 && (reader.uint32() & 0x80000000) !== 0) reader.skip(4); // server versions
  if (reader.remaining > 0) reader.skip(8); // commit group ticket
  return micros;
}

/** At the first server if it says so, else at this one. Exact up to 2^53: the year 2255. */
function commitMicros(reader: ByteReader): number {
  const low = reader.uint32();
  const high = reader.uint24();
  if ((high & hasOriginal) === 0) return high * 2 ** 32 + low;
  return reader.uint32() + (reader.uint24() & ~hasOriginal) * 2 ** 32;
}

/** Field ids count by 1 in the definition; on the wire they are variable-length integers. */
const taggedFields = {
  flags: 0,
  uuid: 1,
  gno: 2,
  tag: 3,
  lastCommitted: 4,
  sequenceNumber: 5,
  immediateCommit: 6,
  originalCommit: 7,
  transactionLength: 8,
  immediateVersion: 9,
  originalVersion: 10,
  commitGroupTicket: 11,
} as const;

/** GTID_TAGGED_LOG_EVENT. Source: `Gtid_event::define_fields` and the serialization library's message format. */
export function parseTaggedGtid(reader: ByteReader): Gtid {
  const start = reader.offset;
  const version = readVarUint(reader);
  if (version !== 1n) throw malformed(`serialization version ${version} of a GTID`);
  const size = readVarUint(reader);
  if (BigInt(reader.end - start) !== size) throw malformed('a GTID of another length than it says');
  const lastRequired = readVarUint(reader);
  if (lastRequired > BigInt(taggedFields.commitGroupTicket)) {
    throw malformed(`field ${lastRequired} of a GTID`);
  }
  const draft: TaggedDraft = { uuid: '', gno: 0n, tag: '', immediate: null, original: null };
  while (reader.remaining > 0) parseTaggedField(reader, Number(readVarUint(reader)), draft);
  if (draft.uuid === '' || draft.gno < 1n) throw malformed('a GTID with no number');
  const { uuid, gno, tag, original, immediate } = draft;
  const micros = original ?? immediate;
  const committedAtMicros = micros === null ? null : Number(micros);
  return { type: 'gtid', uuid, tag, gno, committedAtMicros };
}

interface TaggedDraft {
  uuid: string;
  gno: bigint;
  tag: string;
  immediate: bigint | null;
  original: bigint | null;
}

function parseTaggedField(reader: ByteReader, field: number, draft: TaggedDraft): void {
  switch (field) {
    case taggedFields.uuid:
      draft.uuid = formatUuid(
        Buffer.from(Array.from({ length: 16 }, () => Number(readVarUint(reader)))),
      );
      return;
    case taggedFields.gno:
      draft.gno = readVarInt(reader);
      return;
    case taggedFields.tag:
      draft.tag = reader.text(Number(readVarUint(reader)));
      return;
    case taggedFields.immediateCommit:
      draft.immediate = readVarUint(reader);
      return;
    case taggedFields.originalCommit:
      draft.original = readVarUint(reader);
      return;
    case taggedFields.flags:
    case taggedFields.lastCommitted:
    case taggedFields.sequenceNumber:
    case taggedFields.transactionLength:
    case taggedFields.immediateVersion:
    case taggedFields.originalVersion:
    case taggedFields.commitGroupTicket:
      readVarUint(reader);
      return;
    default:
      throw malformed(`field ${field} of a GTID`);
  }
}

let lastHex = '';
let lastUuid = '';

/** Mostly that of the transaction before. */
function readUuid(reader: ByteReader): string {
  const start = reader.take(16);
  const hex = reader.bytes.toString('hex', start, start + 16);
  if (hex !== lastHex) {
    lastHex = hex;
    lastUuid = hyphenated(hex);
  }
  return lastUuid;
}

export function formatUuid(bytes: Buffer): string {
  return hyphenated(bytes.toString('hex'));
}

function hyphenated(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
