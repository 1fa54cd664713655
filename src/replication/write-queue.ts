/**
 * What waits to be written, in two lanes, and how batches are put together from it.
 *
 * - the *stream* lane: source transactions. They move the position.
 * - the *upkeep* lane: rows of dumps, sweeps, table records. They leave the position where it is.
 * The lanes take turns, each is in its own order. What a batch of the stream lane takes:
 *   1. the first transaction is split (several sections): its first section alone; the checkpoint becomes `partial`
 *      until the last section, which is treated as case 2.
 *   2. the first transaction is sealed, in one section: it, and as many whole sealed ones after it as fit.
 *   3. the first transaction is open, in one section: nothing yet; it may still fit.
 *   4. none, and a heartbeat is due: the checkpoint alone.
 */
import { type Position, type PositionJson, positionToJson } from './position.ts';
import { emptyTally, Section, type Tally } from './section.ts';
import type { Batch, Checkpoint, Sink, TableRecords, WriteResult } from './sink.ts';
import { countOf, mergeSections, type TransactionOps } from './transaction-ops.ts';

type Sweeps = Batch['sweeps'];

export interface UpkeepUnit {
  readonly section: Section;
  readonly sweeps: Sweeps;
}

/** A batch, and what is to be done when it is durable. */
export interface Taken {
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

export interface QueuedUpkeep extends UpkeepUnit {
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

export interface WriteQueueOptions {
  readonly sink: Pick<Sink, 'limits'>;
  readonly checkpoint: Checkpoint;
  /** All records when one has changed since the last call, else null; called when a batch is put together. */
  readonly takeTables: () => TableRecords | null;
  /** A position without data is written at most this often (`replication_status_timeout`). */
  readonly heartbeatMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  /** A heartbeat that was not due is due now: take again. */
  readonly #onDue: () => void;
  readonly #transactions: TransactionOps[] = [];
  readonly #upkeep: QueuedUpkeep[] = [];
  #checkpoint: Checkpoint;
  #heartbeat: Position | null = null;
  #lastMoveAt: number;
  #upkeepTurn = true;
  #bytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: WriteQueueOptions, onDue: () => void) {
    this.#options = options;
    this.#onDue = onDue;
    this.#checkpoint = options.checkpoint;
    this.#lastMoveAt = options.now();
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  /** Of the stream lane. */
  get bytes(): number {
    return this.#bytes;
  }

  get transactions(): number {
    return this.#transactions.length;
  }

  get newest(): TransactionOps | null {
    return this.#transactions.at(-1) ?? null;
  }

  /** Commit time of the oldest source transaction that waits. */
  get oldest(): Date | null {
    return this.#transactions.find(({ commit }) => commit !== null)?.committedAt ?? null;
  }

  push(transaction: TransactionOps): void {
    if (transaction.commit !== null) {
      // The position of what is pushed lies behind it; should it be split, its own comes too late.
      transaction.readBefore = this.#heartbeat;
      this.#heartbeat = null;
    }
    const last = this.#transactions.at(-1);
    if (last?.tryTakeAlong(transaction) === true) {
      this.account(last);
      return;
    }
    this.#transactions.push(transaction);
    this.account(transaction);
  }

  /** An open transaction has grown. */
  account(transaction: TransactionOps): void {
    const { bytes } = transaction;
    this.#bytes += bytes - transaction.accountedBytes;
    transaction.accountedBytes = bytes;
  }

  heartbeat(position: Position): void {
    this.#heartbeat = position;
  }

  addUpkeep(unit: QueuedUpkeep): void {
    this.#upkeep.push(unit);
  }

  /** For changes of the checkpoint that are no progress of the stream (the phase): with the next upkeep unit. */
  amend(change: Partial<Checkpoint>): void {
    this.#checkpoint = { ...this.#checkpoint, ...change };
  }

  /** The batch is durable: what comes next follows its checkpoint. */
  settle(taken: Taken): void {
    this.#checkpoint = taken.batch.checkpoint;
    if (taken.position !== null) this.#lastMoveAt = this.#options.now();
  }

  /** Nothing more will be taken. */
  close(reason: unknown): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const unit of this.#upkeep.splice(0)) unit.reject(reason);
  }

  /** The next batch; null: nothing can be written yet. */
  take(): Taken | null {
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
    this.account(head);
    // What was read before it must not come again on a restart: that would end `partial` too early.
    const position = this.#checkpoint.partial === null ? head.readBefore : null;
    const partial =
      head.commit === null
        ? this.#checkpoint.partial
        : { commit: positionToJson(head.commit), changes: messages };
    return {
      ...nothing,
      batch: this.#batch(section, [], { ...this.#moved(position), partial }),
      position,
      sections: [section],
      oldest: head.commit === null ? null : head.committedAt,
      tally: section.tally,
      puts: section.puts,
    };
  }

  #takeWhole(): Taken {
    const group = this.#wholeOnes();
    this.#transactions.splice(0, group.length);
    for (const transaction of group) {
      this.#bytes -= transaction.accountedBytes;
      transaction.onTake?.();
    }
    const merged = mergeSections(group);
    const ofSource = group.filter((transaction) => transaction.position !== null);
    const last = ofSource.at(-1);
    const position = last?.position ?? null;
    return {
      ...nothing,
      batch: this.#batch(merged, [], this.#moved(position, last?.lastCommittedAt.toISOString())),
      sections: group.flatMap((transaction) => transaction.ownSections),
      position,
      transactions: countOf(ofSource),
      ends: countOf(group),
      oldest: ofSource[0]?.committedAt ?? null,
      tally: merged.tally,
      puts: merged.puts,
    };
  }

  /** From the first on, as many as fit together. */
  #wholeOnes(): TransactionOps[] {
    const { limits } = this.#options.sink;
    const group: TransactionOps[] = [];
    let [ops, bytes] = [0, 0];
    for (const transaction of this.#transactions) {
      if (!transaction.isWhole) break;
      const { section } = transaction;
      ops += section.opCount;
      bytes += section.bytes;
      if (group.length > 0 && (ops > limits.maxOps || bytes > limits.maxBytes)) break;
      group.push(transaction);
    }
    return group;
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
        this.#onDue();
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
}

function samePosition(a: PositionJson, b: PositionJson | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
