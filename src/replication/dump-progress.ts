/** How far a dump is, for the status. Rows and estimates by table; the percentage and the remaining time from both. */
import type { DumpState, DumpStatus, TableDumpState, TableDumpStatus } from './status.ts';

interface TableProgress {
  state: TableDumpState;
  rows: number;
  rowsEstimated: number | null;
}

export interface DumpedTable {
  /** `schema.table` */
  readonly table: string;
  readonly rowsEstimated: number | null;
}

export class DumpProgress {
  #state: DumpState = 'none';
  #startedAt: Date | null = null;
  #finishedAt: Date | null = null;
  #movedAt: Date | null = null;
  readonly #tables = new Map<string, TableProgress>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** After a restart: what earlier dumps left behind. */
  restore(startedAt: Date | null, finishedAt: Date | null): void {
    this.#startedAt = startedAt;
    this.#finishedAt = finishedAt;
    if (startedAt !== null) this.#state = finishedAt === null ? 'interrupted' : 'done';
  }

  /** As if there had never been a dump. */
  reset(): void {
    this.#state = 'none';
    this.#startedAt = null;
    this.#finishedAt = null;
    this.#tables.clear();
  }

  /** The tables of the sync; those that are not known yet are pending or, with `rows`, done. */
  know(table: string, state: TableDumpState, rows: number, rowsEstimated: number | null): void {
    this.#tables.set(table, { state, rows, rowsEstimated });
  }

  /** The tables of the sync; of those that were not known nothing has been read. */
  meet(tables: readonly string[]): void {
    for (const table of tables) {
      if (!this.#tables.has(table)) this.know(table, 'pending', 0, null);
    }
  }

  forget(table: string): void {
    this.#tables.delete(table);
  }

  /** Forgets what is not among these tables: it has left the sync since. */
  keep(tables: ReadonlySet<string>): void {
    for (const table of this.#tables.keys()) if (!tables.has(table)) this.#tables.delete(table);
  }

  begin(tables: readonly DumpedTable[]): void {
    if (this.#state !== 'running') {
      this.#startedAt = this.#now();
      this.#finishedAt = null;
    }
    this.#state = 'running';
    this.moved();
    for (const { table, rowsEstimated } of tables) {
      this.#tables.set(table, { state: 'pending', rows: 0, rowsEstimated });
    }
  }

  /** It goes on, also where no row is written: keys are listed and compared. */
  moved(): void {
    this.#movedAt = this.#now();
  }

  read(table: string, rows: number, last: boolean): void {
    this.moved();
    const progress = this.#tables.get(table);
    if (progress === undefined) return;
    progress.rows += rows;
    progress.state = last ? 'done' : 'running';
  }

  end(state: 'done' | 'interrupted' | 'failed'): void {
    if (this.#state !== 'running') return;
    this.#state = state;
    if (state === 'done') this.#finishedAt = this.#now();
    for (const progress of this.#tables.values()) {
      if (state === 'failed' && progress.state === 'running') progress.state = 'failed';
    }
  }

  get startedAt(): Date | null {
    return this.#startedAt;
  }

  get finishedAt(): Date | null {
    return this.#finishedAt;
  }

  /** When something of a dump happened last. */
  get movedAt(): Date | null {
    return this.#movedAt;
  }

  status(): DumpStatus {
    const tables: TableDumpStatus[] = [...this.#tables]
      .map(([table, progress]) => ({ table, ...progress }))
      .sort((a, b) => (a.table < b.table ? -1 : 1));
    const percent = this.#percent();
    return {
      state: this.#state,
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      percent,
      etaSeconds: this.#eta(percent),
      tables,
    };
  }

  #percent(): number | null {
    if (this.#state === 'none') return null;
    if (this.#state === 'done') return 100;
    let done = 0;
    let total = 0;
    for (const { state, rows, rowsEstimated } of this.#tables.values()) {
      if (state === 'excluded') continue;
      if (rowsEstimated === null && state !== 'done') return null;
      // An estimate may be low: a table that is still running is never complete.
      const expected = state === 'done' ? rows : Math.max(rowsEstimated ?? 0, rows + 1);
      done += rows;
      total += expected;
    }
    return total === 0 ? 0 : Math.floor((1000 * done) / total) / 10;
  }

  #eta(percent: number | null): number | null {
    if (this.#state !== 'running' || this.#startedAt === null) return null;
    if (percent === null || percent <= 0) return null;
    const elapsed = (this.#now().getTime() - this.#startedAt.getTime()) / 1000;
    return Math.round((elapsed * (100 - percent)) / percent);
  }
}
