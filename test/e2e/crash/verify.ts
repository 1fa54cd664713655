/**
 * Whether what etcd went through is what the source went through. Each revision carries a checkpoint, so each says
 * which transactions it claims to have:
 * - a table that is in step holds exactly the rows of the position, in every revision: nothing is lost, repeated,
 *   set back or torn, and several transactions may be one revision.
 * - while a transaction that had to be split is incomplete, its keys may differ, and only its keys.
 * - a table that is being dumped goes forward through committed states, key by key.
 */
import type { TableRecord, TableRecords } from '../../../src/replication/sink.ts';
import type { CommittedTransaction, History, KeyState } from './history.ts';
import { Progress } from './progress.ts';
import {
  inRevisions,
  type Observed,
  type Revision,
  type StoredCheckpoint,
  sameJson,
} from './revisions.ts';

export interface Verdict {
  readonly problems: readonly string[];
  readonly revisions: number;
  readonly streamedRevisions: number;
  readonly splitRevisions: number;
  /** Tables made whole by a dump. */
  readonly tableDumps: number;
  readonly writers: number;
  readonly largestGroup: number;
  /** How often a key was held against the one state that it had to have. */
  readonly checkedKeys: number;
  readonly rows: ReadonlyMap<string, string>;
}

const maxProblems = 40;

export function verify(history: History, observed: Observed): Verdict {
  const verifier = new Verifier(history);
  for (const revision of inRevisions(observed)) {
    verifier.take(revision);
    if (verifier.problems.length >= maxProblems) break;
  }
  return verifier.verdict();
}

function tableOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

class Verifier {
  readonly problems: string[] = [];
  readonly #history: History;
  readonly #shadow = new Map<string, string>();
  /** Index into the states of a key: the state that etcd was seen to hold. */
  readonly #seen = new Map<string, number>();
  /** Tables that hold exactly the rows of the position. */
  readonly #exact = new Set<string>();
  /** Index of the last transaction that changed rows of a table unlogged; it must be dumped after that. */
  readonly #unlogged = new Map<string, number>();
  /** With their indexes. */
  readonly #large: readonly (readonly [number, CommittedTransaction])[];
  #tables: TableRecords = {};
  readonly #progress: Progress;
  readonly #keysOf = new Map<string, string[]>();
  #revision: Revision | null = null;
  #revisions = 0;
  #dumps = 0;
  #checkedKeys = 0;

  constructor(history: History) {
    this.#history = history;
    this.#progress = new Progress(history, (text) => this.#problem(text));
    this.#large = [...history.transactions.entries()].filter(([, { between }]) => between.size > 0);
    for (const key of history.states.keys()) {
      const keys = this.#keysOf.get(tableOf(key));
      if (keys === undefined) this.#keysOf.set(tableOf(key), [key]);
      else keys.push(key);
    }
  }

  verdict(): Verdict {
    return {
      problems: this.problems,
      revisions: this.#revisions,
      streamedRevisions: this.#progress.streamed,
      splitRevisions: this.#progress.split,
      tableDumps: this.#dumps,
      writers: this.#progress.writers,
      largestGroup: this.#progress.largestGroup,
      checkedKeys: this.#checkedKeys,
      rows: this.#shadow,
    };
  }

  take(revision: Revision): void {
    this.#revision = revision;
    const { checkpoint, rows, tables } = revision;
    if (checkpoint === null) {
      if (rows.length > 0) this.#problem(`${rows.length} rows were written without a checkpoint`);
      if (tables !== null) this.#problem('table records were written without a checkpoint');
      return;
    }
    this.#revisions += 1;
    const from = this.#progress.count;
    const wasDump = this.#progress.checkpoint?.phase === 'dump';
    const open = this.#progress.advance(checkpoint);
    const before = this.#tables;
    if (tables !== null) this.#tables = tables;
    const changed = new Map<string, string | null>();
    for (const { key, type, value } of rows) changed.set(key, type === 'put' ? value : null);

    const loosened = this.#loosen(checkpoint, from);
    this.#follow(changed, open);
    this.#checkExact(from, changed, open);
    for (const [key, value] of changed) {
      if (value === null) this.#shadow.delete(key);
      else this.#shadow.set(key, value);
    }
    for (const key of this.#tighten(checkpoint, before, loosened, wasDump)) {
      if (!open?.touched.has(key)) this.#checkKey(key, this.#shadow.get(key) ?? null);
    }
  }

  #problem(text: string): void {
    if (this.problems.length >= maxProblems) return;
    const now = this.#revision?.checkpoint?.position;
    this.problems.push(
      `revision ${this.#revision?.revision}, position ${JSON.stringify(now)}: ${text}`,
    );
  }

  /** Tables that are not in step any more, from this revision on. */
  #loosen({ phase }: StoredCheckpoint, from: number): Set<string> {
    const loosened = new Set<string>();
    for (let index = from; index < this.#progress.count; index++) {
      for (const table of this.#history.transactions[index]!.unlogged) {
        this.#unlogged.set(table, index);
      }
    }
    for (const table of this.#history.tables) {
      const record = this.#record(table);
      const whole =
        record?.state === 'done' && phase === 'stream' && this.#isAfterUnlogged(table, record);
      if (!whole && this.#exact.delete(table)) loosened.add(table);
    }
    return loosened;
  }

  #isAfterUnlogged(table: string, record: TableRecord): boolean {
    const unlogged = this.#unlogged.get(table);
    if (unlogged === undefined) return true;
    const transaction = this.#history.transactions[unlogged]!;
    if (record.mark === null) return false;
    if (!this.#history.contains(record.mark.snapshot, transaction)) return false;
    this.#unlogged.delete(table);
    return true;
  }

  #record(table: string): TableRecord | undefined {
    return Object.values(this.#tables).find(
      (record) => record.table === this.#history.nameOf(table),
    );
  }

  /** Keys of tables that are not in step: forward only, through committed states. */
  #follow(changed: ReadonlyMap<string, string | null>, open: CommittedTransaction | null): void {
    for (const [key, value] of changed) {
      if (this.#exact.has(tableOf(key))) continue;
      const states = this.#history.states.get(key) ?? [];
      const from = this.#seen.get(key) ?? -1;
      const index = indexOfState(states, from, value);
      if (index !== null) this.#seen.set(key, index);
      else if (!this.#isBetween(key, value, states[from]?.at ?? -1, open)) {
        const known = states.findIndex((state) => sameJson(state.value, value));
        const what =
          known < 0
            ? 'never held'
            : `held before, as state ${known} of ${states.length}; etcd had ${from}`;
        this.#problem(`${key} got a value that the source ${what}: ${shown(value)}`);
      }
    }
  }

  /**
   * A value that a transaction too large for one etcd transaction had in between: the one that is incomplete, or
   * one that waited for the end of the table's dump.
   */
  #isBetween(
    key: string,
    value: string | null,
    after: number,
    open: CommittedTransaction | null,
  ): boolean {
    if (open?.between.get(key)?.has(value)) return true;
    return this.#large.some(([at, { between }]) => at > after && between.get(key)?.has(value));
  }

  /** Keys of tables that are in step: what the transactions of this revision touched, and what it wrote. */
  #checkExact(
    from: number,
    changed: ReadonlyMap<string, string | null>,
    open: CommittedTransaction | null,
  ): void {
    const keys = new Set(changed.keys());
    for (let index = from; index < this.#progress.count; index++) {
      for (const key of this.#history.transactions[index]!.touched) keys.add(key);
    }
    for (const key of keys) {
      if (!this.#exact.has(tableOf(key))) continue;
      const before = this.#shadow.get(key) ?? null;
      const now = changed.get(key);
      if (now !== undefined && sameJson(now, before)) this.#problem(`${key} was written again`);
      if (open?.touched.has(key)) {
        if (now !== undefined && !open.between.get(key)?.has(now)) {
          this.#problem(`${key} got a value that the split transaction has not: ${shown(now)}`);
        }
        continue;
      }
      this.#checkKey(key, now === undefined ? before : now);
    }
  }

  #checkKey(key: string, now: string | null): void {
    this.#checkedKeys += 1;
    const states = this.#history.states.get(key) ?? [];
    const index = this.#expected(states, this.#record(tableOf(key))?.mark?.snapshot ?? null);
    const value = states[index]?.value ?? null;
    this.#seen.set(key, index);
    if (sameJson(value, now)) return;
    const known = states.findIndex((state) => sameJson(state.value, now));
    const what = known < 0 ? 'never held' : `held as state ${known}`;
    this.#problem(
      `${key} is ${shown(now)}, which the source ${what}; state ${index} of ${states.length} is ${shown(value)}`,
    );
  }

  /** The last state that the position, or the snapshot that the table was dumped from, contains. */
  #expected(states: readonly KeyState[], snapshot: string | null): number {
    let [low, high] = [0, states.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (states[middle]!.at < this.#progress.count) low = middle + 1;
      else high = middle;
    }
    let found = low - 1;
    if (snapshot === null) return found;
    for (let index = low; index < states.length; index++) {
      const transaction = this.#history.transactions[states[index]!.at]!;
      if (this.#history.contains(snapshot, transaction)) found = index;
    }
    return found;
  }

  /** All keys of tables that are in step from this revision on, and of those whose mark is gone. */
  *#tighten(
    { phase }: StoredCheckpoint,
    before: TableRecords,
    loosened: Set<string>,
    wasDump: boolean,
  ): Generator<string> {
    if (phase !== 'stream') return;
    for (const table of this.#history.tables) {
      const record = this.#record(table);
      if (record?.state !== 'done') continue;
      const marked =
        Object.values(before).find(({ table: name }) => name === record.table)?.mark ?? null;
      const entered = !this.#exact.has(table) && !loosened.has(table);
      const passed = this.#exact.has(table) && marked !== null && record.mark === null;
      if (!entered && !passed) continue;
      if (entered && !this.#isWholeAgain(table, record, wasDump)) continue;
      if (entered) this.#dumps += 1;
      this.#exact.add(table);
      yield* this.#keysOf.get(table) ?? [];
    }
  }

  #isWholeAgain(table: string, record: TableRecord, wasDump: boolean): boolean {
    const unlogged = this.#unlogged.get(table);
    if (unlogged === undefined) return true;
    // The first dump ends at its own position, without a mark.
    if (record.mark === null && wasDump) {
      this.#unlogged.delete(table);
      return true;
    }
    return this.#isAfterUnlogged(table, record);
  }
}

function indexOfState(
  states: readonly KeyState[],
  from: number,
  value: string | null,
): number | null {
  if (from < 0 && value === null) return from;
  for (let index = Math.max(from, 0); index < states.length; index++) {
    if (sameJson(states[index]!.value, value)) return index;
  }
  return null;
}

function shown(value: string | null): string {
  return value === null ? 'absent' : value.slice(0, 160);
}
