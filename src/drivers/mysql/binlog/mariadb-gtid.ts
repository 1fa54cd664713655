/** MariaDB's GTID events. Source: MariaDB Knowledge Base, "GTID_EVENT", "GTID_LIST_EVENT"; `Gtid_log_event`. */
import { xaIdentifier } from './control.ts';
import { type ByteReader, malformed } from './reader.ts';

export interface MariadbGtidEvent {
  readonly type: 'mariadb_gtid';
  readonly domain: number;
  readonly serverId: number;
  readonly sequence: bigint;
  /** One statement without COMMIT follows (DDL); else BEGIN to XID, COMMIT or ROLLBACK. */
  readonly standalone: boolean;
  readonly ddl: boolean;
  /** The transaction is an XA one: it is prepared here, or it ends here. `xid` as in XA statements. */
  readonly xa: { readonly step: 'prepare' | 'complete'; readonly xid: string } | null;
}

export interface MariadbGtid {
  readonly domain: number;
  readonly serverId: number;
  readonly sequence: bigint;
}

/** What the file starts after: the last GTIDs of each domain, one for every server id seen in it. */
export interface MariadbGtidList {
  readonly type: 'mariadb_gtid_list';
  readonly gtids: readonly MariadbGtid[];
}

const flags = {
  standalone: 1,
  groupCommitId: 2,
  ddl: 32,
  preparedXa: 64,
  completedXa: 128,
} as const;

/** `serverId` is in the common header. */
export function parseMariadbGtid(reader: ByteReader, serverId: number): MariadbGtidEvent {
  const sequence = reader.uint64();
  const domain = reader.uint32();
  const bits = reader.uint8();
  if ((bits & flags.groupCommitId) !== 0) reader.skip(8);
  const xa = parseXa(reader, bits);
  if (reader.remaining > 0) skipExtra(reader);
  return {
    type: 'mariadb_gtid',
    domain,
    serverId,
    sequence,
    standalone: (bits & flags.standalone) !== 0,
    ddl: (bits & flags.ddl) !== 0,
    xa,
  };
}

function parseXa(reader: ByteReader, bits: number): MariadbGtidEvent['xa'] {
  if ((bits & (flags.preparedXa | flags.completedXa)) === 0) return null;
  const format = reader.uint32();
  const gtrid = reader.uint8();
  const bqual = reader.uint8();
  const xid = xaIdentifier(format, reader.view(gtrid), reader.view(bqual));
  return { step: (bits & flags.preparedXa) === 0 ? 'complete' : 'prepare', xid };
}

const extraFlags = {
  multiEngine: 1,
  startAlter: 2,
  commitAlter: 4,
  rollbackAlter: 8,
  threadId: 16,
};
const knownExtraFlags = 31;

/** What newer servers added, or zeros up to the length that the first version had. */
function skipExtra(reader: ByteReader): void {
  const bits = reader.uint8();
  if ((bits & ~knownExtraFlags) !== 0) throw malformed(`extra flags ${bits} of a GTID`);
  if ((bits & extraFlags.multiEngine) !== 0) reader.skip(1);
  if ((bits & (extraFlags.commitAlter | extraFlags.rollbackAlter)) !== 0) reader.skip(8);
  if ((bits & extraFlags.threadId) !== 0) reader.skip(4);
  if (reader.rest().some((byte) => byte !== 0)) throw malformed('bytes after its end');
}

const countMask = 0x0fff_ffff;

export function parseMariadbGtidList(reader: ByteReader): MariadbGtidList {
  const count = reader.uint32() & countMask;
  if (count * 16 > reader.remaining) throw malformed('a GTID list that is longer than its event');
  const gtids = Array.from({ length: count }, () => ({
    domain: reader.uint32(),
    serverId: reader.uint32(),
    sequence: reader.uint64(),
  }));
  // An empty list is padded to the length of its post header.
  if (count === 0) reader.rest();
  return { type: 'mariadb_gtid_list', gtids };
}
