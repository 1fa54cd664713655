/** What one attempt is given, and what it tells meanwhile: the vocabulary between replicator and pipeline. */
import type { WatcherError } from '../errors.ts';
import type { StreamMessage, Warning } from './change.ts';
import type { Driver, Preparation } from './driver.ts';
import type { DumpProgress } from './dump-progress.ts';
import type { PrefixOf } from './key-template.ts';
import type { Position } from './position.ts';
import type { MappingOptions, Sink, StoredState } from './sink.ts';
import type { DurableBatch } from './writer.ts';

/** What the outside learns of an attempt. Synchronous; must not throw. */
export interface PipelineEvents {
  prepared(preparation: Preparation): void;
  warnings(warnings: readonly Warning[]): void;
  /** The checkpoint as it was found. */
  loaded(state: StoredState): void;
  dumping(cause: WatcherError | null): void;
  /** From here on `redump` may be called until the attempt ends. */
  streaming(control: StreamControl): void;
  received(message: StreamMessage): void;
  durable(batch: DurableBatch): void;
  dumpedRows(count: number): void;
  /** The first dump is done, or every table that was to be dumped beside the stream is. */
  dumped(): void;
}

export interface StreamControl {
  /** Tables to dump beside the stream, as `schema.table`; null: all. Names that are not there are ignored. */
  redump(tables: readonly string[] | null): void;
  /** Commit time of the oldest transaction that was read and is not durable. */
  oldestPending(): Date | null;
}

export interface PipelineOptions {
  readonly driver: Driver;
  readonly sink: Sink;
  /** Of the driver: a checkpoint with another one was written before the driver was changed. */
  readonly positionKind: Position['kind'];
  readonly mapping: MappingOptions;
  readonly prefixOf: PrefixOf;
  /** What every key of the sync begins with; empty or `/` when there is no such thing. */
  readonly syncPrefix: string;
  /** Whether keys that begin with this could be another sync's or Watcher's own, as it is configured at the moment. */
  readonly isShared: (prefix: string) => boolean;
  /** Prefixes under which other syncs have written, also those that are not configured any more. */
  readonly othersPrefixes: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Keys that are there before the first dump are taken over (`keys.adopt`). */
  readonly adopt: boolean;
  /** False: `dump.mode: never`; the stream begins without a first copy. */
  readonly mayDump: boolean;
  /** Dump although the log could be followed: a person asked for it after the sync had failed. */
  readonly dumpAnew: boolean;
  readonly progress: DumpProgress;
  readonly events: PipelineEvents;
  readonly heartbeatMs: number;
  readonly maxHeldBytes: number;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly monotonicMs: () => number;
}
