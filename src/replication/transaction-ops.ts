/**
 * A source transaction on its way to the sink: a list of sections, each small enough for one etcd transaction. One
 * section: the transaction is atomic in etcd. Several: it had to be split, in order, at a boundary between changes,
 * and `messages` of a section says how far into the transaction it reaches (the checkpoint's `partial.changes`).
 */
import type { Position } from './position.ts';
import { canMerge, Section } from './section.ts';
import type { KeyOp, SinkLimits } from './sink.ts';

export interface PlacedSection {
  readonly section: Section;
  /** Row messages of the transaction that this section and those before it cover entirely. */
  messages: number;
}

export interface TransactionOpsOptions {
  /** What identifies the commit; null: not a source transaction, the position stays where it is. */
  readonly commit: Position | null;
  readonly committedAt: Date;
  /** Row messages that are done already (a transaction that is resumed half-way). */
  readonly messages: number;
  readonly limits: SinkLimits;
  /** Called when the last section is put into a batch, before the batch's table records are taken. */
  readonly onTake?: () => void;
}

export class TransactionOps {
  readonly sections: PlacedSection[];
  readonly commit: Position | null;
  /** Where the commit ends, once sealed. */
  position: Position | null = null;
  readonly committedAt: Date;
  readonly onTake: (() => void) | null;
  sealed = false;
  /** A position that nothing was written for, and behind which it begins. */
  readBefore: Position | null = null;
  /** What the writer has counted of `bytes`. */
  accountedBytes = 0;
  /** Of the last transaction that it took along. */
  lastCommittedAt: Date;
  /** With those that it took along. */
  count = 1;
  #takenAlong: Section[] | null = null;
  readonly #limits: SinkLimits;

  constructor(options: TransactionOpsOptions) {
    this.commit = options.commit;
    this.committedAt = options.committedAt;
    this.lastCommittedAt = options.committedAt;
    this.onTake = options.onTake ?? null;
    this.#limits = options.limits;
    this.sections = [{ section: new Section(), messages: options.messages }];
  }

  /** The current section: the only one of a transaction that fits. */
  get section(): Section {
    return this.#last().section;
  }

  /**
   * All operations of one change: they go into one section, so that a key change stays atomic.
   * @param messagesBefore row messages before this change: what a section that ends here covers.
   * @returns the section that took them.
   */
  add(ops: readonly KeyOp[], messagesBefore: number): Section {
    if (!this.section.tryAdd(ops, this.#limits)) {
      this.cut(messagesBefore).section.tryAdd(ops, this.#limits);
    }
    return this.section;
  }

  /** Ends the current section: what follows is another etcd transaction. */
  cut(messagesBefore: number): PlacedSection {
    const current = this.#last();
    current.messages = messagesBefore;
    const next = { section: new Section(), messages: messagesBefore };
    this.sections.push(next);
    return next;
  }

  /** @param messagesBefore as for `add`. */
  clear(prefix: string, messagesBefore: number): void {
    if (!this.section.canClear(this.#limits)) this.cut(messagesBefore);
    this.#last().section.clear(prefix);
    this.#last().section.tally.truncates += 1;
  }

  /** Deletes what was staged under the prefix, with the end of the transaction: it is no TRUNCATE of a table. */
  release(prefix: string, messages: number): void {
    if (!this.section.canClear(this.#limits)) this.cut(messages);
    this.#last().section.clear(prefix);
  }

  /** A section of its own for each range: a large TRUNCATE is split like a large transaction (rule 6). */
  clearInPieces(
    ranges: readonly { from: string; to: string }[],
    prefix: string,
    before: number,
  ): void {
    for (const range of ranges) this.cut(before).section.clearRange(range, prefix);
    this.#last().section.tally.truncates += 1;
  }

  seal(position: Position | null, messages: number): void {
    this.position = position;
    this.sealed = true;
    this.#last().messages = messages;
    const last = this.#last();
    if (last.section.isEmpty && this.sections.length > 1) {
      // Nothing came after a cut: the section before it is the last one.
      this.sections.pop();
      this.#last().messages = messages;
    }
  }

  /** It can be written as it is, together with others. */
  get isWhole(): boolean {
    return this.sealed && this.sections.length === 1;
  }

  /**
   * Takes the transaction that follows along, if both are whole and fit into one etcd transaction: thousands of small ones that
   * wait cost the memory of their operations alone.
   */
  tryTakeAlong(next: TransactionOps): boolean {
    if (!this.isWhole || !next.isWhole || next.position === null) return false;
    if (this.commit === null || this.onTake !== null || next.onTake !== null) return false;
    if (!canMerge(this.section, next.section, this.#limits)) return false;
    this.section.merge(next.section);
    this.position = next.position;
    this.lastCommittedAt = next.lastCommittedAt;
    this.count += next.count;
    if (next.section.isPending) {
      this.#takenAlong ??= [];
      this.#takenAlong.push(next.section);
    }
    return true;
  }

  /** Those that the overlay is to be told of when they are durable. */
  get ownSections(): readonly Section[] {
    return this.#takenAlong === null ? [this.section] : [this.section, ...this.#takenAlong];
  }

  get isEmpty(): boolean {
    return this.sections.every(({ section }) => section.isEmpty);
  }

  get bytes(): number {
    return this.sections.reduce((sum, placed) => sum + placed.section.bytes, 0);
  }

  #last(): PlacedSection {
    return this.sections[this.sections.length - 1] as PlacedSection;
  }
}

/** Transactions, with those that were taken along. */
export function countOf(group: readonly TransactionOps[]): number {
  return group.reduce((sum, { count }) => sum + count, 0);
}

/** A single one is used as it is: it has left the queue, so nothing is added to it any more. */
export function mergeSections(group: readonly TransactionOps[]): Section {
  const [first] = group;
  if (first !== undefined && group.length === 1) return first.section;
  const merged = new Section();
  for (const { section } of group) merged.merge(section);
  return merged;
}
