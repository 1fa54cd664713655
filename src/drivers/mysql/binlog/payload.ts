/**
 * TRANSACTION_PAYLOAD_EVENT (binlog_transaction_compression): the events of a transaction in one compressed piece.
 * Source: MySQL, `Transaction_payload_event`.
 */
import { type ByteReader, malformed, truncated } from './reader.ts';

export interface TransactionPayload {
  readonly type: 'transaction_payload';
  readonly compression: 'zstd' | 'none';
  readonly uncompressedBytes: number;
  /** A view. */
  readonly payload: Buffer;
}

const fields = { end: 0, payloadSize: 1, compression: 2, uncompressedSize: 3 } as const;
const compressions = { zstd: 0, none: 255 } as const;

export function parseTransactionPayload(reader: ByteReader): TransactionPayload {
  let compression: number = compressions.none;
  let uncompressedBytes = 0;
  let payloadBytes = 0;
  for (;;) {
    const field = reader.lengthEncoded();
    if (field === fields.end) break;
    const end = reader.lengthEncoded() + reader.offset;
    if (field === fields.payloadSize) payloadBytes = reader.lengthEncoded();
    else if (field === fields.compression) compression = reader.lengthEncoded();
    else if (field === fields.uncompressedSize) uncompressedBytes = reader.lengthEncoded();
    else throw malformed(`field ${field} of a compressed transaction`);
    if (reader.offset !== end) throw malformed('a field of a compressed transaction');
  }
  if (compression !== compressions.zstd && compression !== compressions.none) {
    throw malformed(`compression ${compression} of a transaction`);
  }
  const payload = reader.view(payloadBytes);
  return {
    type: 'transaction_payload',
    compression: compression === compressions.zstd ? 'zstd' : 'none',
    uncompressedBytes,
    payload,
  };
}

const sizeOffset = 9;
const minimumBytes = 19;

/**
 * Cuts the uncompressed bytes, in whatever pieces they come, into events. They have no checksums: decode them with
 * `BinlogDecoder.decodeInner`. What `push` returns are views of the pieces, where an event lies within one.
 */
export class PayloadSplitter {
  /** The beginning of an event. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Before there is so much, nothing gets out: what is waiting is put together once, not with every piece. */
  #neededBytes = minimumBytes;

  push(piece: Buffer): Buffer[] {
    if (this.#restBytes + piece.length < this.#neededBytes) {
      this.#rest.push(piece);
      this.#restBytes += piece.length;
      return [];
    }
    const bytes = this.#restBytes === 0 ? piece : Buffer.concat([...this.#rest, piece]);
    const events: Buffer[] = [];
    let offset = 0;
    this.#neededBytes = minimumBytes;
    while (bytes.length - offset >= minimumBytes) {
      const size = bytes.readUInt32LE(offset + sizeOffset);
      if (size < minimumBytes) throw malformed('an event in a compressed transaction is too short');
      if (offset + size > bytes.length) {
        this.#neededBytes = size;
        break;
      }
      events.push(bytes.subarray(offset, offset + size));
      offset += size;
    }
    this.#restBytes = bytes.length - offset;
    this.#rest = this.#restBytes === 0 ? [] : [bytes.subarray(offset)];
    return events;
  }

  /** @throws WatcherError `unsupported_event` when a part of an event is left. */
  finish(): void {
    if (this.#restBytes > 0) throw truncated();
  }
}
