/**
 * Puts the changes of a source transaction into its sections, in order. One applier for each transaction.
 */
import { BaseValues, type TableChange } from './base-values.ts';
import type { RowChange } from './change-mapper.ts';
import { keyOps, type MappedRow, mapRow } from './change-mapper.ts';
import { DeferredKeys } from './deferred-keys.ts';
import { prefixEnd } from './key-template.ts';
import type { Overlay } from './overlay.ts';
import { isFull } from './row-mapper.ts';
import type { Tally } from './section.ts';
import type { Clear, KeyOp, Sink } from './sink.ts';
import type { TableState } from './tables.ts';
import type { TransactionOps } from './transaction-ops.ts';

/** A range of more keys than this is deleted in pieces: one of 600,000 stalled etcd for 3.5 s. */
export const largeClearKeys = 20_000;

const tallyOf = {
  insert: 'inserts',
  update: 'updates',
  delete: 'deletes',
} as const satisfies Record<RowChange['op'], keyof Tally>;

export interface ApplierOptions {
  readonly sink: Pick<Sink, 'read' | 'count' | 'list' | 'limits'>;
  readonly overlay: Overlay;
  /**
   * A change of the table cannot be applied: it must be dumped again. Called before anything after that change can
   * become durable; further changes of the table in this transaction are left out.
   */
  readonly dumpAgain: (table: TableState) => void;
  /** Resolves once everything that was read before the transaction is durable. */
  readonly caughtUp: (transaction: TransactionOps) => Promise<void>;
  readonly signal: AbortSignal;
}

export class ChangeApplier {
  readonly #ops: TransactionOps;
  readonly #options: ApplierOptions;
  /** Rarely any: there is an applier for each transaction. */
  #deferred: Map<TableState, DeferredKeys> | null = null;
  #givenUp: Set<TableState> | null = null;

  constructor(ops: TransactionOps, options: ApplierOptions) {
    this.#ops = ops;
    this.#options = options;
  }

  /** Must be awaited before the next call, where there is something to wait for. @returns undefined when all is applied. */
  apply(changes: readonly TableChange[]): Promise<void> | undefined {
    const { overlay, sink, signal } = this.#options;
    const bases = BaseValues.gather(changes, overlay, sink, signal);
    if (bases instanceof Promise || changes.some(({ change }) => change.op === 'truncate')) {
      return this.#applyInTime(changes, bases);
    }
    for (const { table, change } of changes) {
      if (change.op !== 'truncate') this.#applyRow(table, change, bases);
    }
    return undefined;
  }

  async #applyInTime(
    changes: readonly TableChange[],
    gathered: BaseValues | Promise<BaseValues>,
  ): Promise<void> {
    const bases = await gathered;
    for (const { table, change } of changes) {
      if (change.op !== 'truncate') {
        this.#applyRow(table, change, bases);
      } else if (!this.#isGivenUp(table)) {
        await this.#truncate(table, change.messagesBefore);
        bases.clear(table.mapper.prefix);
      }
    }
  }

  #isGivenUp(table: TableState): boolean {
    return this.#givenUp?.has(table) === true;
  }

  /** The end of the transaction. */
  settle(): void {
    if (this.#deferred === null) return;
    for (const [table, keys] of this.#deferred) {
      const { prefix } = table.mapper;
      const ops = [...keys.outcomes()].map((outcome) => ({ ...outcome, prefix }));
      if (this.#isSource && !this.#ops.section.tryAdd(ops, this.#options.sink.limits)) {
        this.#giveUp(table);
        continue;
      }
      if (this.#isSource) this.#record(table, ops);
      else for (const op of ops) this.#place(table, [op], 0);
    }
  }

  /** Held changes that follow a dump may be split anywhere: until all are durable, a restart dumps again. */
  get #isSource(): boolean {
    return this.#ops.commit !== null;
  }

  #giveUp(table: TableState): void {
    this.#deferred?.delete(table);
    this.#givenUp ??= new Set();
    this.#givenUp.add(table);
    this.#options.dumpAgain(table);
  }

  #applyRow(table: TableState, change: RowChange, bases: BaseValues): void {
    if (this.#isGivenUp(table)) return;
    const mapped = mapRow(table.mapper, change, bases);
    if (mapped === null) {
      this.#giveUp(table);
      return;
    }
    this.#ops.section.tally[tallyOf[change.op]] += 1;
    if (change.relation.keyDeferrable) {
      this.#defer(table, change, mapped);
      return;
    }
    const ops = keyOps(mapped, table.mapper.prefix);
    this.#place(table, ops, change.messagesBefore);
    for (const op of ops) bases.record(op);
  }

  #defer(table: TableState, change: RowChange, mapped: MappedRow): void {
    this.#deferred ??= new Map();
    let keys = this.#deferred.get(table);
    if (keys === undefined) {
      keys = new DeferredKeys();
      this.#deferred.set(table, keys);
    }
    const old = change.op === 'insert' ? null : change.old;
    const knowsRow = change.op === 'insert' || (old !== null && isFull(old));
    if (mapped.oldKey !== null && old !== null && isFull(old)) {
      keys.leave(mapped.oldKey, table.mapper.valueOf(old));
    }
    if (mapped.newKey !== null && mapped.value !== null) keys.arrive(mapped.newKey, mapped.value);
    const { maxOps, maxBytes } = this.#options.sink.limits;
    if (!knowsRow || keys.size > maxOps || keys.bytes > maxBytes) this.#giveUp(table);
  }

  #place(table: TableState, ops: readonly KeyOp[], messagesBefore: number): void {
    const before = this.#ops.section;
    if (this.#ops.add(ops, messagesBefore) !== before) this.#wasCut();
    this.#record(table, ops);
  }

  /**
   * What comes before a cut becomes durable, and is not read again after a crash; but what deferrable keys come to is
   * known only at the commit. Such tables are dumped again: a snapshot of now has the transaction.
   */
  #wasCut(): void {
    if (!this.#isSource || this.#deferred === null) return;
    for (const table of [...this.#deferred.keys()]) this.#giveUp(table);
  }

  #record(table: TableState, ops: readonly KeyOp[]): void {
    if (!table.source.relation.mayOmit) return;
    for (const op of ops) this.#options.overlay.record(op, this.#ops.section);
  }

  async #truncate(table: TableState, messagesBefore: number): Promise<void> {
    const { prefix } = table.mapper;
    const pieces = await this.#pieces(prefix);
    this.#deferred?.delete(table);
    const before = this.#ops.section;
    if (pieces.length === 1) this.#ops.clear(prefix, messagesBefore);
    else this.#ops.clearInPieces(pieces, prefix, messagesBefore);
    if (this.#ops.section !== before) this.#wasCut();
    this.#options.overlay.clear(prefix, this.#ops.section);
  }

  async #pieces(prefix: string): Promise<Clear[]> {
    const { sink, signal } = this.#options;
    const bounds: string[] = [prefix];
    if (await this.#isLarge(prefix)) {
      let seen = 0;
      for await (const page of sink.list(prefix, signal)) {
        for (const { key } of page) {
          seen += 1;
          if (seen % largeClearKeys === 0) bounds.push(key);
        }
      }
    }
    bounds.push(prefixEnd(prefix));
    return bounds.slice(1).map((to, index) => ({ from: bounds[index] as string, to }));
  }

  /** What etcd holds may be on its way out already, by a TRUNCATE that waits to be written: then this one fits. */
  async #isLarge(prefix: string): Promise<boolean> {
    const { sink, signal, caughtUp } = this.#options;
    if ((await sink.count(prefix, signal)) <= largeClearKeys) return false;
    await caughtUp(this.#ops);
    return (await sink.count(prefix, signal)) > largeClearKeys;
  }
}
