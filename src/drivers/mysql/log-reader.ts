/** The server's log as events with their places, in order. */
import type { MysqlPosition } from '../../replication/position.ts';
import { BinlogDecoder } from './binlog/decode.ts';
import { eventTypes } from './binlog/event-types.ts';
import { parseHeader } from './binlog/header.ts';
import type { TransactionPayload } from './binlog/payload.ts';
import type { LogReaderOptions } from './log-connection.ts';
import { LogConnection } from './log-connection.ts';
import type { LogEvent } from './log-event.ts';
import { loadZstd, payloadEvents } from './log-payload.ts';
import { comparePlaces } from './log-place.ts';
import type { LogRequest } from './log-request.ts';
import { PlaceTracker } from './log-tracker.ts';

export type { LogReaderOptions } from './log-connection.ts';

/** So many events are handed out at once. */
const batchEvents = 64;
/** Of a compressed transaction, so many bytes at least are handed out at once. */
const batchBytes = 256 * 1024;

/**
 * Reads the log after `from`, which is a place between transactions: by its GTIDs where the server has them on, else
 * by file and offset. A batch is what has arrived; the server sends no more while 512 KiB wait. At the end of the log
 * a heartbeat comes each second; by GTIDs, one may come first with a place before `from`, while the server looks for
 * where to begin. Ends only by throwing.
 * @throws WatcherError, classified: `binlog_purged`, `source_replaced`, `server_id_clash`, `source_unavailable`,
 *   `unsupported_event`, and what a login can end with; or the signal's reason.
 */
export async function* readLog(
  options: LogReaderOptions,
  from: MysqlPosition,
  signal: AbortSignal,
): AsyncGenerator<readonly LogEvent[]> {
  const connection = await LogConnection.open(options, from, signal);
  try {
    const log = new LogDecoder(connection.request);
    for (;;) {
      const arrived = await connection.take();
      // It takes memory, which few servers ask for.
      if (arrived.some(isPayload)) await loadZstd();
      for (const batch of log.batches(arrived)) {
        signal.throwIfAborted();
        yield batch;
      }
    }
  } finally {
    connection.close();
  }
}

/** Behind the timestamp. */
const eventTypeOffset = 4;

function isPayload(event: Buffer): boolean {
  return event[eventTypeOffset] === eventTypes.transactionPayload;
}

/** Events of one connection: from their bytes, in order, to what `readLog` gives out. */
export class LogDecoder {
  readonly #decoder: BinlogDecoder;
  readonly #tracker: PlaceTracker;
  #skipTo: LogRequest['skipTo'];
  #batch: LogEvent[] = [];
  /** Of compressed transactions, in the batch. */
  #unpackedBytes = 0;

  constructor({ checksum, start, skipTo }: Omit<LogRequest, 'command'>) {
    this.#decoder = new BinlogDecoder(checksum);
    this.#tracker = new PlaceTracker(start);
    this.#skipTo = skipTo;
  }

  /** Few at a time, so that events are gone before the next are made: what lives for a moment costs next to nothing. */
  *batches(arrived: readonly Buffer[]): Generator<readonly LogEvent[]> {
    try {
      for (const bytes of arrived) {
        const located = this.#next(bytes);
        if (located === null) continue;
        if (located.event.type === 'transaction_payload') {
          yield* this.#unpack(located, located.event);
        } else this.#batch.push(located);
        if (this.#batch.length >= batchEvents) yield this.#take();
      }
    } catch (error) {
      // What was read before it is whole.
      if (this.#batch.length > 0) yield this.#take();
      throw error;
    }
    if (this.#batch.length > 0) yield this.#take();
  }

  #take(): readonly LogEvent[] {
    const batch = this.#batch;
    this.#batch = [];
    this.#unpackedBytes = 0;
    return batch;
  }

  /** @returns null: it lies before what was asked for */
  #next(bytes: Buffer): LogEvent | null {
    const header = parseHeader(bytes);
    const located = this.#tracker.locate(this.#decoder.decode(bytes, header), header);
    return this.#isSkipped(located) ? null : located;
  }

  /** The events of a compressed transaction; what is large is handed out before the rest is unpacked. */
  *#unpack(
    { file, start, end }: LogEvent,
    payload: TransactionPayload,
  ): Generator<readonly LogEvent[]> {
    for (const group of payloadEvents(payload)) {
      for (const inner of group) {
        const header = parseHeader(inner);
        const event = this.#decoder.decodeInner(inner, header);
        this.#batch.push({ event, header, file, start, end });
        this.#unpackedBytes += inner.length;
      }
      if (this.#unpackedBytes >= batchBytes) yield this.#take();
    }
  }

  /** What is in the file before the place that could not be asked for. */
  #isSkipped({ file, start, end }: LogEvent): boolean {
    if (this.#skipTo === null) return false;
    const after = comparePlaces({ file, offset: end }, this.#skipTo) > 0;
    if (after) this.#skipTo = null;
    return !after && start < end;
  }
}
