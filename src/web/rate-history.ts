/**
 * How fast the counters of a sync grew, second by second, from what its events say of them.
 *
 * 1. An event comes when something changed, at most one a second: after a pause, what it tells of happened within
 *    the time that events are apart, not over all of the pause.
 * 2. So the newest seconds are not complete yet: the series ends that much before now.
 * 3. Counters that became less belong to a new leadership, and begin anew. What happened while there was no
 *    connection is not known, and is a gap.
 */
import type { Counters } from './sync.ts';

/** Seconds that are kept: the width of the chart. */
export const historySeconds = 180;

interface Slot {
  rows: number;
  transactions: number;
  bytes: number;
}

interface Observed extends Slot {
  /** Seconds since the epoch, with a fraction. */
  readonly at: number;
}

/** Each a second, over the last seconds that are complete. */
export type Rates = Readonly<Slot>;

const averagedSeconds = 3;

export class RateHistory {
  readonly #slots = new Map<number, Slot>();
  readonly #gaps: { readonly from: number; readonly to: number }[] = [];
  #last: Observed | null = null;
  /** Where knowledge ended; null: it did not. */
  #gapFrom: number | null;
  #apart = 2;

  /** @param now seconds since the epoch */
  constructor(now: number) {
    this.#gapFrom = now - historySeconds - 10;
  }

  /** @param apart how far events are from each other when there is much to tell, in seconds */
  observe(counters: Counters, now: number, apart: number): void {
    this.#apart = apart;
    const seen = { ...sumsOf(counters), at: now };
    const last = this.#last;
    this.#last = seen;
    if (last === null || isLess(seen, last)) {
      this.#closeGap(now);
      return;
    }
    const from = Math.max(last.at, now - apart);
    if (seen.rows === last.rows && seen.bytes === last.bytes) return;
    this.#spread(last, seen, Math.min(from, now - 0.001));
  }

  /** The connection is lost. */
  interrupt(now: number): void {
    this.#last = null;
    this.#gapFrom ??= now;
  }

  /** Rows a second, oldest first; null: not known. The last one is the newest that is complete. */
  series(now: number): (number | null)[] {
    const end = this.#end(now);
    this.#forget(end - historySeconds - 10);
    return Array.from({ length: historySeconds }, (_, index) => {
      const second = end - historySeconds + 1 + index;
      return this.#isKnown(second) ? (this.#slots.get(second)?.rows ?? 0) : null;
    });
  }

  rates(now: number): Rates {
    const end = this.#end(now);
    const sum = { rows: 0, transactions: 0, bytes: 0 };
    for (let second = end - averagedSeconds + 1; second <= end; second += 1) {
      const slot = this.#slots.get(second);
      sum.rows += slot?.rows ?? 0;
      sum.transactions += slot?.transactions ?? 0;
      sum.bytes += slot?.bytes ?? 0;
    }
    const mean = (value: number): number => Math.round(value / averagedSeconds);
    return { rows: mean(sum.rows), transactions: mean(sum.transactions), bytes: mean(sum.bytes) };
  }

  #end(now: number): number {
    // One more, because events are not that punctual.
    return Math.floor(now) - this.#apart - 1;
  }

  #closeGap(now: number): void {
    if (this.#gapFrom === null) return;
    this.#gaps.push({ from: this.#gapFrom, to: now });
    this.#gapFrom = null;
  }

  #isKnown(second: number): boolean {
    if (this.#gapFrom !== null && second >= Math.floor(this.#gapFrom)) return false;
    return !this.#gaps.some(({ from, to }) => second >= Math.floor(from) && second < to);
  }

  /** Shares what happened among the seconds that it may have happened in. */
  #spread(before: Observed, after: Observed, from: number): void {
    const length = after.at - from;
    for (let second = Math.floor(from); second <= after.at; second += 1) {
      const share = (Math.min(after.at, second + 1) - Math.max(from, second)) / length;
      const slot = this.#slots.get(second) ?? { rows: 0, transactions: 0, bytes: 0 };
      slot.rows += share * (after.rows - before.rows);
      slot.transactions += share * (after.transactions - before.transactions);
      slot.bytes += share * (after.bytes - before.bytes);
      this.#slots.set(second, slot);
    }
  }

  #forget(before: number): void {
    for (const second of this.#slots.keys()) if (second < before) this.#slots.delete(second);
    while (this.#gaps[0] !== undefined && this.#gaps[0].to < before) this.#gaps.shift();
  }
}

/** Rows written to etcd: keys put, those of dumps included, and rows deleted. */
function sumsOf({ puts, deletes, transactions, bytes }: Counters): Slot {
  return { rows: puts + deletes, transactions, bytes };
}

function isLess(a: Slot, b: Slot): boolean {
  return a.rows < b.rows || a.transactions < b.transactions || a.bytes < b.bytes;
}
