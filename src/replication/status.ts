/**
 * What the API shows of a sync: plain data, one object for each sync, with every field always present (SPEC §8).
 * Times are Dates here and RFC 3339 at the edge.
 */
import type { ErrorCode } from '../errors.ts';
import type { Warning } from './change.ts';
import type { DropOrder, DropReport } from './drop-sync.ts';
import type { SyncState } from './lifecycle.ts';
import type { PositionJson } from './position.ts';

export type Desired = 'running' | 'stopped';

export type DumpState = 'none' | 'running' | 'done' | 'interrupted' | 'failed';

export type TableDumpState = 'pending' | 'running' | 'done' | 'failed' | 'excluded';

export interface TableDumpStatus {
  /** `schema.table` */
  readonly table: string;
  readonly state: TableDumpState;
  readonly rows: number;
  readonly rowsEstimated: number | null;
}

export interface DumpStatus {
  readonly state: DumpState;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** 0 to 100; null when unknown. */
  readonly percent: number | null;
  readonly etaSeconds: number | null;
  readonly tables: readonly TableDumpStatus[];
}

/** Since this leadership began. */
export interface Counters {
  readonly transactions: number;
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  readonly truncates: number;
  /** Keys put, dumps included. */
  readonly puts: number;
  readonly etcdTxns: number;
  /** Bytes of the requests sent to etcd. */
  readonly bytes: number;
}

export interface LastError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
  readonly at: Date;
  /** When the next attempt is made; null when none is. */
  readonly retryAt: Date | null;
}

export interface SyncStatus {
  readonly name: string;
  readonly driver: 'pgx' | 'mysql';
  readonly state: SyncState;
  readonly desired: Desired;
  /** The instance that leads; null when none is known. */
  readonly instance: string | null;
  readonly position: PositionJson | null;
  readonly sourcePosition: PositionJson | null;
  readonly lag: { readonly bytes: number | null; readonly seconds: number | null };
  readonly dump: DumpStatus;
  readonly counters: Counters;
  readonly retainedLogBytes: number | null;
  readonly safeLogBytes: number | null;
  readonly checkpoint: { readonly revision: number | null; readonly committedAt: Date | null };
  readonly warnings: readonly Warning[];
  readonly lastError: LastError | null;
  /** On a standby, the state of the instance that leads, as it published it; null: unknown, or no standby. */
  readonly leaderState: SyncState | null;
  /** True when this process leads the sync (metrics export lag, dump and retained log only then). */
  readonly leading: boolean;
  /** Nothing durable for 60 s while the source is ahead. */
  readonly stalled: boolean;
}

/** What the API holds: the syncs of this process, and the orders that it may give. */
export interface SyncControl {
  /** By name. */
  list(): readonly SyncStatus[];
  /** @throws WatcherError `unknown_sync`. */
  get(name: string): SyncStatus;
  /**
   * Writes the order to etcd and resolves once it is durable there; acting on it follows.
   * @throws WatcherError `unknown_sync`, `etcd_unavailable` (nothing changed).
   */
  setDesired(name: string, desired: Desired): Promise<SyncStatus>;
  /**
   * @param tables `schema.table` names, or null for all.
   * @throws WatcherError `unknown_sync`, `unknown_table`, `sync_stopped`, `dump_running`, `etcd_unavailable`.
   */
  requestDump(name: string, tables: readonly string[] | null): Promise<SyncStatus>;
  /**
   * Drops what a stopped sync left, or only looks. Idempotent: after an error the same call goes on.
   * @throws WatcherError `unknown_sync`, `sync_not_stopped`, `drop_failed`, `etcd_unavailable`.
   */
  drop(name: string, order: DropOrder): Promise<DropReport>;
  /** Whether etcd was ever reached by this process, and whether it is now. */
  etcdContact(): {
    readonly everReached: boolean;
    readonly reachable: boolean;
    readonly message: string | null;
  };
  /** Called at events that metrics count; see `api/metrics.ts`. */
  observe(observer: SyncObserver): void;
}

/** Calls are synchronous and must not throw. */
export interface SyncObserver {
  rows(sync: string, op: 'insert' | 'update' | 'delete' | 'truncate' | 'dump', count: number): void;
  transactions(sync: string, count: number): void;
  etcdTxn(sync: string, seconds: number): void;
  error(sync: string, code: ErrorCode): void;
}
