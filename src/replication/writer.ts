/**
 * The one place from which batches go to the sink: one write in flight, and what waits meanwhile grows into the
 * next one (group commit, DESIGN §3). How a batch is put together: write-queue.ts.
 */
import type { Position } from './position.ts';
import type { Section, Tally } from './section.ts';
import type { Checkpoint, Sink, WriteResult } from './sink.ts';
import type { TransactionOps } from './transaction-ops.ts';
import { type Taken, type UpkeepUnit, WriteQueue, type WriteQueueOptions } from './write-queue.ts';

export interface DurableBatch {
  readonly result: WriteResult;
  readonly checkpoint: Checkpoint;
  /** Set when the position moved. */
  readonly position: Position | null;
  readonly transactions: number;
  readonly tally: Tally;
  readonly puts: number;
  /** Seconds that the sink took. */
  readonly seconds: number;
}

export interface WriterOptions extends WriteQueueOptions {
  readonly sink: Sink;
  readonly onDurable: (batch: DurableBatch, sections: readonly Section[]) => void;
  readonly signal: AbortSignal;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #queue: WriteQueue;
  #inFlight: Taken | null = null;
  #writing: Promise<void> = Promise.resolve();
  #failure: { readonly reason: unknown } | null = null;
  /** Called whenever something changed that a waiter may wait for. */
  #waiters: (() => void)[] = [];
  #pushed = 0;
  #ended = 0;
  readonly #failed: Promise<never>;
  #fail: (reason: unknown) => void = () => undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#queue = new WriteQueue(options, () => this.#kick());
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever races against it sees the failure; nobody may be racing yet.
    this.#failed.catch(() => undefined);
    options.signal.addEventListener('abort', this.#abort, { once: true });
    if (options.signal.aborted) this.#abort();
  }

  /** Rejects when a write has failed or the signal was aborted; never resolves. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  get checkpoint(): Checkpoint {
    return this.#queue.checkpoint;
  }

  /** Commit time of the oldest transaction that is not durable yet. */
  get oldestPending(): Date | null {
    return this.#inFlight?.oldest ?? this.#queue.oldest;
  }

  /** True when no transaction waits and nothing is being written. */
  get streamIdle(): boolean {
    return this.#queue.transactions === 0 && this.#inFlight === null;
  }

  /** An open transaction may be pushed: its sections are taken as it grows. Call `grown` after each growth. */
  push(transaction: TransactionOps): void {
    this.#queue.push(transaction);
    this.#pushed += 1;
    this.#kick();
  }

  grown(transaction: TransactionOps): void {
    this.#queue.account(transaction);
    this.#kick();
  }

  /** Everything up to `position` was read. Written when due, once nothing is pending. */
  heartbeat(position: Position): void {
    this.#queue.heartbeat(position);
    this.#kick();
  }

  /** For changes of the checkpoint that are no progress of the stream (the phase): with the next upkeep unit. */
  amend(change: Partial<Checkpoint>): void {
    this.#queue.amend(change);
  }

  /** Resolves once the unit is durable. */
  upkeep(unit: UpkeepUnit): Promise<WriteResult> {
    const queued = new Promise<WriteResult>((resolve, reject) => {
      if (this.#failure !== null) reject(this.#failure.reason);
      else this.#queue.addUpkeep({ ...unit, resolve, reject });
    });
    this.#kick();
    return queued;
  }

  /** What keeps a slow etcd from costing memory (SPEC §2.6). */
  get hasRoom(): boolean {
    if (this.#failure !== null) return false;
    // Nothing in flight means that nothing of what waits can be written yet: more must be read first.
    if (this.#inFlight === null) return true;
    const { maxBytes, maxOps } = this.#options.sink.limits;
    // Two batches wait behind the one in flight: enough to be read while that is written, and half the memory of four.
    // Each transaction costs memory beside its bytes.
    return this.#queue.bytes < 2 * maxBytes && this.#queue.transactions < maxOps;
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    await this.#until(() => this.hasRoom);
  }

  /** Resolves when every transaction pushed so far is durable; none of them may be open. */
  async flushed(): Promise<void> {
    const through = this.#pushed;
    await this.#until(() => this.#ended >= through);
  }

  /** Resolves when every transaction before this one is durable: the newest, which may be open, or not pushed yet. */
  async flushedBefore(transaction: TransactionOps): Promise<void> {
    const through = this.#pushed - (this.#queue.newest === transaction ? 1 : 0);
    await this.#until(() => this.#ended >= through);
  }

  /** Writes no more. What is in flight goes on; see `ended`. */
  dispose(): void {
    this.#options.signal.removeEventListener('abort', this.#abort);
    this.#stop(new Error('the attempt has ended'));
  }

  /** Resolves when nothing is in flight any more: the next attempt must not meet a write of this one. */
  async ended(): Promise<void> {
    await this.#writing;
  }

  #abort = (): void => this.#stop(this.#options.signal.reason);

  #stop(reason: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = { reason };
    this.#fail(reason);
    this.#queue.close(reason);
    this.#notify();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== null) throw this.#failure.reason;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    if (this.#failure !== null) throw this.#failure.reason;
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  #kick(): void {
    if (this.#inFlight !== null || this.#failure !== null) return;
    const taken = this.#queue.take();
    if (taken === null) return;
    this.#inFlight = taken;
    this.#writing = this.#write(taken);
  }

  async #write(taken: Taken): Promise<void> {
    const { sink, signal, now, onDurable } = this.#options;
    const startedAt = now();
    try {
      const result = await sink.write(taken.batch, signal);
      const seconds = (now() - startedAt) / 1000;
      this.#queue.settle(taken);
      this.#inFlight = null;
      this.#ended += taken.ends;
      const { position, transactions, tally, puts } = taken;
      const { checkpoint } = taken.batch;
      onDurable(
        { result, checkpoint, position, transactions, tally, puts, seconds },
        taken.sections,
      );
      taken.done(result);
      this.#notify();
      this.#kick();
    } catch (error) {
      this.#inFlight = null;
      taken.failed(error);
      this.#stop(error);
    }
  }
}
