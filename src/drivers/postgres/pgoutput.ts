/**
 * Decodes the messages of the output plugin pgoutput: protocol version 1, text format, no streaming of open
 * transactions, no two-phase commit (those are other message types, which are refused here).
 * Source: PostgreSQL documentation, "Logical Replication Message Formats".
 */
import type { Tuple } from './message-reader.ts';
import { describeByte, MessageReader, malformed } from './message-reader.ts';

export type PgoutputMessage =
  | Begin
  | Commit
  | Origin
  | RelationMessage
  | TypeMessage
  | Insert
  | Update
  | Delete
  | Truncate
  | LogicalMessage;

export interface Begin {
  readonly type: 'begin';
  /** Where the commit record of this transaction starts. */
  readonly finalLsn: bigint;
  readonly commitTime: Date;
  readonly xid: number;
}

export interface Commit {
  readonly type: 'commit';
  /** Equal to the `finalLsn` of its Begin. */
  readonly commitLsn: bigint;
  /** Where the commit record ends: the position after this transaction. */
  readonly endLsn: bigint;
  readonly commitTime: Date;
}

/** The transaction came to this server by replication from another one. */
export interface Origin {
  readonly type: 'origin';
  readonly commitLsn: bigint;
  readonly name: string;
}

/** d: primary key, n: nothing, f: full row, i: index. */
export type ReplicaIdentity = 'd' | 'n' | 'f' | 'i';

export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  /** Part of the replica identity; with identity `f` every column is. */
  readonly isKey: boolean;
}

/** Describes a table before its first row, and again after it has changed. */
export interface RelationMessage {
  readonly type: 'relation';
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
}

/** Names a type that is not built in; pg_type says more. */
export interface TypeMessage {
  readonly type: 'type';
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
}

export interface Insert {
  readonly type: 'insert';
  readonly oid: number;
  readonly new: Tuple;
}

/** K: only the columns of the replica identity have values, the others are null. O: the whole row. */
export type OldTupleKind = 'K' | 'O';

export interface Update {
  readonly type: 'update';
  readonly oid: number;
  /** `null`: the columns of the replica identity did not change. */
  readonly old: { readonly kind: OldTupleKind; readonly tuple: Tuple } | null;
  readonly new: Tuple;
}

export interface Delete {
  readonly type: 'delete';
  readonly oid: number;
  readonly kind: OldTupleKind;
  readonly old: Tuple;
}

export interface Truncate {
  readonly type: 'truncate';
  readonly oids: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

/** Written by pg_logical_emit_message; sent only when the option `messages` is on. */
export interface LogicalMessage {
  readonly type: 'message';
  readonly transactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  /** A view: it is valid as long as the bytes that were given. */
  readonly content: Buffer;
}

/**
 * Decodes the one message that stands in `bytes` from `offset` to the end (25 when the header of XLogData is
 * still before it). Nothing of the result refers to `bytes`, except `LogicalMessage.content`.
 * @throws WatcherError `unsupported_event` when the message is truncated, too long or of an unknown type;
 *   `row_too_large` for a row of half a gigabyte and more.
 */
export function decodePgoutput(bytes: Buffer, offset = 0): PgoutputMessage {
  const reader = new MessageReader(bytes, offset);
  const message = decode(reader);
  reader.finish();
  return message;
}

function decode(reader: MessageReader): PgoutputMessage {
  const type = reader.uint8();
  switch (String.fromCharCode(type)) {
    case 'I':
      return decodeInsert(reader);
    case 'U':
      return decodeUpdate(reader);
    case 'D':
      return decodeDelete(reader);
    case 'B':
      return decodeBegin(reader);
    case 'C':
      return decodeCommit(reader);
    case 'R':
      return decodeRelation(reader);
    case 'Y':
      return { type: 'type', oid: reader.uint32(), schema: schema(reader), name: reader.string() };
    case 'T':
      return decodeTruncate(reader);
    case 'O':
      return { type: 'origin', commitLsn: reader.uint64(), name: reader.string() };
    case 'M':
      return decodeLogicalMessage(reader);
    default:
      throw malformed(`type ${describeByte(type)}`);
  }
}

function decodeInsert(reader: MessageReader): Insert {
  const oid = reader.uint32();
  const marker = reader.uint8();
  if (marker !== newMarker) throw malformed(`tuple ${describeByte(marker)} in an insert`);
  return { type: 'insert', oid, new: reader.tuple() };
}

const newMarker = 0x4e; // N
const keyMarker = 0x4b; // K
const oldMarker = 0x4f; // O

function decodeUpdate(reader: MessageReader): Update {
  const oid = reader.uint32();
  const marker = reader.uint8();
  if (marker === newMarker) return { type: 'update', oid, old: null, new: reader.tuple() };
  const old = { kind: oldTupleKind(marker), tuple: reader.tuple() };
  const second = reader.uint8();
  if (second !== newMarker) throw malformed(`tuple ${describeByte(second)} in an update`);
  return { type: 'update', oid, old, new: reader.tuple() };
}

function decodeDelete(reader: MessageReader): Delete {
  const oid = reader.uint32();
  const kind = oldTupleKind(reader.uint8());
  return { type: 'delete', oid, kind, old: reader.tuple() };
}

function oldTupleKind(marker: number): OldTupleKind {
  if (marker === keyMarker) return 'K';
  if (marker === oldMarker) return 'O';
  throw malformed(`tuple ${describeByte(marker)} for an old row`);
}

function decodeBegin(reader: MessageReader): Begin {
  return {
    type: 'begin',
    finalLsn: reader.uint64(),
    commitTime: reader.timestamp(),
    xid: reader.uint32(),
  };
}

function decodeCommit(reader: MessageReader): Commit {
  const flags = reader.uint8();
  if (flags !== 0) throw malformed(`flags ${describeByte(flags)} of a commit`);
  return {
    type: 'commit',
    commitLsn: reader.uint64(),
    endLsn: reader.uint64(),
    commitTime: reader.timestamp(),
  };
}

function decodeRelation(reader: MessageReader): RelationMessage {
  const oid = reader.uint32();
  const name = { schema: schema(reader), table: reader.string() };
  const replicaIdentity = decodeReplicaIdentity(reader);
  const count = reader.uint16();
  const columns: RelationColumn[] = [];
  for (let column = 0; column < count; column++) columns.push(decodeColumn(reader));
  return { type: 'relation', oid, ...name, replicaIdentity, columns };
}

function decodeReplicaIdentity(reader: MessageReader): ReplicaIdentity {
  const byte = reader.uint8();
  const identity = String.fromCharCode(byte);
  if (identity === 'd' || identity === 'n' || identity === 'f' || identity === 'i') return identity;
  throw malformed(`replica identity ${describeByte(byte)}`);
}

function decodeColumn(reader: MessageReader): RelationColumn {
  const flags = reader.uint8();
  if (flags > 1) throw malformed(`flags ${describeByte(flags)} of a column`);
  return {
    name: reader.string(),
    typeOid: reader.uint32(),
    typmod: reader.int32(),
    isKey: flags === 1,
  };
}

function decodeTruncate(reader: MessageReader): Truncate {
  const count = reader.count(4);
  const options = reader.uint8();
  if (options > 3) throw malformed(`options ${describeByte(options)} of a truncate`);
  const oids: number[] = [];
  for (let index = 0; index < count; index++) oids.push(reader.uint32());
  return {
    type: 'truncate',
    oids,
    cascade: (options & 1) !== 0,
    restartIdentity: (options & 2) !== 0,
  };
}

function decodeLogicalMessage(reader: MessageReader): LogicalMessage {
  const flags = reader.uint8();
  if (flags > 1) throw malformed(`flags ${describeByte(flags)} of a logical message`);
  return {
    type: 'message',
    transactional: flags === 1,
    lsn: reader.uint64(),
    prefix: reader.string(),
    content: reader.bytes(reader.count(1)),
  };
}

/** An empty schema stands for pg_catalog. */
function schema(reader: MessageReader): string {
  const name = reader.string();
  return name === '' ? 'pg_catalog' : name;
}
