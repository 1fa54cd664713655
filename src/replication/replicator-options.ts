/** What a replicator is given. */
import type { WatcherError } from '../errors.ts';
import type { PipelineOptions } from './attempt.ts';
import type { BackoffPolicy } from './backoff.ts';
import type { Coordination } from './coordination.ts';
import type { Driver } from './driver.ts';
import type { Log } from './log.ts';
import type { SyncObserver, SyncStatus } from './status.ts';
import type { SyncBoard } from './sync-board.ts';

/** What of a sync its configuration says: another one may take its place while the sync runs. */
export interface ReplicatorSettings {
  readonly autostart: boolean;
  /** A fresh driver, with connections of its own, for each attempt. */
  readonly createDriver: () => Promise<Driver>;
  readonly pipeline: Omit<
    PipelineOptions,
    'driver' | 'sink' | 'progress' | 'events' | 'signal' | 'dumpAnew'
  >;
  readonly backoff: BackoffPolicy;
  /** Failures in a row before the sync fails; 0: it never gives up. */
  readonly maxAttempts: number;
}

export interface ReplicatorOptions extends ReplicatorSettings {
  readonly name: string;
  readonly board: SyncBoard;
  readonly coordination: Coordination;
  readonly observer: SyncObserver;
  readonly log: Log;
  readonly encodeStatus: (status: SyncStatus) => string;
  readonly onEtcdContact: (error: WatcherError | null) => void;
  readonly random: () => number;
}
