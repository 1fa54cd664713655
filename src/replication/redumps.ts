/**
 * Dumps tables anew while the stream runs: a table that joined, one whose stored rows changed without the log saying
 * so, one that a person asked for (DESIGN §3 rule 7). The others go on meanwhile. For each round:
 *
 *   1. hold       the table's changes wait from now on, and its record says `pending` (at once, even mid-transaction)
 *   2. boundary   no transaction is open, and what was read before is durable: nothing else writes the table's keys
 *   3. snapshot   the driver reads the table; the mark says which transactions the snapshot contains
 *   4. copy       list, put what differs, sweep what is left over
 *   5. release    at a boundary: held changes that the snapshot lacks follow, and with them the record says `done`.
 *                 They go through the stream lane, behind the transactions they belong to: when the table is `done`,
 *                 the position covers them, and a crash before repeats the dump.
 * From then on changes of transactions that the mark contains are dropped, until the stream has passed it.
 */
import type { TableChange } from './base-values.ts';
import type { Relation, TransactionPart } from './change.ts';
import { ChangeApplier } from './change-applier.ts';
import type { Driver, Redump, SnapshotMark, SourceTable } from './driver.ts';
import type { DumpProgress } from './dump-progress.ts';
import { HeldChanges } from './held-changes.ts';
import type { Mutex } from './mutex.ts';
import type { Overlay } from './overlay.ts';
import type { Sink } from './sink.ts';
import { TableCopy } from './table-copy.ts';
import { type TableState, type Tables, tableName } from './tables.ts';
import { TransactionOps } from './transaction-ops.ts';
import type { Writer } from './writer.ts';

/** Batches of a dump stay small while a stream shares the writer, for the stream's latency. */
const maxOpsBesideStream = 1_000;

export interface RedumpsOptions {
  readonly driver: Driver;
  readonly sink: Sink;
  readonly writer: Writer;
  readonly tables: Tables;
  readonly isShared: (prefix: string) => boolean;
  readonly overlay: Overlay;
  readonly progress: DumpProgress;
  /** Held by whoever reads the stream or acts at a boundary. */
  readonly turn: Mutex;
  readonly onRows: (count: number) => void;
  /** All tables that were asked for so far are done. */
  readonly onIdle: () => void;
  readonly maxHeldBytes: number;
  readonly signal: AbortSignal;
}

export class Redumps {
  readonly #options: RedumpsOptions;
  readonly #held: HeldChanges;
  /** Table ids to dump in the next round, with the name that was reported. */
  readonly #wanted = new Map<string, string>();
  /** Tables that the catalog has not got (any more): their changes are nobody's. */
  readonly #gone = new Set<string>();
  #open = false;
  #busy = false;
  #waiters: (() => void)[] = [];

  constructor(options: RedumpsOptions) {
    this.#options = options;
    this.#held = new HeldChanges(options.maxHeldBytes);
  }

  /** The table (known or not) must be dumped; its changes wait from now on. */
  want(tableId: string, name: string): void {
    const { tables, progress } = this.#options;
    const state = tables.get(tableId);
    if (state !== undefined) tables.hold(state);
    this.#gone.delete(tableId);
    this.#wanted.set(tableId, name);
    progress.begin([{ table: name, rowsEstimated: state?.source.rowsEstimated ?? null }]);
    this.#notify();
  }

  /** The table left the sync: its changes are ignored, its keys deleted. */
  drop(tableId: string, name = this.#wanted.get(tableId)): void {
    const { tables, progress } = this.#options;
    const known = tables.get(tableId)?.name ?? name;
    if (known !== undefined) progress.forget(known);
    tables.leave(tableId);
    this.#wanted.delete(tableId);
    this.#gone.add(tableId);
    this.#held.take(tableId, () => true);
    this.#notify();
  }

  isGone(tableId: string): boolean {
    return this.#gone.has(tableId);
  }

  hold(part: TransactionPart, placed: TableChange): void {
    const lost = this.#held.add(part, placed);
    if (lost !== null) this.want(lost.id, lost.name);
  }

  /** A change of a table that nobody has reported yet. */
  meet(part: TransactionPart, relation: Relation): void {
    this.#held.giveUp(relation.tableId, part);
    if (!this.#wanted.has(relation.tableId)) this.want(relation.tableId, tableName(relation));
  }

  /** Said by the reader of the stream, in its turn. */
  set transactionOpen(open: boolean) {
    this.#open = open;
    // Only a round waits for it: to wake a loop that waits for work with each commit would cost as much as a row.
    if (!open && this.#busy) this.#notify();
  }

  get idle(): boolean {
    return !this.#busy && this.#wanted.size === 0 && this.#options.tables.leaving().length === 0;
  }

  get overflowed(): boolean {
    return this.#held.overflowed;
  }

  /** At a boundary: resolves at once, or when a table that outgrew the memory for its changes has been dumped. */
  async breathe(): Promise<void> {
    while (this.#held.overflowed) await this.#changed();
  }

  /** Goes on until the attempt ends; rejects with what fails. */
  async run(): Promise<never> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      if (this.idle) {
        await this.#changed();
        continue;
      }
      this.#busy = true;
      await this.#round();
      this.#busy = false;
      if (this.idle) {
        this.#options.progress.end('done');
        this.#options.onIdle();
      }
    }
  }

  async #round(): Promise<void> {
    const { driver, signal, tables } = this.#options;
    const asked = new Map(this.#wanted);
    const ids = [...asked.keys()];
    this.#wanted.clear();
    // Those of now: of one that leaves while it is waited, rows may be queued behind what is waited for.
    const leaving = tables.leaving();
    await this.#boundary(async () => undefined);
    await this.#options.writer.flushed();
    const copy = this.#copy();
    for (const [id, record] of leaving) {
      for (const prefix of record.prefixes) await copy.sweepOld(prefix);
      tables.forget(id);
    }
    if (ids.length === 0) return;
    const redump = await driver.redump(ids, signal);
    const states = this.#adopt(asked, redump);
    const complete = states.filter((state) =>
      this.#held.forgive(state.id, has(driver, redump.mark)),
    );
    for (const state of states) if (!complete.includes(state)) this.want(state.id, state.name);
    await copy.list(states.map((state) => state.mapper.prefix));
    const replaced = await copy.copy(redump.chunks);
    for (const state of states) {
      if (replaced.has(state)) {
        this.want(state.id, state.name);
        continue;
      }
      await copy.sweep(state.mapper.prefix);
      for (const prefix of state.stalePrefixes) await copy.sweepOld(prefix);
    }
    await this.#boundary(() => this.#release(states, redump.mark));
  }

  #copy(): TableCopy {
    return new TableCopy({ ...this.#options, maxOps: maxOpsBesideStream });
  }

  /** The tables as the snapshot has them. What was asked for and is not there has left the sync. */
  #adopt(asked: ReadonlyMap<string, string>, redump: Redump): TableState[] {
    const { tables } = this.#options;
    const found = new Map(redump.tables.map((source) => [source.relation.tableId, source]));
    for (const [id, name] of asked) if (!found.has(id)) this.drop(id, name);
    return [...found.values()].map((source) =>
      this.#adoptTable(tables.get(source.relation.tableId), source),
    );
  }

  #adoptTable(known: TableState | undefined, source: SourceTable): TableState {
    const { tables, progress } = this.#options;
    if (known !== undefined && known.name !== tableName(source.relation))
      progress.forget(known.name);
    if (known !== undefined) tables.refresh(known, source);
    const state = known ?? tables.put(source, null);
    state.rows = 0;
    progress.begin([{ table: state.name, rowsEstimated: source.rowsEstimated }]);
    return state;
  }

  /** In the reader's turn, no transaction open. Tables that were wanted again meanwhile stay held. */
  async #release(states: readonly TableState[], mark: SnapshotMark): Promise<void> {
    const { driver, tables, writer, sink, overlay, signal } = this.#options;
    const contained = has(driver, mark);
    const released = states.filter(
      (state) => !this.#wanted.has(state.id) && tables.get(state.id) === state,
    );
    const ops = new TransactionOps({
      commit: null,
      committedAt: new Date(0),
      messages: 0,
      limits: sink.limits,
      onTake: () => {
        for (const state of released) tables.complete(state);
      },
    });
    const lost = new Set<TableState>();
    const dumpAgain = (table: TableState): unknown => lost.add(table);
    const caughtUp = (): Promise<void> => writer.flushed();
    for (const { changes } of released.flatMap((state) => this.#held.take(state.id, contained))) {
      // Changed once more after the snapshot: the rows are not written as the log describes them by now.
      for (const { table, change } of changes) if (!isAlike(table, change)) lost.add(table);
      const applier = new ChangeApplier(ops, { sink, overlay, dumpAgain, caughtUp, signal });
      await applier.apply(changes.filter(({ table }) => !lost.has(table)));
      applier.settle();
    }
    for (const state of released) {
      state.held = false;
      state.mark = mark;
    }
    // Held anew before its record can say `done`: a table of which a change could not be applied, or asked for meanwhile.
    const again = released.filter((state) => lost.has(state) || this.#wanted.has(state.id));
    for (const state of again) this.want(state.id, state.name);
    ops.seal(null, 0);
    writer.push(ops);
    this.#notify();
  }

  /** Runs the step when no transaction is open, in the reader's turn. */
  async #boundary(step: () => Promise<void>): Promise<void> {
    for (;;) {
      const done = await this.#options.turn.run(async () => {
        this.#options.signal.throwIfAborted();
        if (this.#open) return false;
        await step();
        return true;
      });
      if (done) return;
      await this.#changed();
    }
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  #changed(): Promise<void> {
    const { signal } = this.#options;
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.push(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
    });
  }
}

function isAlike({ source }: TableState, { relation }: TableChange['change']): boolean {
  return relation.signature === source.relation.signature;
}

function has(driver: Driver, mark: SnapshotMark): (part: TransactionPart) => boolean {
  return (part) => driver.contains(mark, part);
}
