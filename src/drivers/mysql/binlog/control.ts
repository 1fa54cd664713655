/** The small events: where files end and go on, signs of life, and the statements beside row events. */
import { type ByteReader, malformed } from './reader.ts';

/** The log goes on in this file, at this offset. */
export interface Rotate {
  readonly type: 'rotate';
  readonly file: string;
  readonly offset: number;
}

/** COMMIT of a transaction of a transactional engine. */
export interface Xid {
  readonly type: 'xid';
}

/** XA PREPARE, or with `onePhase` XA COMMIT … ONE PHASE. `xid` is in the text form of XA statements. */
export interface XaPrepare {
  readonly type: 'xa_prepare';
  readonly onePhase: boolean;
  readonly xid: string;
}

/** Nothing happened up to here. `offset` null: a HEARTBEAT (v1), whose header has the offset, or what of it are 32 bits. */
export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly file: string;
  readonly offset: number | null;
}

/** The server knows that events are missing. */
export interface Incident {
  readonly type: 'incident';
  readonly code: number;
  readonly message: string;
}

/** What the server says of itself; no data. */
export interface Notice {
  readonly type: 'notice';
  readonly what:
    | 'stop'
    | 'rows_query'
    | 'binlog_checkpoint'
    | 'ignorable'
    | 'view_change'
    | 'statement_context';
}

export function parseRotate(reader: ByteReader): Rotate {
  const offset = fileOffset(reader.uint64());
  const file = reader.text(reader.remaining);
  if (file === '') throw malformed('a rotation without a file');
  return { type: 'rotate', file, offset };
}

const xid: Xid = { type: 'xid' };

/** Its number is that of the server's engine: of no use to a reader. */
export function parseXid(reader: ByteReader): Xid {
  reader.skip(8);
  return xid;
}

/** Source: `XA_prepare_event`. The same as `XID::serialize`: X'gtrid',X'bqual',format. */
export function parseXaPrepare(reader: ByteReader): XaPrepare {
  const onePhase = reader.uint8() !== 0;
  const format = reader.uint32();
  const gtrid = reader.uint32();
  const bqual = reader.uint32();
  if (gtrid > 64 || bqual > 64) throw malformed('an XA identifier of more than 64 bytes');
  const xid = xaIdentifier(format, reader.view(gtrid), reader.view(bqual));
  return { type: 'xa_prepare', onePhase, xid };
}

/** As the server writes it into its own XA statements: lower-case hex and the format number. */
export function xaIdentifier(format: number, gtrid: Buffer, bqual: Buffer): string {
  return `X'${gtrid.toString('hex')}',X'${bqual.toString('hex')}',${format}`;
}

/** MariaDB leaves the header's offset 0 where it needs more than 32 bits, and has it in front of the name. */
export function parseHeartbeat(reader: ByteReader, nextOffset: number): Heartbeat {
  const offset = nextOffset === 0 ? fileOffset(reader.uint64()) : null;
  return { type: 'heartbeat', file: reader.text(reader.remaining), offset };
}

const heartbeatFields = { end: 0, file: 1, offset: 2 } as const;

/** Source: `Heartbeat_event_v2`: a list of type, length, value; unknown types may be passed over. */
export function parseHeartbeatV2(reader: ByteReader): Heartbeat {
  let file = '';
  let offset: number | null = null;
  while (reader.remaining > 0) {
    const field = reader.lengthEncoded();
    if (field === heartbeatFields.end) break;
    const length = reader.lengthEncoded();
    if (field === heartbeatFields.file) file = reader.text(length);
    else if (field === heartbeatFields.offset) offset = reader.lengthEncoded();
    else throw malformed(`field ${field} of a heartbeat`);
  }
  if (file === '' || offset === null) throw malformed('a heartbeat without a place');
  return { type: 'heartbeat', file, offset };
}

export function parseIncident(reader: ByteReader): Incident {
  const code = reader.uint16();
  const message = reader.text(reader.uint8());
  return { type: 'incident', code, message };
}

export function notice(reader: ByteReader, what: Notice['what']): Notice {
  reader.rest();
  return { type: 'notice', what };
}

function fileOffset(value: bigint): number {
  if (value > Number.MAX_SAFE_INTEGER) throw malformed('an offset of more than 2^53');
  return Number(value);
}
