/**
 * The contract between the core and a kind of database. A driver knows one database and nothing of etcd. It
 * never retries: it throws a WatcherError, and the next attempt is a new driver on new connections.
 *
 * Order of calls in an attempt: `prepare` → (`dump` when continuity asks for it) → `stream` with, meanwhile,
 * `acknowledge` and `redump` → `close`, which is always called and never throws.
 */

import type { WatcherError } from '../errors.ts';
import type { FullRow, Relation, StreamBatch, TransactionPart, Warning } from './change.ts';
import type { Position } from './position.ts';

/** What identifies the source of a checkpoint. Opaque to the core, JSON, compared by the driver alone. */
export type SourceIdentity = Readonly<Record<string, unknown>>;

/** A table of the sync as the catalog has it now. */
export interface SourceTable {
  readonly relation: Relation;
  /**
   * Changes whenever stored rows may have changed without the log saying so (columns, key, storage file,
   * partitions): compared with the checkpoint's at start. Opaque; short.
   */
  readonly fingerprint: string;
  /** Planner's estimate; null when there is none. */
  readonly rowsEstimated: number | null;
}

/** A table that matches the configuration and is left out; the warning says why. */
export interface ExcludedTable {
  readonly tableId: string;
  /** `schema.table` */
  readonly table: string;
  readonly warning: Warning;
}

/** One line of `watcher check`. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'failure';
  /** A few words: `wal_level`, `replication slots`, `public.orders`. */
  readonly subject: string;
  readonly message: string;
  /** Exact SQL or setting; empty for `ok`. */
  readonly remedy: string;
}

/** Where the last durable attempt ended. */
export interface ResumePoint {
  readonly position: Position;
  readonly identity: SourceIdentity;
  /** Set while a large transaction is half written: the position of its commit, and messages to skip. */
  readonly partial: { readonly commit: Position; readonly messages: number } | null;
}

export interface Preparation {
  readonly identity: SourceIdentity;
  readonly tables: readonly SourceTable[];
  readonly excluded: readonly ExcludedTable[];
  /** All warnings of the sync, those of excluded tables included. */
  readonly warnings: readonly Warning[];
  /** Whether the log can be followed from the resume point. `cause` is null when there was none. */
  readonly continuity:
    | { readonly kind: 'resume' }
    | { readonly kind: 'dump'; readonly cause: WatcherError | null };
}

export interface RowChunk {
  readonly relation: Relation;
  readonly rows: readonly FullRow[];
  /** True for the last chunk of a table; every table of a dump has exactly one, maybe empty. */
  readonly last: boolean;
  /**
   * The table was truncated or rewritten after the snapshot, which does not protect its rows from that: they are
   * gone, and none were read. It must be dumped again, in a later snapshot.
   */
  readonly replaced?: true;
}

/** The first copy, at a known position: stream from `position` afterwards, nothing is lost or repeated. */
export interface Dump {
  readonly position: Position;
  readonly identity: SourceIdentity;
  readonly tables: readonly SourceTable[];
  /** Rows of all tables, some tables at a time. Reading it slowly slows the source down. Throws what fails. */
  readonly chunks: AsyncIterable<RowChunk>;
}

/** Tables read anew while the stream runs. */
export interface Redump {
  /** As the catalog has them in the snapshot. A requested table that is missing here is gone or left out. */
  readonly tables: readonly SourceTable[];
  readonly chunks: AsyncIterable<RowChunk>;
  readonly mark: SnapshotMark;
}

/**
 * Which transactions a snapshot contains. Stored with the table (as JSON) until the stream has passed `until`,
 * because changes of such transactions must be dropped: the dump has them already (DESIGN §3 rule 7).
 */
export interface SnapshotMark {
  readonly snapshot: string;
  readonly until: Position;
}

/** Sampled; null while unknown. */
export interface SourceStatus {
  readonly position: Position | null;
  readonly retainedLogBytes: number | null;
  /** How much more log may be written before the slot is lost; null: no limit, or unknown. */
  readonly safeLogBytes: number | null;
}

/** What was staged (`StagingStep`) and not released. */
export interface StagedLog {
  /** The pieces in order; none when nothing is staged under the id. Call it between transactions only. */
  read(id: string): AsyncIterable<string>;
}

/** What a sync makes at its source in order to read the log. */
export const sourceParts = ['slot', 'publication'] as const;

export type SourcePart = (typeof sourceParts)[number];

export interface SourceLeftover {
  readonly part: SourcePart;
  readonly name: string;
  /** Why it is not dropped; null: it is, or would be. */
  readonly kept: string | null;
}

export interface Driver {
  /** Looks, changes nothing. Connection errors are findings too. */
  check(signal: AbortSignal): Promise<readonly Finding[]>;
  /**
   * The source's position and what it retains for this sync, looked up now; on a connection of its own.
   * @param durable position of the checkpoint, as far as it is known
   */
  probe(durable: Position | null, signal: AbortSignal): Promise<SourceStatus>;
  /**
   * Verifies every requirement and brings the publication in step. `resume` null: no checkpoint.
   * @throws WatcherError with the statement that mends it.
   */
  prepare(resume: ResumePoint | null, signal: AbortSignal): Promise<Preparation>;
  /** Makes (or makes anew) what holds the log, then reads all tables in one snapshot at that position. */
  dump(signal: AbortSignal): Promise<Dump>;
  /** While `stream` runs. Independent of it: works on its own connection. */
  redump(tableIds: readonly string[], signal: AbortSignal): Promise<Redump>;
  /**
   * Reading slowly slows the source down. Ends only by throwing; an aborted signal is thrown as its reason. What is staged is
   * read back only once all messages before were taken.
   */
  stream(from: ResumePoint, signal: AbortSignal, staged: StagedLog): AsyncIterable<StreamBatch>;
  /** Everything up to `position` is durable: the source may forget it. Cheap, and never blocks. */
  acknowledge(position: Position): void;
  /** Whether the marked snapshot contains the transaction. */
  contains(mark: SnapshotMark, transaction: TransactionPart): boolean;
  /** Whether a stream at `position` has read everything that the marked snapshot contains. */
  isPassed(mark: SnapshotMark, position: Position): boolean;
  /** Negative, zero or positive as `a` is before, at or after `b`. */
  compare(a: Position, b: Position): number;
  /** `source - position`, never negative; null when a driver cannot say. */
  lagBytes(source: Position, position: Position): number | null;
  status(): SourceStatus;
  /**
   * Drops what the sync made at its source, on a connection of its own. Idempotent: what is not there is not in the
   * answer; what is not the sync's own stays, and the answer says why.
   * @param dryRun only looks.
   * @throws WatcherError `slot_in_use`, `privilege_missing`, `source_unavailable` and the like.
   */
  drop(
    parts: readonly SourcePart[],
    dryRun: boolean,
    signal: AbortSignal,
  ): Promise<readonly SourceLeftover[]>;
  close(): Promise<void>;
}
