/**
 * The messages inside CopyData while a walsender streams.
 * Source: PostgreSQL documentation, "Streaming Replication Protocol", under START_REPLICATION.
 */
import { describeByte, MessageReader, malformed, postgresEpochMs } from './message-reader.ts';

/** How far the log was read, as of some moment. */
export interface Keepalive {
  readonly walEnd: bigint;
  readonly sentAt: Date;
  /** The server ends the connection unless it is answered soon. */
  readonly replyRequested: boolean;
}

/** The header of XLogData. What follows it is a message of the output plugin. */
export interface XLogDataHeader {
  readonly walStart: bigint;
  readonly walEnd: bigint;
  readonly sentAt: Date;
}

/** Offset of the output plugin's message in a frame of XLogData. */
export const xlogDataHeaderBytes = 25;

const xlogDataType = 0x77; // w
const keepaliveType = 0x6b; // k
const statusUpdateType = 0x72; // r

/**
 * Which message a CopyData payload holds. With `xlogdata`, go on with `decodePgoutput(frame,
 * xlogDataHeaderBytes)`: the header is rarely of interest, and is not parsed for every row.
 * @throws WatcherError `unsupported_event` for an unknown or truncated one.
 */
export function frameKind(frame: Buffer): 'xlogdata' | 'keepalive' {
  const type = frame[0];
  if (type === xlogDataType) {
    if (frame.length < xlogDataHeaderBytes) throw malformed('its header is truncated');
    return 'xlogdata';
  }
  if (type === keepaliveType) return 'keepalive';
  throw malformed(type === undefined ? 'it is empty' : `frame ${describeByte(type)}`);
}

/** @throws WatcherError `unsupported_event` when it is truncated or too long. */
export function parseKeepalive(frame: Buffer): Keepalive {
  const reader = new MessageReader(frame, 1);
  const keepalive = {
    walEnd: reader.uint64(),
    sentAt: reader.timestamp(),
    replyRequested: reader.uint8() !== 0,
  };
  reader.finish();
  return keepalive;
}

/** @throws WatcherError `unsupported_event` when it is truncated. */
export function parseXLogDataHeader(frame: Buffer): XLogDataHeader {
  const reader = new MessageReader(frame, 1);
  return { walStart: reader.uint64(), walEnd: reader.uint64(), sentAt: reader.timestamp() };
}

export interface StatusUpdate {
  /** Everything up to here was received. */
  readonly written: bigint;
  /** Everything up to here is durable: the server may forget it. */
  readonly flushed: bigint;
  readonly applied: bigint;
  readonly sentAt: Date;
  /** Asks the server for a keepalive at once. */
  readonly replyRequested: boolean;
}

/** Standby status update, to be sent as CopyData. */
export function encodeStatusUpdate(status: StatusUpdate): Buffer {
  const frame = Buffer.allocUnsafe(34);
  frame.writeUInt8(statusUpdateType, 0);
  frame.writeBigUInt64BE(status.written, 1);
  frame.writeBigUInt64BE(status.flushed, 9);
  frame.writeBigUInt64BE(status.applied, 17);
  frame.writeBigInt64BE(BigInt(status.sentAt.getTime() - postgresEpochMs) * 1000n, 25);
  frame.writeUInt8(status.replyRequested ? 1 : 0, 33);
  return frame;
}
