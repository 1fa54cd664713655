/**
 * A walsender's stream: messages in, durable positions out. Decides nothing about what the messages mean.
 * Source: PostgreSQL documentation, "Streaming Replication Protocol", START_REPLICATION.
 */
import { performance } from 'node:perf_hooks';
import { WatcherError } from '../../errors.ts';
import { formatLsn } from '../../replication/position.ts';
import type { SourceConnection, Submittable } from './connection.ts';
import type { PgoutputMessage } from './pgoutput.ts';
import { decodePgoutput } from './pgoutput.ts';
import { ReadCoalescer } from './read-coalescer.ts';
import {
  encodeStatusUpdate,
  frameKind,
  parseKeepalive,
  xlogDataHeaderBytes,
} from './replication-frame.ts';
import { quoteName, quoteText } from './sql-text.ts';

/** Bytes of frames that may wait to be taken before the socket is stopped. */
const waitingBytes = 512 * 1024;

export type StreamItem = PgoutputMessage | { readonly type: 'keepalive'; readonly walEnd: bigint };

export interface WalStreamOptions {
  readonly slot: string;
  readonly publication: string;
  readonly start: bigint;
  readonly statusIntervalMs: number;
  /** Of the server; 0: it has none. */
  readonly walSenderTimeoutMs: number;
}

export class WalStream implements Submittable {
  readonly #connection: SourceConnection;
  readonly #options: WalStreamOptions;
  readonly #coalescer: ReadCoalescer;
  readonly #timer: NodeJS.Timeout;
  #items: StreamItem[] = [];
  #bytes = 0;
  #full = false;
  #failure: unknown = null;
  #closed = false;
  #woken = false;
  #wake: (() => void) | null = null;
  /** 0 confirms nothing. Where the stream starts would set a slot back that is ahead, and hide the gap. */
  #acknowledged = 0n;
  #heardAt = performance.now();
  #asked = false;

  constructor(connection: SourceConnection, options: WalStreamOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#coalescer = new ReadCoalescer(connection.socket, () => this.#full);
    connection.socket.on('data', (data: Buffer) => {
      this.#heardAt = performance.now();
      this.#asked = false;
      this.#coalescer.read(data.length);
    });
    const { statusIntervalMs, walSenderTimeoutMs } = options;
    const limit = walSenderTimeoutMs > 0 ? walSenderTimeoutMs / 3 : Number.POSITIVE_INFINITY;
    this.#timer = setInterval(() => this.#tick(), Math.min(statusIntervalMs, limit));
    connection.submit(this);
  }

  /**
   * Everything that has arrived, in order; waits until there is something, or until `wake`.
   * @throws WatcherError what ended the stream, at once: what had arrived and was not taken comes again.
   */
  async take(): Promise<readonly StreamItem[]> {
    while (this.#items.length === 0 && !this.#woken && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.throwIfFailed();
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    this.#woken = false;
    if (this.#full) {
      this.#full = false;
      this.#heardAt = performance.now();
      this.#coalescer.resume();
    }
    return items;
  }

  /** @throws WatcherError what ended the stream. */
  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#connection.toError(this.#failure);
  }

  /** Lets `take` return, with nothing if nothing is there. */
  wake(): void {
    this.#woken = true;
    this.#signal();
  }

  /** Ends the stream with an error from beside it. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#signal();
  }

  /** Told to the server with the next status update. */
  acknowledge(lsn: bigint): void {
    if (lsn > this.#acknowledged) this.#acknowledged = lsn;
  }

  /** Asks the server to say how far it is. */
  ask(): void {
    this.#sendStatus(true);
  }

  /** Tells the last position and leaves; never throws. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#failure === null) this.#sendStatus(false);
    this.#closed = true;
    clearInterval(this.#timer);
    this.#items = [];
    this.#coalescer.stop();
    await this.#connection.leave();
  }

  submit(connection: { query(sql: string): void }): void {
    const { slot, publication, start } = this.#options;
    const names = quoteText(quoteName(publication));
    connection.query(
      `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${formatLsn(start)} (proto_version '1', publication_names ${names})`,
    );
  }

  handleCopyData(message: { readonly chunk: Buffer }): void {
    if (this.#closed || this.#failure !== null) return;
    try {
      this.#frame(message.chunk);
    } catch (error) {
      this.fail(error);
      this.#connection.destroy();
      return;
    }
    this.#bytes += message.chunk.length;
    if (this.#bytes >= waitingBytes && !this.#full) {
      this.#full = true;
      this.#connection.socket.pause();
    }
    this.#signal();
  }

  handleError(error: Error): void {
    clearInterval(this.#timer);
    this.fail(error);
  }

  handleCommandComplete(): void {
    this.fail(
      new WatcherError('source_unavailable', {
        message: `${this.#connection.context.host}:${this.#connection.context.port} ended the replication stream: it is shutting down`,
      }),
    );
  }

  handleReadyForQuery(): void {
    this.handleCommandComplete();
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}

  /** The chunk is a view into the client's parse buffer: it is decoded before this returns. */
  #frame(chunk: Buffer): void {
    if (frameKind(chunk) === 'xlogdata') {
      this.#items.push(decodePgoutput(chunk, xlogDataHeaderBytes));
      return;
    }
    const { walEnd, replyRequested } = parseKeepalive(chunk);
    if (replyRequested) this.#sendStatus(false);
    if (this.#items.at(-1)?.type === 'keepalive') this.#items.pop();
    this.#items.push({ type: 'keepalive', walEnd });
  }

  #tick(): void {
    if (this.#failure !== null) return;
    const silentMs = performance.now() - this.#heardAt;
    const limitMs =
      this.#options.walSenderTimeoutMs > 0 ? 2 * this.#options.walSenderTimeoutMs : 60_000;
    if (this.#full || silentMs < limitMs / 2) {
      this.#sendStatus(false);
      return;
    }
    if (this.#asked && silentMs >= limitMs) {
      const { host, port } = this.#connection.context;
      this.fail(
        new WatcherError('source_unavailable', {
          message: `Nothing came from ${host}:${port} for ${Math.round(silentMs / 1000)} s, although it was asked: the connection is dead`,
        }),
      );
      this.#connection.destroy();
      return;
    }
    this.#asked = true;
    this.#sendStatus(true);
  }

  /** Only what is durable is confirmed, in all three places: a synchronous standby's name may be ours. */
  #sendStatus(replyRequested: boolean): void {
    if (this.#closed || !this.#connection.socket.writable) return;
    const lsn = this.#acknowledged;
    this.#connection.sendCopyData(
      encodeStatusUpdate({
        written: lsn,
        flushed: lsn,
        applied: lsn,
        sentAt: new Date(),
        replyRequested,
      }),
    );
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
