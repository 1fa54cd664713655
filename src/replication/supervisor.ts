/** All syncs of this process, by name: what the API and `main.ts` hold. */
import { randomUUID } from 'node:crypto';
import { WatcherError } from '../errors.ts';
import type { Coordination } from './coordination.ts';
import type { DropOrder, DropReport } from './drop-sync.ts';
import type { Replicator } from './replicator.ts';
import type { Desired, SyncControl, SyncObserver, SyncStatus } from './status.ts';
import type { SyncBoard } from './sync-board.ts';

export interface SupervisedSync {
  readonly board: SyncBoard;
  readonly replicator: Replicator;
  readonly coordination: Coordination;
}

export interface EtcdContact {
  everReached: boolean;
  reachable: boolean;
  message: string | null;
}

/** Passes what happens in the syncs on to whoever observes. */
export class Observers implements SyncObserver {
  readonly #observers: SyncObserver[] = [];

  add(observer: SyncObserver): void {
    this.#observers.push(observer);
  }

  rows(...call: Parameters<SyncObserver['rows']>): void {
    for (const observer of this.#observers) observer.rows(...call);
  }

  transactions(...call: Parameters<SyncObserver['transactions']>): void {
    for (const observer of this.#observers) observer.transactions(...call);
  }

  etcdTxn(...call: Parameters<SyncObserver['etcdTxn']>): void {
    for (const observer of this.#observers) observer.etcdTxn(...call);
  }

  error(...call: Parameters<SyncObserver['error']>): void {
    for (const observer of this.#observers) observer.error(...call);
  }
}

export interface SupervisorOptions {
  /** Those of the start, by name. */
  readonly syncs: ReadonlyMap<string, SupervisedSync>;
  readonly observers: Observers;
  readonly contact: EtcdContact;
  readonly decodeStatus: (published: string) => SyncStatus | null;
}

interface Run {
  readonly end: AbortController;
  readonly ended: Promise<void>;
}

export class Supervisor implements SyncControl {
  readonly #options: SupervisorOptions;
  readonly #syncs: Map<string, SupervisedSync>;
  readonly #runs = new Map<SupervisedSync, Run>();
  /** Published statuses of leaders, by their text. */
  readonly #decoded = new Map<string, SyncStatus | null>();
  readonly #dropping = new Set<Promise<unknown>>();
  #phase: 'new' | 'running' | 'stopped' = 'new';

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#syncs = new Map(options.syncs);
  }

  start(): void {
    this.#phase = 'running';
    for (const sync of this.#syncs.values()) this.#run(sync);
  }

  /** Finishes or abandons what is in hand, gives up every leadership. Idempotent. */
  async stop(): Promise<void> {
    this.#phase = 'stopped';
    for (const { end } of this.#runs.values()) end.abort(new Error('Watcher stops'));
    await Promise.all([...this.#runs.values()].map(({ ended }) => ended));
    await Promise.allSettled(this.#dropping);
  }

  /** Another sync; it runs if the others do. None of its name may be there, or be on its way out. */
  add(name: string, sync: SupervisedSync): void {
    this.#syncs.set(name, sync);
    if (this.#phase === 'running') this.#run(sync);
  }

  /** From now on there is no sync of this name. Resolves once it has stopped. */
  async remove(name: string): Promise<void> {
    const sync = this.#syncs.get(name);
    if (sync === undefined) return;
    this.#syncs.delete(name);
    const run = this.#runs.get(sync);
    run?.end.abort(new Error('the sync is not configured any more'));
    await run?.ended;
    this.#runs.delete(sync);
  }

  #run(sync: SupervisedSync): void {
    const end = new AbortController();
    this.#runs.set(sync, { end, ended: sync.replicator.run(end.signal) });
  }

  list(): readonly SyncStatus[] {
    return [...this.#syncs.keys()].sort().map((name) => this.get(name));
  }

  get(name: string): SyncStatus {
    const { board, replicator } = this.#sync(name);
    const own = board.status();
    if (own.state !== 'standby' || replicator.published === null) return own;
    const leaders = this.#decode(replicator.published);
    if (leaders === null) return own;
    const { state, desired, leading } = own;
    return { ...leaders, state, desired, leading, leaderState: leaders.state };
  }

  /** Everybody who asks would decode it again, and a leader publishes at most every few seconds. */
  #decode(published: string): SyncStatus | null {
    const known = this.#decoded.get(published);
    if (known !== undefined) return known;
    // Those of before are not asked for again.
    if (this.#decoded.size >= 2 * this.#syncs.size) this.#decoded.clear();
    const status = this.#options.decodeStatus(published);
    this.#decoded.set(published, status);
    return status;
  }

  async setDesired(name: string, desired: Desired): Promise<SyncStatus> {
    const { coordination, replicator } = this.#sync(name);
    await coordination.setDesired(desired);
    replicator.orderDesired(desired);
    return this.get(name);
  }

  async requestDump(name: string, tables: readonly string[] | null): Promise<SyncStatus> {
    const { coordination, replicator } = this.#sync(name);
    const status = this.get(name);
    if (status.desired === 'stopped') throw new WatcherError('sync_stopped');
    if (status.dump.state === 'running') throw new WatcherError('dump_running');
    if (tables !== null) await requireKnown(tables, status, coordination);
    const request = { id: randomUUID(), tables };
    await coordination.putRequest(request);
    replicator.orderDump(request);
    return this.get(name);
  }

  async drop(name: string, order: DropOrder): Promise<DropReport> {
    const sync = this.#sync(name);
    const end = this.#runs.get(sync)?.end;
    if (end === undefined || this.get(name).state !== 'stopped') {
      throw new WatcherError('sync_not_stopped');
    }
    const dropping = sync.replicator.drop(order, end.signal);
    this.#dropping.add(dropping);
    try {
      return await dropping;
    } finally {
      this.#dropping.delete(dropping);
    }
  }

  etcdContact(): EtcdContact {
    return { ...this.#options.contact };
  }

  observe(observer: SyncObserver): void {
    this.#options.observers.add(observer);
  }

  #sync(name: string): SupervisedSync {
    const sync = this.#syncs.get(name);
    if (sync !== undefined) return sync;
    throw new WatcherError('unknown_sync', { message: `There is no sync named ${name}` });
  }
}

/** @throws WatcherError `unknown_table`, `etcd_unavailable`. */
async function requireKnown(
  asked: readonly string[],
  { dump }: SyncStatus,
  coordination: Coordination,
): Promise<void> {
  const included = dump.tables.filter(({ state }) => state !== 'excluded');
  // No attempt has come as far as the tables since the start: an earlier process's may have.
  const known = new Set(
    included.length > 0
      ? included.map(({ table }) => table)
      : Object.values(await coordination.tables()).map(({ table }) => table),
  );
  for (const { table, state } of dump.tables) if (state === 'excluded') known.delete(table);
  const unknown = asked.filter((table) => !known.has(table));
  if (unknown.length === 0) return;
  const message =
    dump.tables.length === 0 && known.size === 0
      ? 'The sync has not read its tables yet; its first dump will be of all of them'
      : `The sync has no table ${unknown.join(', ')}`;
  throw new WatcherError('unknown_table', { message });
}
