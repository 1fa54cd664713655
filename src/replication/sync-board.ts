/** The status of one sync, kept up to date by what happens and read by the API at any time. */
import { errorCodes, type WatcherError } from '../errors.ts';
import type { StreamMessage, Warning } from './change.ts';
import type { Driver, SourceStatus } from './driver.ts';
import type { DropPart } from './drop-sync.ts';
import { DumpProgress } from './dump-progress.ts';
import { LagTracker } from './lag.ts';
import type { SyncState } from './lifecycle.ts';
import { type Position, positionFromJson, positionToJson } from './position.ts';
import type { Checkpoint, StoredState } from './sink.ts';
import type { Counters, Desired, LastError, SyncStatus } from './status.ts';
import type { DurableBatch } from './writer.ts';

/** Nothing durable for this long while the source is ahead: the sync is stalled. */
const stalledAfterMs = 60_000;

const noCounters: Counters = {
  transactions: 0,
  inserts: 0,
  updates: 0,
  deletes: 0,
  truncates: 0,
  puts: 0,
  etcdTxns: 0,
  bytes: 0,
};

export interface SyncBoardOptions {
  readonly name: string;
  readonly driver: SyncStatus['driver'];
  readonly instance: string;
  readonly desired: Desired;
  readonly now: () => Date;
}

export class SyncBoard {
  readonly progress: DumpProgress;
  state: SyncState = 'stopped';
  desired: Desired;
  driver: SyncStatus['driver'];
  /** The leader that a standby waits for. */
  leader: string | null = null;
  leading = false;
  warnings: readonly Warning[] = [];
  /** Instances that take part with another configuration of the sync. */
  differing: readonly string[] = [];
  lastError: LastError | null = null;
  oldestPending: () => Date | null = () => null;
  readonly #options: SyncBoardOptions;
  #driver: Driver | null = null;
  #probed: SourceStatus | null = null;
  #lag: LagTracker | null = null;
  #counters: Counters = noCounters;
  #checkpoint: Checkpoint | null = null;
  #revision: bigint | null = null;
  /** Everything up to here is in etcd; a heartbeat moves it too, before it is written. */
  #reached: Position | null = null;
  /** Of the last heartbeat, if no transaction came after it. */
  #idleAt: Position | null = null;
  #progressAt: Date;

  constructor(options: SyncBoardOptions) {
    this.#options = options;
    this.desired = options.desired;
    this.driver = options.driver;
    this.progress = new DumpProgress(options.now);
    this.#progressAt = options.now();
  }

  leadershipBegan(): void {
    this.leading = true;
    this.leader = null;
    this.#counters = noCounters;
  }

  /** Of the checkpoint, or behind it by a heartbeat; null: there is none. */
  get position(): Position | null {
    return this.#reached;
  }

  attemptBegan(driver: Driver): void {
    this.#driver = driver;
    this.#lag = new LagTracker((a, b) => driver.compare(a, b));
    this.#progressAt = this.#options.now();
  }

  attemptEnded(): void {
    this.#driver = null;
    this.#lag = null;
    this.#idleAt = null;
    this.oldestPending = () => null;
  }

  loaded({ checkpoint, revision }: Pick<StoredState, 'checkpoint' | 'revision'>): void {
    this.#checkpoint = checkpoint;
    this.#revision = checkpoint === null ? null : revision;
    const dump = checkpoint?.dump ?? null;
    if (dump !== null && this.progress.startedAt === null) {
      const finishedAt = dump.finished_at === null ? null : new Date(dump.finished_at);
      this.progress.restore(new Date(dump.started_at), finishedAt);
    }
    const position = checkpoint?.position ?? null;
    this.#reached = position === null ? null : positionFromJson(position);
  }

  received(message: StreamMessage): void {
    if (message.type === 'transaction') this.#idleAt = null;
    if (message.type !== 'heartbeat') return;
    this.#idleAt = message.position;
    this.#reachIdle();
  }

  /** Once nothing is pending, the position of the last heartbeat is reached: it is written when its time comes. */
  #reachIdle(): void {
    if (this.#idleAt !== null && this.oldestPending() === null) this.#reach(this.#idleAt);
  }

  durable(batch: DurableBatch): void {
    const { tally, result } = batch;
    const before = this.#counters;
    this.#counters = {
      transactions: before.transactions + batch.transactions,
      inserts: before.inserts + tally.inserts,
      updates: before.updates + tally.updates,
      deletes: before.deletes + tally.deletes,
      truncates: before.truncates + tally.truncates,
      puts: before.puts + batch.puts,
      etcdTxns: before.etcdTxns + 1,
      bytes: before.bytes + result.bytes,
    };
    this.#checkpoint = batch.checkpoint;
    this.#revision = result.revision;
    this.#progressAt = this.#options.now();
    this.lastError = null;
    const position = batch.position ?? firstPosition(this.#reached, batch.checkpoint);
    if (position !== null) this.#reach(position);
    this.#reachIdle();
  }

  failed(error: WatcherError, retryAt: Date | null): void {
    const { code, message, remedy } = error;
    this.lastError = { code, message, remedy, at: this.#options.now(), retryAt };
  }

  #reach(position: Position): void {
    this.#reached = position;
    this.#lag?.passed(position);
  }

  /** Of a stopped sync: what a next start would find is not what was known. */
  dropped(parts: readonly DropPart[]): void {
    if (!parts.includes('keys') && !parts.includes('state')) return;
    this.#checkpoint = null;
    this.#revision = null;
    this.#reached = null;
    this.progress.reset();
  }

  /** What a sync that does not run learned of its source; null: nothing. */
  probed(status: SourceStatus | null): void {
    this.#probed = status;
  }

  /** Takes a sample of the source; call it about once a second. */
  sample(): void {
    const source = this.#driver?.status().position ?? null;
    if (source === null || this.#reached === null || this.#driver === null) return;
    if (this.#driver.compare(source, this.#reached) > 0) {
      this.#lag?.sampled(source, this.#options.now());
    }
  }

  status(): SyncStatus {
    const source = this.#driver?.status() ?? this.#probed;
    const sourcePosition = this.#notBehind(source?.position ?? null);
    const position = this.#checkpoint?.position ?? null;
    return {
      name: this.#options.name,
      driver: this.driver,
      state: this.state,
      desired: this.desired,
      instance: this.leading ? this.#options.instance : this.leader,
      position,
      sourcePosition: sourcePosition === null ? null : positionToJson(sourcePosition),
      lag: this.#lagNow(sourcePosition),
      dump: this.progress.status(),
      counters: this.#counters,
      retainedLogBytes: source?.retainedLogBytes ?? null,
      safeLogBytes: source?.safeLogBytes ?? null,
      checkpoint: {
        revision: this.#revision === null ? null : Number(this.#revision),
        committedAt:
          this.#checkpoint?.committed_at == null ? null : new Date(this.#checkpoint.committed_at),
      },
      warnings: [
        ...this.warnings,
        ...retentionWarning(source),
        ...this.differing.map(differenceWarning),
      ],
      lastError: this.lastError,
      leading: this.leading,
      leaderState: null,
      stalled: this.#stalled(),
    };
  }

  /** The sample may be older than what has come from the source since. */
  #notBehind(sampled: Position | null): Position | null {
    const reached = this.#reached;
    if (sampled === null || reached === null || this.#driver === null) return sampled;
    return this.#driver.compare(sampled, reached) < 0 ? reached : sampled;
  }

  #lagNow(source: Position | null): SyncStatus['lag'] {
    if (this.#driver === null || this.#lag === null || this.#reached === null) {
      return { bytes: null, seconds: null };
    }
    const bytes = source === null ? null : this.#driver.lagBytes(source, this.#reached);
    return { bytes, seconds: this.#lag.seconds(this.oldestPending(), this.#options.now()) };
  }

  #stalled(): boolean {
    const behind = this.#behindSince();
    if (behind === null) return false;
    const since = Math.max(this.#progressAt.getTime(), behind.getTime());
    return this.#options.now().getTime() - since > stalledAfterMs;
  }

  /** Since when there is something to do; null: there is nothing, or the sync does not run. */
  #behindSince(): Date | null {
    // There are rows to read. What is in etcd already is read and compared, but not written.
    if (this.state === 'dumping') return this.progress.movedAt ?? this.#progressAt;
    if (this.state !== 'streaming') return null;
    return this.oldestPending() ?? this.#lag?.behindSince ?? null;
  }
}

function differenceWarning(instance: string): Warning {
  const message = `The instance ${instance} has another configuration of this sync than this one`;
  return { code: 'config_differs', message, remedy: errorCodes.config_differs.remedy, table: null };
}

/** The source will let go of log that is still needed when as much again is written as it retains now. */
function retentionWarning(source: SourceStatus | null): readonly Warning[] {
  if (source === null || source.safeLogBytes === null || source.retainedLogBytes === null)
    return [];
  if (source.safeLogBytes >= source.retainedLogBytes) return [];
  const { retainedLogBytes: retained, safeLogBytes: safe } = source;
  const message = `The source retains ${retained} bytes of log for this sync, and loses it after ${safe} bytes more`;
  return [{ code: 'log_retained', message, remedy: errorCodes.log_retained.remedy, table: null }];
}

/** The end of the first dump is a position too. */
function firstPosition(reached: Position | null, { position }: Checkpoint): Position | null {
  return reached === null && position !== null ? positionFromJson(position) : null;
}
