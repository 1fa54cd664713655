/**
 * The contract between the core and the store. There is one writer at a time, and one write in flight: order is
 * the caller's, atomicity and durability are the sink's (DESIGN §3).
 */

import type { SnapshotMark, SourceIdentity } from './driver.ts';
import type { PositionJson } from './position.ts';

/** What happens to one key. `prefix` is that of its table: it lets a later clear of the table drop the operation. */
export type KeyOp =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly prefix: string }
  | { readonly kind: 'delete'; readonly key: string; readonly prefix: string };

/** Deletes every key in [from, to) that no operation of the same batch puts. */
export interface Clear {
  readonly from: string;
  readonly to: string;
}

/** One etcd transaction: one operation for each key, ranges to clear, and the checkpoint. */
export interface Batch {
  readonly ops: ReadonlyMap<string, KeyOp>;
  readonly clears: readonly Clear[];
  /** Keys to delete only if their mod revision is still this one (the sweep, DESIGN §3 rule 8). */
  readonly sweeps: readonly { readonly key: string; readonly modRevision: bigint }[];
  readonly checkpoint: Checkpoint;
  /** Given when a table's record changed: all of them, written in the same transaction. */
  readonly tables: TableRecords | null;
}

/** The options whose change asks for rows to be written anew. */
export interface MappingOptions {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly columns_exclude: readonly string[];
  readonly key_columns: Readonly<Record<string, readonly string[]>>;
  readonly template: string;
  readonly numbers: string;
}

/** The JSON at `<state_prefix>/syncs/<name>/checkpoint`, without `writer`, which is the sink's. */
export interface Checkpoint {
  readonly version: 1;
  /** `dump`: the first copy is not complete, there is nothing to stream from. */
  readonly phase: 'dump' | 'stream';
  /** Everything up to here is in etcd; null in the phase `dump` before the position is known. */
  readonly position: PositionJson | null;
  /** When the last transaction up to `position` was committed at the source; RFC 3339. */
  readonly committed_at: string | null;
  readonly source: SourceIdentity | null;
  readonly options: MappingOptions;
  readonly dump: { readonly started_at: string; readonly finished_at: string | null } | null;
  /** Exactly while a source transaction that had to be split is incomplete. */
  readonly partial: { readonly commit: PositionJson; readonly changes: number } | null;
}

/** The JSON at `<state_prefix>/syncs/<name>/tables`, by table id. */
export type TableRecords = Readonly<Record<string, TableRecord>>;

export interface TableRecord {
  /** `schema.table` */
  readonly table: string;
  /** Where its keys are; also the old prefix of a table that was renamed and is not yet dumped again. */
  readonly prefixes: readonly string[];
  readonly fingerprint: string;
  readonly signature: string;
  /** `pending`: its keys are not in step, it must be dumped (again) before its changes mean anything. */
  readonly state: 'pending' | 'done';
  readonly rows: number;
  /** Changes of transactions that this snapshot contains are dropped; null once the stream is past it. */
  readonly mark: {
    readonly snapshot: SnapshotMark['snapshot'];
    readonly until: PositionJson;
  } | null;
}

export interface StoredState {
  /** null: the sync has never written. */
  readonly checkpoint: Checkpoint | null;
  /** etcd revision of the checkpoint key; 0n when there is none. */
  readonly revision: bigint;
  readonly tables: TableRecords;
}

export interface WriteResult {
  /** etcd revision at which the batch became visible. */
  readonly revision: bigint;
  /** Size of the request that was sent. */
  readonly bytes: number;
}

/** What one etcd transaction may hold. */
export interface SinkLimits {
  /** Puts, deletes, sweeps and clears, each counts one; the gaps that puts leave in a clear do not count. */
  readonly maxOps: number;
  /** Sum of the UTF-8 bytes of keys and values, plus `opOverheadBytes` for each operation. */
  readonly maxBytes: number;
}

export const opOverheadBytes = 32;

/** One key and its revision, as a listing gives it. */
export interface ListedKey {
  readonly key: string;
  readonly value: string;
  readonly modRevision: bigint;
}

export interface Sink {
  /** Linearizable. Must be called before the first write; writes follow the revision that it read. */
  load(signal: AbortSignal): Promise<StoredState>;
  /**
   * Resolves only when rows and checkpoint are durable. An unknown outcome is resolved inside, by reading the
   * checkpoint. Never more than one call at a time.
   * @throws WatcherError `fenced`, `row_too_large`, `request_too_large` (limits are smaller then; nothing was
   * written), `etcd_unavailable`, `etcd_no_space`.
   */
  write(batch: Batch, signal: AbortSignal): Promise<WriteResult>;
  /** Values of keys; missing keys are absent from the map. Linearizable. */
  read(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Keys under a prefix, in pages, in key order, at one revision. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<readonly ListedKey[]>;
  /** The number of keys under a prefix. */
  count(prefix: string, signal: AbortSignal): Promise<number>;
  readonly limits: SinkLimits;
  /** Under which the stream may stage what it will need again (`StagingStep`); ends with `/`. */
  readonly stagedPrefix: string;
}
