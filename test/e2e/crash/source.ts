/** What the crash test needs of a kind of database. */
import type { History } from './history.ts';

export interface FirstRow {
  readonly table: string;
  /** Names the row for ever, whatever its key. */
  readonly rid: string;
  /** As the value in etcd is to be. */
  readonly value: string;
}

export interface CrashSource extends AsyncDisposable {
  /** In names of files, and in titles. */
  readonly title: string;
  readonly tables: readonly string[];
  /** As the configuration and the API name it: `schema.table`. */
  nameOf(table: string): string;
  /** Members of the sync's configuration. */
  readonly config: Readonly<Record<string, unknown>> & { readonly keys?: object };
  /** Changes the tables at random until it is stopped. */
  startWriter(seed: number): Promise<RandomWriter>;
  /** Adds a column with a default, which rewrites rows without the log saying so. */
  addColumn(table: string, column: string, value: number): Promise<void>;
  /** Where everything that is committed ends, as `History.order` has it. */
  end(): Promise<bigint>;
  /** As `History.order`. */
  order(position: unknown): bigint | null;
  /** Every row of now. */
  rows(): Promise<readonly FirstRow[]>;
  /** What was committed since the test began; to be called when nobody writes any more. */
  history(): Promise<History>;
}

export interface RandomWriter {
  readonly committed: number;
  readonly rolledBack: number;
  /** Rejects when a connection met an error that no random writer may meet. */
  readonly failure: Promise<never>;
  /** Each connection rests so long after half of its transactions, at most. */
  rest(restMs: number): void;
  /** The large table may be truncated, too, from now on. */
  mayTruncateBulk(): void;
  /** The next transaction of some connection will be one that does not fit one etcd transaction. */
  wantLarge(): void;
  stop(): Promise<void>;
}
