/** What the cases ask of a database and of its server, whatever their kind. */

import type { RowChunk } from '../../src/replication/driver.ts';
import type { Figure } from './figures.ts';

export const sourceNames = ['postgres', 'mysql', 'mariadb'] as const;

export type SourceName = (typeof sourceNames)[number];

export const tableName = 'items';

/** Ids of rows that are written last, each in a transaction of its own: who sees the first has seen everything. */
export const markers = { last: -1, beyond: -2 } as const;

/** Transactions of `per` rows, `rows` in all; then the markers. */
export interface LogShape {
  readonly rows: number;
  readonly per: number;
  /** The server compresses them in its log. */
  readonly compressed: boolean;
}

/** What the programs of the server's own project take; null: the program is not there. */
export interface PlainFigures {
  /** The same bytes, thrown away. */
  readonly copied: Figure | null;
  /** The rows as text, thrown away. */
  readonly printed: Figure | null;
}

/** A row of the table, as it should be in etcd. */
export interface Row {
  readonly key: string;
  readonly value: string;
}

/** A connection whose statements the latency is measured with. */
export interface Writer {
  begin(): Promise<void>;
  insert(id: number): Promise<void>;
  commit(): Promise<void>;
  end(): Promise<void>;
}

/** With the table `items`, empty at first. */
export interface Database extends AsyncDisposable {
  readonly server: { readonly pid: number; readonly password: string };
  /** Of Watcher's configuration: `driver`, `database` and `tables`. The password is `${BENCH_PASSWORD}`. */
  readonly sync: Readonly<Record<string, unknown>>;
  /** Where Watcher puts the rows of the table, with the default template. */
  readonly keyPrefix: string;
  /** From here on the log is read by `plainLog` and `driverLog`. */
  markLog(): Promise<void>;
  writeLog(shape: LogShape): Promise<void>;
  /** Both read the log from the mark on to its end. */
  plainLog(rows: number): Promise<PlainFigures>;
  driverLog(rows: number): Promise<Figure>;
  /** The server is to have nothing left to do from writing. */
  settle(): Promise<void>;
  plainDump(rows: number): Promise<PlainFigures>;
  /** Reads the table as the dump does; `take` gets the rows. */
  driverDump(rows: number, take: (chunk: RowChunk) => void): Promise<Figure>;
  /** By key, in the order of etcd. */
  rows(): AsyncIterable<Row>;
  writer(): Promise<Writer>;
}

export interface SourceServer extends AsyncDisposable {
  readonly name: SourceName;
  /** With its version. */
  readonly title: string;
  /** What reads the log and the table for `PlainFigures`. */
  readonly plain: string;
  database(): Promise<Database>;
}

export const silent = { debug() {}, info() {}, warn() {}, error() {} };
export const nothingStaged = { async *read() {} };
