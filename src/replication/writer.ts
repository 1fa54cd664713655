/**
 * The one place from which batches go to the sink: one write in flight, and what waits meanwhile grows into the
 * next one (group commit, DESIGN §3).
 *
 * Two lanes share the slot in turn, each in its own order:
 * - the *stream* lane: source transactions. They move the position.
 * - the *upkeep* lane: rows of dumps, sweeps, table records. They leave the position where it is.
 *
 * What a batch of the stream lane takes:
 *   1. the first transaction is split (several sections): its first section alone; the checkpoint becomes `partial`
 *      until the last section, which is treated as case 2.
 *   2. the first transaction is sealed, in one section: it, and as many whole sealed ones after it as fit.
 *   3. the first transaction is open, in one section: nothing yet; it may still fit.
 *   4. none, and a heartbeat is due: the checkpoint alone.
 */
import { type Position, type PositionJson, positionToJson } from './position.ts';
import { canMerge, emptyTally, Section, type Tally } from './section.ts';
import type { Batch, Checkpoint, Sink, TableRecords, WriteResult } from './sink.ts';
import type { TransactionOps } from './transaction-ops.ts';

type Sweeps = Batch['sweeps'];

export interface UpkeepUnit {
  readonly section: Section;
  readonly sweeps: Sweeps;
}

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

export interface WriterOptions {
  readonly sink: Sink;
  readonly checkpoint: Checkpoint;
  /** All records when one has changed since the last call, else null; called when a batch is put together. */
  readonly takeTables: () => TableRecords | null;
  readonly onDurable: (batch: DurableBatch, sections: readonly Section[]) => void;
  /** A position without data is written at most this often (`replication_status_timeout`). */
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Taken {
  readonly batch: Batch;
  readonly sections: readonly Section[];
  readonly position: Position | null;
  readonly transactions: number;
  /** How many of what was pushed end with it. */
  readonly ends: number;
  /** Commit time of the oldest source transaction in it. */
  readonly oldest: Date | null;
  readonly tally: Tally;
  readonly puts: number;
  readonly done: (result: WriteResult) => void;
  readonly failed: (reason: unknown) => void;
}

interface Queued extends UpkeepUnit {
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (reason: unknown) => void;
}

const nothing = {
  sections: [],
  position: null,
  transactions: 0,
  ends: 0,
  oldest: null,
  puts: 0,
  done: () => undefined,
  failed: () => undefined,
};

export class Writer {
  readonly #options: WriterOptions;
  readonly #transactions: TransactionOps[] = [];
  readonly #upkeep: Queued[] = [];
  #checkpoint: Checkpoint;
  #heartbeat: Position | null = null;
  #lastMoveAt: number;
  #upkeepTurn = true;
  #inFlight: Taken | null = null;
  #writing: Promise<void> = Promise.resolve();
  #bytes = 0;
  #failure: { readonly reason: unknown } | null = null;
  /** Called whenever something changed that a waiter may wait for. */
  #waiters: (() => void)[] = [];
  #pushed = 0;
  #ended = 0;
  readonly #failed: Promise<never>;
  #fail: (reason: unknown) => void = () => undefined;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#checkpoint = options.checkpoint;
    this.#lastMoveAt = options.now();
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
    return this.#checkpoint;
  }

  /** Commit time of the oldest transaction that is not durable yet. */
  get oldestPending(): Date | null {
    const waiting = this.#transactions.find(({ commit }) => commit !== null);
    return this.#inFlight?.oldest ?? waiting?.committedAt ?? null;
  }

  /** True when no transaction waits and nothing is being written. */
  get streamIdle(): boolean {
    return this.#transactions.length === 0 && this.#inFlight === null;
  }

  /** An open transaction may be pushed: its sections are taken as it grows. Call `grown` after each growth. */
  push(transaction: TransactionOps): void {
    // The position of what is pushed lies behind it.
    if (transaction.commit !== null) this.#heartbeat = null;
    this.#transactions.push(transaction);
    this.#pushed += 1;
    this.grown(transaction);
  }

  grown(transaction: TransactionOps): void {
    this.#account(transaction);
    this.#kick();
  }

  #account(transaction: TransactionOps): void {
    const { bytes } = transaction;
    this.#bytes += bytes - transaction.accountedBytes;
    transaction.accountedBytes = bytes;
  }

  /** Everything up to `position` was read. Written when due, once nothing is pending. */
  heartbeat(position: Position): void {
    this.#heartbeat = position;
    this.#kick();
  }

  /** Resolves once the unit is durable. */
  upkeep(unit: UpkeepUnit): Promise<WriteResult> {
    const queued = new Promise<WriteResult>((resolve, reject) => {
      if (this.#failure !== null) reject(this.#failure.reason);
      else this.#upkeep.push({ ...unit, resolve, reject });
    });
    this.#kick();
    return queued;
  }

  /** Resolves when there is room for more: what keeps a slow etcd from costing memory (SPEC §2.6). */
  async room(): Promise<void> {
    // Two batches wait behind the one in flight: enough to be read while that is written, and half the memory of four.
    const limit = 2 * this.#options.sink.limits.maxBytes;
    // Each costs memory beside its bytes.
    const transactions = this.#options.sink.limits.maxOps;
    // Nothing in flight means that nothing of what waits can be written yet: more must be read first.
    await this.#until(
      () =>
        this.#inFlight === null ||
        (this.#bytes < limit && this.#transactions.length < transactions),
    );
  }

  /** Resolves when every transaction pushed so far is durable; none of them may be open. */
  async flushed(): Promise<void> {
    const through = this.#pushed;
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
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#failure !== null) return;
    this.#failure = { reason };
    this.#fail(reason);
    for (const unit of this.#upkeep.splice(0)) unit.reject(reason);
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
    const taken = this.#take();
    if (taken === null) return;
    this.#inFlight = taken;
    this.#writing = this.#write(taken);
  }

  async #write(taken: Taken): Promise<void> {
    const { sink, signal, now, onDurable } = this.#options;
    const startedAt = now();
    try {
      const result = await sink.write(taken.batch, signal);
      this.#checkpoint = taken.batch.checkpoint;
      this.#inFlight = null;
      this.#ended += taken.ends;
      const endedAt = now();
      if (taken.position !== null) this.#lastMoveAt = endedAt;
      const seconds = (endedAt - startedAt) / 1000;
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

  #take(): Taken | null {
    const first = this.#upkeepTurn ? this.#takeUpkeep() : this.#takeStream();
    const taken = first ?? (this.#upkeepTurn ? this.#takeStream() : this.#takeUpkeep());
    if (taken !== null) this.#upkeepTurn = !this.#upkeepTurn;
    return taken ?? this.#takeHeartbeat();
  }

  #batch(section: Section, sweeps: Sweeps, checkpoint: Checkpoint): Batch {
    const { ops, clears } = section;
    return { ops, clears, sweeps, checkpoint, tables: this.#options.takeTables() };
  }

  #takeUpkeep(): Taken | null {
    const unit = this.#upkeep.shift();
    if (unit === undefined) return null;
    const { section } = unit;
    // A dump may last: it takes the position of an idle stream along.
    const position = this.#dueHeartbeat();
    return {
      ...nothing,
      batch: this.#batch(section, unit.sweeps, this.#moved(position)),
      sections: [section],
      position,
      tally: section.tally,
      puts: section.puts,
      done: unit.resolve,
      failed: unit.reject,
    };
  }

  #takeStream(): Taken | null {
    const head = this.#transactions[0];
    if (head === undefined) return null;
    if (head.sections.length > 1) return this.#takePartial(head);
    return head.sealed ? this.#takeWhole() : null;
  }

  #takePartial(head: TransactionOps): Taken {
    const { section, messages } = head.sections.shift() as TransactionOps['sections'][number];
    this.#account(head);
    const partial =
      head.commit === null
        ? this.#checkpoint.partial
        : { commit: positionToJson(head.commit), changes: messages };
    return {
      ...nothing,
      batch: this.#batch(section, [], { ...this.#checkpoint, partial }),
      sections: [section],
      oldest: head.commit === null ? null : head.committedAt,
      tally: section.tally,
      puts: section.puts,
    };
  }

  #takeWhole(): Taken {
    const merged = new Section();
    const group: TransactionOps[] = [];
    for (const transaction of this.#transactions) {
      if (!transaction.sealed || transaction.sections.length !== 1) break;
      const { section } = transaction;
      if (group.length > 0 && !canMerge(merged, section, this.#options.sink.limits)) break;
      merged.merge(section);
      group.push(transaction);
    }
    this.#transactions.splice(0, group.length);
    for (const transaction of group) {
      this.#bytes -= transaction.accountedBytes;
      transaction.onTake?.();
    }
    const ofSource = group.filter((transaction) => transaction.position !== null);
    const last = ofSource.at(-1);
    const position = last?.position ?? null;
    return {
      ...nothing,
      batch: this.#batch(merged, [], this.#moved(position, last?.committedAt.toISOString())),
      sections: group.map((transaction) => transaction.section),
      position,
      transactions: ofSource.length,
      ends: group.length,
      oldest: ofSource[0]?.committedAt ?? null,
      tally: merged.tally,
      puts: merged.puts,
    };
  }

  #takeHeartbeat(): Taken | null {
    const position = this.#dueHeartbeat();
    if (position === null) return null;
    const batch = this.#batch(new Section(), [], this.#moved(position));
    return { ...nothing, batch, position, tally: emptyTally() };
  }

  /** The position to write now; null: none, or not yet. */
  #dueHeartbeat(): Position | null {
    const position = this.#heartbeat;
    // A half-written transaction comes again from its place: the position must not pass it.
    if (position === null || this.#transactions.length > 0 || this.#checkpoint.partial !== null) {
      return null;
    }
    if (samePosition(positionToJson(position), this.#checkpoint.position)) return null;
    const dueIn = this.#lastMoveAt + this.#options.heartbeatMs - this.#options.now();
    if (dueIn > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        this.#kick();
      }, dueIn);
      return null;
    }
    this.#heartbeat = null;
    return position;
  }

  /** @param committedAt of the last transaction; without it, as before. */
  #moved(position: Position | null, committedAt = this.#checkpoint.committed_at): Checkpoint {
    if (position === null) return this.#checkpoint;
    return {
      ...this.#checkpoint,
      position: positionToJson(position),
      committed_at: committedAt,
      partial: null,
    };
  }

  /** For changes of the checkpoint that are no progress of the stream (the phase): with the next upkeep unit. */
  amend(change: Partial<Checkpoint>): void {
    this.#checkpoint = { ...this.#checkpoint, ...change };
  }
}

function samePosition(a: PositionJson, b: PositionJson | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
