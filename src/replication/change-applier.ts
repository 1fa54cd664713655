/**
 * Puts the changes of a source transaction into its sections, in order. One applier for each transaction.
 */
import { BaseValues, type TableChange } from './base-values.ts';
import type { RowChange } from './change-mapper.ts';
import { keyOps, mapRow } from './change-mapper.ts';
import { DeferredKeys } from './deferred-keys.ts';
import { prefixEnd } from './key-template.ts';
import type { Overlay } from './overlay.ts';
import { isFull } from './row-mapper.ts';
import type { Section, Tally } from './section.ts';
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
  readonly signal: AbortSignal;
}

export class ChangeApplier {
  readonly #ops: TransactionOps;
  readonly #options: ApplierOptions;
  readonly #deferred = new Map<TableState, DeferredKeys>();

  constructor(ops: TransactionOps, options: ApplierOptions) {
    this.#ops = ops;
    this.#options = options;
  }

  /**
   * @returns tables of which a change could not be applied, because the values that it omits are nowhere to be
   * found: they must be dumped again. Their further changes in `changes` are left out.
   */
  async apply(changes: readonly TableChange[]): Promise<Set<TableState>> {
    const { overlay, sink, signal } = this.#options;
    const bases = await BaseValues.gather(changes, overlay, sink.read.bind(sink), signal);
    const lost = new Set<TableState>();
    for (const { table, change } of changes) {
      if (lost.has(table)) continue;
      if (change.op === 'truncate') {
        await this.#truncate(table, change.messagesBefore);
        bases.clear(table.mapper.prefix);
      } else if (!this.#applyRow(table, change, bases)) {
        lost.add(table);
      }
    }
    return lost;
  }

  /**
   * The end of the transaction (`messages`: all of them), or of a part of one that is already large.
   * @returns tables that must be dumped again.
   */
  settle(messages: number): Set<TableState> {
    const damaged = new Set<TableState>();
    for (const [table, keys] of this.#deferred) {
      const { prefix } = table.mapper;
      for (const outcome of keys.settle()) this.#place(table, [{ ...outcome, prefix }], messages);
      if (keys.damaged) damaged.add(table);
    }
    return damaged;
  }

  #applyRow(table: TableState, change: RowChange, bases: BaseValues): boolean {
    const mapped = mapRow(table.mapper, change, bases);
    if (mapped === null) return false;
    this.#ops.section.tally[tallyOf[change.op]] += 1;
    if (change.relation.keyDeferrable) {
      this.#defer(table, change, mapped);
      return true;
    }
    const ops = keyOps(mapped, table.mapper.prefix);
    this.#place(table, ops, change.messagesBefore);
    for (const op of ops) bases.record(op);
    return true;
  }

  #defer(
    table: TableState,
    change: RowChange,
    mapped: NonNullable<ReturnType<typeof mapRow>>,
  ): void {
    let keys = this.#deferred.get(table);
    if (keys === undefined) {
      keys = new DeferredKeys();
      this.#deferred.set(table, keys);
    }
    const old = change.op === 'insert' ? null : change.old;
    if (mapped.oldKey !== null && old !== null && isFull(old)) {
      keys.leave(mapped.oldKey, table.mapper.valueOf(old));
    }
    if (mapped.newKey !== null && mapped.value !== null) keys.arrive(mapped.newKey, mapped.value);
  }

  #place(table: TableState, ops: readonly KeyOp[], messagesBefore: number): void {
    const section = this.#ops.add(ops, messagesBefore);
    if (table.source.relation.mayOmit) this.#record(ops, section);
  }

  #record(ops: readonly KeyOp[], section: Section): void {
    for (const op of ops) this.#options.overlay.record(op, section);
  }

  async #truncate(table: TableState, messagesBefore: number): Promise<void> {
    const { prefix } = table.mapper;
    const pieces = await this.#pieces(prefix);
    this.#deferred.get(table)?.clear();
    if (pieces.length === 1) this.#ops.clear(prefix);
    else this.#ops.clearInPieces(pieces, prefix, messagesBefore);
    this.#options.overlay.clear(prefix, this.#ops.section);
  }

  async #pieces(prefix: string): Promise<Clear[]> {
    const { sink, signal } = this.#options;
    const bounds: string[] = [prefix];
    if ((await sink.count(prefix, signal)) > largeClearKeys) {
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
}
