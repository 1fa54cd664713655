import { setImmediate as turn } from 'node:timers/promises';
import { WatcherError } from '../../src/errors.ts';
import {
  type Batch,
  type Checkpoint,
  type KeyOp,
  type ListedKey,
  opOverheadBytes,
  type Sink,
  type SinkLimits,
  type StoredState,
  type TableRecords,
  type WriteResult,
} from '../../src/replication/sink.ts';

interface Stored {
  readonly value: string;
  readonly modRevision: bigint;
}

/** What one revision changed, for assertions. */
export interface Revision {
  readonly revision: bigint;
  readonly batch: Batch;
  /** Keys that are different after it; null: deleted. */
  readonly changed: ReadonlyMap<string, string | null>;
}

/**
 * What becomes of a write:
 * - `reject`: nothing is written, `etcd_unavailable`.
 * - `lost_response`: it is written, and the caller learns `etcd_unavailable`, as after a crash.
 * - `request_too_large`: nothing is written, and the limits are halved.
 * - a promise: it waits; an abort meanwhile is thrown, and the write lands all the same when the promise resolves
 *   (unless the checkpoint has moved by then).
 */
export type Fault = 'reject' | 'lost_response' | 'request_too_large' | Promise<unknown>;

export interface MemoryStoreOptions {
  readonly limits?: Partial<SinkLimits>;
  /** Asked before each write; `index` counts all writes of the store, from 0. */
  readonly fault?: (batch: Batch, index: number) => Fault | null;
}

/** An etcd in memory: it outlives the sinks that write to it. */
export class MemoryStore {
  readonly rows = new Map<string, Stored>();
  readonly history: Revision[] = [];
  /** What a correct caller never does. */
  readonly violations: string[] = [];
  limits: SinkLimits;
  fault: NonNullable<MemoryStoreOptions['fault']>;
  revision = 1n;
  checkpoint: Checkpoint | null = null;
  checkpointRevision = 0n;
  tables: TableRecords = {};
  writes = 0;
  reads = 0;

  constructor({ limits = {}, fault = () => null }: MemoryStoreOptions = {}) {
    this.limits = { maxOps: 4_096, maxBytes: 1_400_000, ...limits };
    this.fault = fault;
  }

  /** A sink for one leadership. */
  sink(): Sink {
    return new MemorySink(this);
  }

  /** As somebody else would put it. */
  putForeign(key: string, value: string): void {
    this.revision += 1n;
    this.rows.set(key, { value, modRevision: this.revision });
  }

  values(prefix = ''): Record<string, string> {
    return Object.fromEntries(
      this.keys(prefix).map((key) => [key, (this.rows.get(key) as Stored).value]),
    );
  }

  /** In etcd's order: by bytes. */
  keys(prefix: string): string[] {
    return [...this.rows.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes);
  }

  apply(batch: Batch): bigint {
    this.revision += 1n;
    const changed = new Map<string, string | null>();
    for (const { from, to } of batch.clears) {
      for (const key of this.rows.keys()) {
        if (byBytes(key, from) >= 0 && byBytes(key, to) < 0 && batch.ops.get(key)?.kind !== 'put') {
          changed.set(key, null);
        }
      }
    }
    for (const { key, modRevision } of batch.sweeps) {
      if (this.rows.get(key)?.modRevision === modRevision) changed.set(key, null);
    }
    for (const op of batch.ops.values()) changed.set(op.key, op.kind === 'put' ? op.value : null);
    for (const [key, value] of changed) {
      if (value === null) this.rows.delete(key);
      else this.rows.set(key, { value, modRevision: this.revision });
    }
    this.checkpoint = structuredClone(batch.checkpoint);
    this.checkpointRevision = this.revision;
    if (batch.tables !== null) this.tables = structuredClone(batch.tables);
    const kept = { ...batch, ops: new Map(batch.ops), clears: [...batch.clears] };
    this.history.push({ revision: this.revision, batch: kept, changed });
    return this.revision;
  }

  check(batch: Batch): void {
    const { maxOps, maxBytes } = this.limits;
    const count = batch.ops.size + batch.clears.length + batch.sweeps.length;
    const bytes = [...batch.ops.values()].reduce((sum, op) => sum + opSize(op), 0);
    if (count > 1 && count > maxOps) this.violations.push(`${count} operations`);
    if (batch.ops.size > 1 && bytes > maxBytes) this.violations.push(`${bytes} bytes`);
    for (const [key, op] of batch.ops)
      if (key !== op.key) this.violations.push(`${key}: ${op.key}`);
    for (const { key } of batch.sweeps)
      if (batch.ops.has(key)) this.violations.push(`sweeps and writes ${key}`);
  }
}

export const memoryStagedPrefix = '/state/staged/';

class MemorySink implements Sink {
  readonly stagedPrefix = memoryStagedPrefix;
  readonly #store: MemoryStore;
  #follows: bigint | null = null;
  #writing = false;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  get limits(): SinkLimits {
    return this.#store.limits;
  }

  async load(signal: AbortSignal): Promise<StoredState> {
    await turn();
    signal.throwIfAborted();
    const { checkpoint, checkpointRevision, tables } = this.#store;
    this.#follows = checkpointRevision;
    return { checkpoint, revision: checkpointRevision, tables };
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteResult> {
    const store = this.#store;
    if (this.#writing) store.violations.push('two writes at once');
    if (this.#follows === null) store.violations.push('a write before load');
    this.#writing = true;
    try {
      return await this.#write(batch, this.#follows ?? -1n, signal);
    } finally {
      this.#writing = false;
    }
  }

  async #write(batch: Batch, follows: bigint, signal: AbortSignal): Promise<WriteResult> {
    const store = this.#store;
    const fault = store.fault(batch, store.writes);
    store.writes += 1;
    store.check(batch);
    await turn();
    signal.throwIfAborted();
    if (fault === 'reject') throw new WatcherError('etcd_unavailable');
    if (fault === 'request_too_large') {
      const { maxOps, maxBytes } = store.limits;
      store.limits = { maxOps: Math.ceil(maxOps / 2), maxBytes: Math.ceil(maxBytes / 2) };
      throw new WatcherError('request_too_large');
    }
    const land = (): bigint => {
      if (store.checkpointRevision !== follows) throw new WatcherError('fenced');
      return store.apply(batch);
    };
    const revision = fault instanceof Promise ? await late(fault.then(land), signal) : land();
    if (fault === 'lost_response') throw new WatcherError('etcd_unavailable');
    this.#follows = revision;
    const bytes = [...batch.ops.values()].reduce((sum, op) => sum + opSize(op), 0);
    return { revision, bytes };
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    this.#store.reads += 1;
    await turn();
    signal.throwIfAborted();
    const found = new Map<string, string>();
    for (const key of keys) {
      const stored = this.#store.rows.get(key);
      if (stored !== undefined) found.set(key, stored.value);
    }
    return found;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<readonly ListedKey[]> {
    // At one revision: taken before the first page is given.
    const listed = this.#store
      .keys(prefix)
      .map((key) => ({ key, ...(this.#store.rows.get(key) as Stored) }));
    for (let at = 0; at < listed.length; at += 3) {
      await turn();
      signal.throwIfAborted();
      yield listed.slice(at, at + 3);
    }
  }

  async count(prefix: string, signal: AbortSignal): Promise<number> {
    await turn();
    signal.throwIfAborted();
    return this.#store.keys(prefix).length;
  }
}

/** Settles with the work, or with the abort if that comes first: then the work goes on unseen. */
function late<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function opSize(op: KeyOp): number {
  const value = op.kind === 'put' ? Buffer.byteLength(op.value) : 0;
  return opOverheadBytes + Buffer.byteLength(op.key) + value;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
