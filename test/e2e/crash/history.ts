/** What was committed at the source, in the order of its log: for each key of etcd the states that it went through. */
import { keyOf } from './keys.ts';
import type { FirstRow } from './source.ts';

/** A key from a transaction on; `value` null: it does not exist. */
export interface KeyState {
  /** Index of the transaction in the log; -1: from before the first. */
  readonly at: number;
  readonly value: string | null;
}

export interface CommittedTransaction extends Effects {
  readonly xid: string;
  /** Where it ends in the log. */
  readonly end: bigint;
}

interface Effects {
  /** Keys that it touched, by table; what it left behind is in `History.states`. */
  readonly touched: ReadonlySet<string>;
  /** For one that may be split: the values that its keys had in between, null included. */
  readonly between: ReadonlyMap<string, ReadonlySet<string | null>>;
  /** Tables whose rows it changed without the log saying so. */
  readonly unlogged: ReadonlySet<string>;
  readonly changes: number;
  readonly bytes: number;
  /** The most keys that a TRUNCATE of it removed, or that etcd may still have had of the table. */
  readonly truncatedKeys: number;
}

export interface History {
  readonly tables: readonly string[];
  readonly transactions: readonly CommittedTransaction[];
  /** Without the prefix of the rows, for example `items/7`. */
  readonly states: ReadonlyMap<string, readonly KeyState[]>;
  /** The order of positions in the log, as checkpoints have them; null: none. */
  order(position: unknown): bigint | null;
  /** Whether the snapshot of a table's mark has the transaction. */
  contains(snapshot: string, transaction: CommittedTransaction): boolean;
  /** As the table records have it. */
  nameOf(table: string): string;
}

/** What a transaction did to one row, or to one table. */
export interface JournalEntry {
  readonly tab: string;
  readonly op: 'row' | 'truncate' | 'unlogged';
  readonly rid: string | null;
  /** null: the row is gone. */
  readonly value: string | null;
}

interface Row {
  readonly table: string;
  readonly key: string;
  readonly value: string;
}

/** A transaction with more changes may have to be split; so may one with more bytes. */
const manyChanges = 900;
const manyBytes = 300_000;
/** So may a TRUNCATE of more keys: Watcher deletes 20,000 at a time. */
const manyTruncated = 15_000;
/** Watcher counts those that etcd has, while so many transactions may be on their way: an earlier TRUNCATE, for example. */
const backlog = 3_000;

export class Replay {
  readonly states = new Map<string, KeyState[]>();
  readonly #rows = new Map<string, Row>();
  /** Which row is at a key now. */
  readonly #at = new Map<string, string>();
  readonly #sizes = new Map<string, TableSize>();

  constructor(first: readonly FirstRow[]) {
    for (const { table, rid, value } of first) {
      const key = keyOf(table, value);
      this.#rows.set(rid, { table, key, value });
      this.#at.set(key, rid);
      this.states.set(key, [{ at: -1, value }]);
      this.#size(table).grow(1);
    }
  }

  apply(at: number, journal: readonly JournalEntry[]): Effects {
    const touched = new Set<string>();
    const rids = new Set<string>();
    const before = new Map<string, string>();
    const between = new Map<string, Set<string | null>>();
    const unlogged = new Set<string>();
    const bytes = journal.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    let truncatedKeys = this.#truncatedKeys(journal, at);
    const isLarge =
      journal.length > manyChanges || bytes > manyBytes || truncatedKeys > manyTruncated;
    const touch = (key: string, value: string | null) => {
      touched.add(key);
      if (!isLarge) return;
      const values = between.get(key);
      if (values === undefined) between.set(key, new Set([value]));
      else values.add(value);
    };
    const set = (rid: string, row: Row | null) => {
      const old = this.#rows.get(rid);
      if (!rids.has(rid) && old !== undefined) before.set(rid, old.key);
      rids.add(rid);
      if (old !== undefined && old.key !== row?.key) touch(old.key, null);
      if (old !== undefined) this.#size(old.table).grow(-1);
      if (row === null) this.#rows.delete(rid);
      else {
        this.#rows.set(rid, row);
        this.#size(row.table).grow(1);
      }
      if (row !== null) touch(row.key, row.value);
    };
    for (const { tab, op, rid, value } of journal) {
      if (op === 'unlogged') unlogged.add(tab);
      else if (op === 'truncate') {
        const gone = [...this.#rows].filter(([, row]) => row.table === tab);
        for (const [id] of gone) set(id, null);
        truncatedKeys = Math.max(truncatedKeys, gone.length);
      } else if (rid !== null) {
        set(rid, value === null ? null : { table: tab, key: keyOf(tab, value), value });
      }
    }
    for (const [rid, key] of before) if (this.#at.get(key) === rid) this.#at.delete(key);
    for (const rid of rids) {
      const row = this.#rows.get(rid);
      if (row !== undefined) this.#at.set(row.key, rid);
    }
    for (const key of touched) this.#note(key, at);
    return { touched, between, unlogged, changes: journal.length, bytes, truncatedKeys };
  }

  #truncatedKeys(journal: readonly JournalEntry[], at: number): number {
    let most = 0;
    for (const { tab, op } of journal) {
      if (op === 'truncate') most = Math.max(most, this.#size(tab).peakSince(at - backlog));
    }
    for (const size of this.#sizes.values()) size.begin(at);
    return most;
  }

  #size(table: string): TableSize {
    const known = this.#sizes.get(table) ?? new TableSize();
    this.#sizes.set(table, known);
    return known;
  }

  #note(key: string, at: number): void {
    const rid = this.#at.get(key);
    const value = rid === undefined ? null : (this.#rows.get(rid)?.value ?? null);
    const states = this.states.get(key);
    if (states === undefined) {
      if (value !== null) this.states.set(key, [{ at, value }]);
    } else if (states.at(-1)?.value !== value) states.push({ at, value });
  }
}

/** How many rows a table has, and had of late. */
class TableSize {
  #rows = 0;
  /** Sizes of former transactions that none was larger than since then: the largest first. */
  readonly #peaks: { readonly at: number; readonly rows: number }[] = [];

  grow(rows: number): void {
    this.#rows += rows;
  }

  /** A transaction begins. */
  begin(at: number): void {
    while ((this.#peaks.at(-1)?.rows ?? Infinity) <= this.#rows) this.#peaks.pop();
    this.#peaks.push({ at, rows: this.#rows });
  }

  peakSince(at: number): number {
    while ((this.#peaks[0]?.at ?? at) < at) this.#peaks.shift();
    return Math.max(this.#rows, this.#peaks[0]?.rows ?? 0);
  }
}
