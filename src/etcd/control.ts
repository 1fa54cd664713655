/** What the API of any instance tells the leader of a sync, through etcd, and what the leader publishes (SPEC §7). */
import { WatcherError } from '../errors.ts';
import type { EtcdClient } from './client.ts';
import { etcdError } from './errors.ts';
import type { Lease } from './lease.ts';
import type { LeaderGuard } from './sink.ts';
import { stateKeys } from './state-keys.ts';

export type Desired = 'running' | 'stopped';

/** A dump that was asked for. JSON. */
export interface DumpRequest {
  readonly id: string;
  /** `schema.table`; null: all. */
  readonly tables: readonly string[] | null;
  /** RFC 3339 */
  readonly requested_at: string;
}

export interface StoredRequest {
  readonly request: DumpRequest;
  readonly modRevision: bigint;
}

/** Every call throws WatcherError `etcd_unavailable` and the like, by the deadline of the client at the latest. */
export interface Control {
  /** null: never set. */
  readDesired(): Promise<Desired | null>;
  writeDesired(desired: Desired): Promise<void>;
  /** null: none. */
  readRequest(): Promise<StoredRequest | null>;
  writeRequest(request: DumpRequest): Promise<void>;
  /** After it was done: removes it unless another has taken its place. */
  removeRequest(stored: StoredRequest): Promise<void>;
  /** The JSON that the leader published; null: nobody leads. */
  readStatus(): Promise<string | null>;
}

export function createControl(client: EtcdClient, statePrefix: string, sync: string): Control {
  const keys = stateKeys(statePrefix, sync);
  const get = async (key: string) => (await client.range({ key })).kvs[0] ?? null;
  return {
    async readDesired() {
      const stored = await get(keys.desired);
      return stored === null ? null : parseDesired(stored.key, stored.value);
    },
    async writeDesired(desired) {
      await client.put({ key: keys.desired, value: desired });
    },
    async readRequest() {
      const stored = await get(keys.request);
      if (stored === null) return null;
      const { key, value, modRevision } = stored;
      return { request: parseRequest(key, value), modRevision };
    },
    async writeRequest(request) {
      await client.put({ key: keys.request, value: JSON.stringify(request) });
    },
    async removeRequest({ modRevision }) {
      const key = keys.request;
      const txn = {
        compare: [{ key, target: 'mod', revision: modRevision }],
        success: [{ kind: 'delete', key }],
      } as const;
      await client.txn(txn);
    },
    async readStatus() {
      return (await get(keys.status))?.value ?? null;
    },
  };
}

/** @throws WatcherError when it is neither `running` nor `stopped`. */
export function parseDesired(key: string, text: string): Desired {
  const desired = text.trim();
  if (desired === 'running' || desired === 'stopped') return desired;
  throw new WatcherError('checkpoint_unreadable', {
    message: `The key ${key} in etcd holds neither running nor stopped`,
    remedy: `Start or stop the sync by the API, or: etcdctl put ${key} running`,
  });
}

/** @throws WatcherError when it is not a request. */
export function parseRequest(key: string, text: string): DumpRequest {
  let value: Partial<DumpRequest> | null = null;
  let cause: unknown = null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    cause = error;
  }
  const { id, tables, requested_at } = value ?? {};
  const named = Array.isArray(tables) && tables.every((table) => typeof table === 'string');
  const valid = typeof id === 'string' && typeof requested_at === 'string';
  if (valid && (tables === null || named)) return { id, tables, requested_at };
  throw new WatcherError('checkpoint_unreadable', {
    message: `The key ${key} in etcd does not hold the request of a dump`,
    remedy: `Ask for the dump by the API, and remove what is there: etcdctl del ${key}`,
    cause,
  });
}

export interface StatusPublisher {
  /** Puts the status under the leader's lease; at most one put each interval, the newest wins. */
  publish(status: string): void;
  /** Publishes no more. What was not sent yet is dropped: the key goes with the lease. */
  close(): void;
}

export interface StatusPublisherOptions {
  readonly client: EtcdClient;
  readonly statePrefix: string;
  readonly sync: string;
  readonly lease: Lease;
  /** A put that arrives when another leads already is none. */
  readonly leader: Pick<LeaderGuard, 'key' | 'createRevision'>;
  /** 5 s. */
  readonly minIntervalMs?: number;
  /** A put failed; the next interval tries again. */
  readonly onError: (error: WatcherError) => void;
}

export function createStatusPublisher(options: StatusPublisherOptions): StatusPublisher {
  const { client, lease, leader, minIntervalMs = 5_000, onError } = options;
  const { status: key } = stateKeys(options.statePrefix, options.sync);
  let published: string | null = null;
  let wanted: string | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const send = async () => {
    const value = wanted;
    if (closed || value === null || value === published || !lease.isValid()) return;
    try {
      await client.txn({
        compare: [{ key: leader.key, target: 'create', revision: leader.createRevision }],
        success: [{ kind: 'put', key, value, lease: lease.id }],
      });
      published = value;
    } catch (error) {
      onError(etcdError(error));
    }
  };
  const tick = async () => {
    await send();
    const again = !closed && lease.isValid() && wanted !== published;
    timer = again ? setTimeout(tick, minIntervalMs) : null;
  };
  const start = () => {
    // The interval also runs after the last put, so that the next change cannot come too soon.
    timer = setTimeout(tick, minIntervalMs);
    void send();
  };
  return {
    publish(status) {
      wanted = status;
      if (timer === null && !closed && wanted !== published) start();
    },
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
