import { type ErrorCode, WatcherError } from '../../src/errors.ts';
import type {
  Claim,
  Coordination,
  DumpRequest,
  Lead,
  SyncOrders,
} from '../../src/replication/coordination.ts';
import type { Desired } from '../../src/replication/status.ts';
import type { MemoryStore } from './memory-sink.ts';

interface Leadership {
  readonly instance: string;
  readonly lost: AbortController;
  held: boolean;
}

/** What the instances of one sync share: orders, and who leads. */
export class MemoryHub {
  readonly store: MemoryStore;
  desired: Desired | null = null;
  desiredRevision = 0n;
  request: DumpRequest | null = null;
  published: string | null = null;
  differing: readonly string[] = [];
  leader: Leadership | null = null;
  /** Every call fails as without etcd, or as `fault` says. */
  away = false;
  fault: ErrorCode = 'etcd_unavailable';
  /** Awaited before a request is removed. */
  beforeClear: () => Promise<unknown> = async () => undefined;
  /** Times that somebody began to lead. */
  terms = 0;
  #changes = 0;
  #waiters: (() => void)[] = [];

  constructor(store: MemoryStore) {
    this.store = store;
  }

  /** For one instance. */
  coordination(instance: string): Coordination {
    return new MemoryCoordination(this, instance);
  }

  /** The leader's lease ends; whether it notices is its own affair. @param by Another instance leads then. */
  depose(by?: string): void {
    const { leader } = this;
    if (leader === null) return;
    this.leader =
      by === undefined ? null : { instance: by, lost: new AbortController(), held: true };
    leader.lost.abort(new WatcherError('fenced'));
    this.changed();
  }

  orders(): SyncOrders {
    const { desired, desiredRevision, request, published } = this;
    return { desired, desiredRevision, request, published, differing: this.differing };
  }

  changed(): void {
    this.#changes += 1;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  get changes(): number {
    return this.#changes;
  }

  /** Resolves at the next change after `seen`. @throws the reason of the signal. */
  async changedSince(seen: number, signal: AbortSignal): Promise<number> {
    while (this.#changes === seen) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.#waiters.push(done);
        signal.addEventListener('abort', done);
      });
    }
    signal.throwIfAborted();
    return this.#changes;
  }

  requireHere(): void {
    if (this.away) throw new WatcherError(this.fault);
  }
}

class MemoryCoordination implements Coordination {
  readonly #hub: MemoryHub;
  readonly #instance: string;

  constructor(hub: MemoryHub, instance: string) {
    this.#hub = hub;
    this.#instance = instance;
  }

  async campaign(signal: AbortSignal, onStandby: (leader: string | null) => void): Promise<Lead> {
    const hub = this.#hub;
    hub.requireHere();
    let seen = hub.changes;
    while (hub.leader !== null) {
      onStandby(hub.leader.instance);
      seen = await hub.changedSince(seen, signal);
    }
    signal.throwIfAborted();
    const leadership = { instance: this.#instance, lost: new AbortController(), held: true };
    hub.leader = leadership;
    hub.terms += 1;
    hub.changed();
    return {
      sink: hub.store.sink(),
      lost: leadership.lost.signal,
      publish: (status) => {
        if (hub.leader !== leadership || hub.published === status) return;
        hub.published = status;
        hub.changed();
      },
      async release() {
        if (hub.leader !== leadership) return;
        hub.leader = null;
        hub.published = null;
        hub.changed();
      },
    };
  }

  async *orders(signal: AbortSignal): AsyncGenerator<SyncOrders, never> {
    const hub = this.#hub;
    for (;;) {
      hub.requireHere();
      const seen = hub.changes;
      yield hub.orders();
      await hub.changedSince(seen, signal);
    }
  }

  async checkpoint(): ReturnType<Coordination['checkpoint']> {
    this.#hub.requireHere();
    const { checkpoint, checkpointRevision: revision } = this.#hub.store;
    return { checkpoint, revision };
  }

  async tables(): ReturnType<Coordination['tables']> {
    this.#hub.requireHere();
    return this.#hub.store.tables;
  }

  async setDesired(desired: Desired): Promise<void> {
    this.#hub.requireHere();
    this.#hub.desired = desired;
    this.#hub.desiredRevision += 1n;
    this.#hub.changed();
  }

  configure(): void {}

  async claim(): Promise<Claim> {
    const hub = this.#hub;
    hub.requireHere();
    if (hub.leader !== null) throw new WatcherError('sync_not_stopped');
    const leadership = { instance: this.#instance, lost: new AbortController(), held: true };
    hub.leader = leadership;
    hub.changed();
    const { store } = hub;
    return {
      sink: store.sink(),
      lost: leadership.lost.signal,
      async stateKeys() {
        hub.requireHere();
        return store.checkpoint === null ? [] : ['/state/checkpoint', '/state/tables'];
      },
      async removeState() {
        hub.requireHere();
        store.checkpoint = null;
        store.checkpointRevision = 0n;
        store.tables = {};
        hub.request = null;
      },
      async release() {
        if (hub.leader !== leadership) return;
        hub.leader = null;
        hub.changed();
      },
    };
  }

  async putRequest(request: DumpRequest): Promise<void> {
    this.#hub.requireHere();
    this.#hub.request = request;
    this.#hub.changed();
  }

  async clearRequest(id: string): Promise<void> {
    await this.#hub.beforeClear();
    this.#hub.requireHere();
    if (this.#hub.request?.id !== id) return;
    this.#hub.request = null;
    this.#hub.changed();
  }
}
