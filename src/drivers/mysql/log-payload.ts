/**
 * The events of a compressed transaction, group by group: one of gigabytes is never whole in memory.
 * `zstddec` is zstd itself, as WebAssembly: Node brings it only from 22.15 on.
 */
import { ZSTDDecoder } from 'zstddec/stream';
import { PayloadSplitter, type TransactionPayload } from './binlog/payload.ts';
import { malformed } from './binlog/reader.ts';

/** Up to here in one step, which costs less. */
const smallBytes = 256 * 1024;
/** Compressed bytes that zstd is given at a time. */
const pieceBytes = 16 * 1024;

const zstd = new ZSTDDecoder();

/** To be awaited once before `payloadEvents`. */
export function loadZstd(): Promise<void> {
  return zstd.init();
}

/**
 * Groups of events, from header to end, as they get out; they stay valid. For `BinlogDecoder.decodeInner`.
 * @throws WatcherError `unsupported_event` when the payload is damaged.
 */
export function payloadEvents(payload: TransactionPayload): Iterable<readonly Buffer[]> {
  const { compression, uncompressedBytes, payload: bytes } = payload;
  if (compression === 'none') return [eventsOf(bytes, uncompressedBytes)];
  if (uncompressedBytes === 0 || uncompressedBytes > smallBytes) return inPieces(payload);
  return [eventsOf(asBuffer(zstd.decode(bytes, uncompressedBytes)), uncompressedBytes)];
}

function eventsOf(bytes: Buffer, uncompressedBytes: number): readonly Buffer[] {
  const splitter = new PayloadSplitter();
  const events = splitter.push(bytes);
  splitter.finish();
  if (bytes.length !== uncompressedBytes) throw damaged();
  return events;
}

function* inPieces({
  payload,
  uncompressedBytes,
}: TransactionPayload): Generator<readonly Buffer[]> {
  const splitter = new PayloadSplitter();
  let bytes = 0;
  for (const piece of new Decompression(payload)) {
    bytes += piece.length;
    yield splitter.push(piece);
  }
  splitter.finish();
  if (bytes !== uncompressedBytes) throw damaged();
}

/** zstddec looks at no error: it goes round for ever, and gives out nothing. */
class Decompression implements Iterable<Buffer> {
  readonly #compressed: Buffer;
  readonly #output: Generator<Uint8Array>;
  #fed = 0;
  /** How often nothing came out since something was put in; once is nothing unusual. */
  #idle = 0;
  #left = false;

  constructor(compressed: Buffer) {
    this.#compressed = compressed;
    this.#output = zstd.decodeStreaming(this.#input());
  }

  *[Symbol.iterator](): Generator<Buffer> {
    try {
      for (let piece = this.#next(); piece !== null; piece = this.#next()) {
        if (piece.length > 0) yield piece;
      }
    } finally {
      // Its memory is given back only at its end.
      this.#left = true;
      while (this.#idle <= 1 && this.#next() !== null);
    }
  }

  #next(): Buffer | null {
    try {
      const { done, value } = this.#output.next();
      if (done) return null;
      this.#idle = value.length === 0 ? this.#idle + 1 : 0;
      if (this.#idle > 1 && !this.#left) throw damaged();
      return asBuffer(value);
    } catch (error) {
      if (this.#left) return null;
      throw damaged(error);
    }
  }

  *#input(): Generator<Uint8Array> {
    while (this.#fed < this.#compressed.length && !this.#left) {
      const piece = this.#compressed.subarray(this.#fed, this.#fed + pieceBytes);
      this.#fed += piece.length;
      this.#idle = 0;
      yield piece;
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function damaged(cause?: unknown): Error {
  return malformed('a compressed transaction is damaged', cause);
}
