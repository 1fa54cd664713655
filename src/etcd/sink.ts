/**
 * The sink: rows and checkpoint in one etcd transaction, exactly once (DESIGN §3).
 *
 * A write compares the revision of the checkpoint that it follows, and the leader's key. What follows from the
 * answer, where `mark` is the writer's id and batch number that each checkpoint carries:
 * 1. The comparisons held: durable.
 * 2. They failed, and the checkpoint has our mark: an earlier sending of the same batch had landed; durable.
 * 3. They failed otherwise: another writer; `fenced`.
 * 4. A refusal (size, permission, user): nothing was written; thrown.
 * 5. No answer, or NOSPACE (answered also after a write was applied): the outcome is unknown. The checkpoint is
 *    read, linearizably, until that is answered: our mark → durable; the revision that we follow → not applied,
 *    and the same bytes are sent again (if both land, the comparison refuses the second); else `fenced`.
 */
import { randomUUID } from 'node:crypto';
import { WatcherError } from '../errors.ts';
import type { Batch, Sink, StoredState, TableRecords, WriteResult } from '../replication/sink.ts';
import { decodeCheckpoint, decodeTables, encodeCheckpoint, type WriterMark } from './checkpoint.ts';
import type { EtcdClient } from './client.ts';
import { etcdError, isRefusal, reasonOf } from './errors.ts';
import type { ServerLimits } from './limits.ts';
import { pause } from './pause.ts';
import type { Compare } from './requests.ts';
import type { KeyValue, TxnResponse } from './responses.ts';
import { countKeys, listKeys, readKeys } from './rows.ts';
import { type StateKeys, stateKeys } from './state-keys.ts';
import { rowTooLarge } from './too-large.ts';
import { encodeWrite } from './txn.ts';

/** What a leader must be to write. */
export interface LeaderGuard {
  readonly key: string;
  readonly createRevision: bigint;
  /** False once the lease may have expired, by our own clock. */
  isValid(): boolean;
}

export interface EtcdSinkOptions {
  readonly client: EtcdClient;
  readonly limits: ServerLimits;
  readonly statePrefix: string;
  readonly sync: string;
  /** Names this process in the checkpoint, for people; a random part is added. */
  readonly writerId: string;
  readonly leader?: LeaderGuard | null;
  /** Deadline of one sending; 5 s. etcd's own is 7 s. */
  readonly writeTimeoutMs?: number;
  /** How long an unknown outcome is looked into before `etcd_unavailable` is thrown; 15 s. */
  readonly resolveTimeoutMs?: number;
}

type Settings = Required<EtcdSinkOptions>;

interface Sent {
  readonly batch: Batch;
  readonly bytes: number;
  /** Revision of the checkpoint that the batch follows. */
  readonly follows: bigint;
  /** When the outcome is given up, in monotonic milliseconds. */
  readonly end: number;
}

const firstRetryMs = 50;
const maxRetryMs = 1_000;
/** For the comparisons, the failure branch and the lengths of nested messages. */
const requestSpareBytes = 8 * 1024;

export function createEtcdSink(options: EtcdSinkOptions): Sink {
  const { leader = null, writeTimeoutMs = 5_000, resolveTimeoutMs = 15_000 } = options;
  return new EtcdSink({ ...options, leader, writeTimeoutMs, resolveTimeoutMs });
}

class EtcdSink implements Sink {
  readonly #settings: Settings;
  readonly #keys: StateKeys;
  readonly limits: Sink['limits'];
  readonly stagedPrefix: string;
  /** Of the checkpoint that the next write follows; null: not loaded. */
  #revision: bigint | null = null;
  #mark: WriterMark = { id: '', batch: 0 };
  #tables: TableRecords = {};
  /** Of the checkpoint and the tables as JSON, as they were last seen. */
  #checkpointBytes = 0;
  #tablesBytes = 0;
  /** The last request's, when nobody can be reading it any more: one of this size for each batch is much garbage. */
  #space: Buffer | number = 64 * 1024;
  #writing = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#keys = stateKeys(settings.statePrefix, settings.sync);
    this.stagedPrefix = this.#keys.staged;
    const stateBytes = () => this.#checkpointBytes + this.#tablesBytes + requestSpareBytes;
    this.limits = {
      get maxOps() {
        return settings.limits.maxOps;
      },
      get maxBytes() {
        return settings.limits.maxBytes(stateBytes());
      },
    };
  }

  async load(signal: AbortSignal): Promise<StoredState> {
    const { client, limits, writerId } = this.#settings;
    await limits.learn(client, this.#keys.checkpoint, signal);
    const keys = [this.#keys.checkpoint, this.#keys.tables];
    const success = keys.map((key) => ({ kind: 'range', key }) as const);
    const { ranges } = await client.txn({ compare: [], success }, { signal });
    const [checkpoint, tables] = ranges.map(({ kvs }) => kvs[0]);
    const stored =
      checkpoint === undefined ? null : decodeCheckpoint(checkpoint.key, checkpoint.value);
    this.#tables = tables === undefined ? {} : decodeTables(tables.key, tables.value);
    this.#revision = checkpoint?.modRevision ?? 0n;
    // A new id each time: a batch of before, that lands late, must not look like one of now.
    this.#mark = { id: `${writerId}/${randomUUID()}`, batch: 0 };
    this.#checkpointBytes = Buffer.byteLength(checkpoint?.value ?? '');
    this.#tablesBytes = Buffer.byteLength(tables?.value ?? '');
    return {
      checkpoint: stored?.checkpoint ?? null,
      revision: this.#revision,
      tables: this.#tables,
    };
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteResult> {
    if (this.#revision === null) throw misuse('write before load');
    if (this.#writing) throw misuse('two writes at once');
    this.#writing = true;
    try {
      return await this.#write(batch, this.#revision, signal);
    } finally {
      this.#writing = false;
    }
  }

  read(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return readKeys(this.#settings.client, keys, this.#settings.limits.maxTxnOps, signal);
  }

  list(prefix: string, signal: AbortSignal): ReturnType<Sink['list']> {
    return listKeys(this.#settings.client, prefix, signal);
  }

  count(prefix: string, signal: AbortSignal): Promise<number> {
    return countKeys(this.#settings.client, prefix, signal);
  }

  async #write(batch: Batch, follows: bigint, signal: AbortSignal): Promise<WriteResult> {
    this.#mark = { id: this.#mark.id, batch: this.#mark.batch + 1 };
    const { writeTimeoutMs, client, resolveTimeoutMs } = this.#settings;
    const request = this.#encode(batch, follows);
    const end = performance.now() + writeTimeoutMs + resolveTimeoutMs;
    let retryMs = firstRetryMs;
    let mayStillBeSent = false;
    for (;;) {
      this.#checkLeader();
      const answer = await client
        .txn(request, { signal, timeoutMs: writeTimeoutMs })
        .catch((error: unknown) => ({ failure: error }));
      const failed = 'failure' in answer;
      const revision = failed
        ? await this.#failed(answer.failure, { batch, bytes: request.length, follows, end }, signal)
        : this.#answered(answer);
      mayStillBeSent ||= failed;
      if (revision !== null) {
        this.#revision = revision;
        if (!mayStillBeSent) this.#space = Buffer.from(request.buffer);
        if (batch.tables !== null) this.#tables = batch.tables;
        return { revision, bytes: request.length };
      }
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
  }

  #encode(batch: Batch, follows: bigint): Buffer {
    const { limits, leader } = this.#settings;
    const checkpoint = encodeCheckpoint(batch.checkpoint, this.#mark);
    const state = [{ key: this.#keys.checkpoint, value: checkpoint }];
    this.#checkpointBytes = Buffer.byteLength(checkpoint);
    if (batch.tables !== null) {
      const tables = JSON.stringify(batch.tables);
      state.push({ key: this.#keys.tables, value: tables });
      this.#tablesBytes = Buffer.byteLength(tables);
    }
    const compare: Compare[] = [{ key: this.#keys.checkpoint, target: 'mod', revision: follows }];
    if (leader !== null) {
      compare.push({ key: leader.key, target: 'create', revision: leader.createRevision });
    }
    const request = encodeWrite({
      ...batch,
      state,
      compare,
      checkpointKey: this.#keys.checkpoint,
      maxTxnOps: limits.maxTxnOps,
      space: this.#space,
    });
    if (request === null) {
      throw new WatcherError('request_too_large', {
        message: `etcd takes ${limits.maxOps} operations in one transaction, not ${batch.ops.size}`,
      });
    }
    this.#space = request.length + requestSpareBytes;
    return request;
  }

  /** The revision at which the batch is durable. */
  #answered({ succeeded, revision, ranges }: TxnResponse): bigint {
    if (succeeded) return revision;
    const stored = ranges[0]?.kvs[0];
    if (stored !== undefined && this.#isOurs(stored)) return stored.modRevision;
    throw new WatcherError('fenced');
  }

  /**
   * @returns the revision at which the batch is durable, or null: not applied, and it may be sent again.
   * @throws the failure, when the batch was not applied and sending it again would not help.
   */
  async #failed(
    failure: unknown,
    { batch, bytes, follows, end }: Sent,
    signal: AbortSignal,
  ): Promise<bigint | null> {
    signal.throwIfAborted();
    if (isRefusal(failure)) throw this.#refused(failure, batch, bytes);
    const stored = await this.#readCheckpoint(end, signal);
    if (stored !== undefined && this.#isOurs(stored)) return stored.modRevision;
    if ((stored?.modRevision ?? 0n) !== follows) throw new WatcherError('fenced');
    if (reasonOf(failure) !== 'unavailable' || performance.now() >= end) throw etcdError(failure);
    return null;
  }

  async #readCheckpoint(end: number, signal: AbortSignal): Promise<KeyValue | undefined> {
    let retryMs = firstRetryMs;
    for (;;) {
      try {
        const range = await this.#settings.client.range({ key: this.#keys.checkpoint }, { signal });
        return range.kvs[0];
      } catch (error) {
        signal.throwIfAborted();
        if (reasonOf(error) !== 'unavailable' || performance.now() + retryMs >= end) throw error;
      }
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
  }

  #isOurs({ key, value }: KeyValue): boolean {
    const { writer } = decodeCheckpoint(key, value);
    return writer.id === this.#mark.id && writer.batch === this.#mark.batch;
  }

  #checkLeader(): void {
    if (this.#settings.leader?.isValid() !== false) return;
    throw new WatcherError('fenced', {
      message: 'The lease of this leader may have expired: it has not been renewed in time',
      remedy: 'None needed: the election is held again. Check the connection to etcd.',
    });
  }

  #refused(error: unknown, batch: Batch, requestBytes: number): WatcherError {
    const { limits } = this.#settings;
    if (reasonOf(error) === 'too_many_operations') {
      limits.refusedOperations();
      return new WatcherError('request_too_large', { cause: error });
    }
    if (reasonOf(error) !== 'too_large') return etcdError(error);
    const operations = batch.ops.size + batch.clears.length + batch.sweeps.length;
    if (operations > 1 && limits.refused(requestBytes)) return etcdError(error);
    return rowTooLarge(batch, batch.tables ?? this.#tables, error);
  }
}

function misuse(what: string): WatcherError {
  return new WatcherError('internal', { message: `The sink was used wrongly: ${what}` });
}
