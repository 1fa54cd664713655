/** A SyncControl in memory, for tests of the API. */
import { type ErrorCode, WatcherError } from '../../../src/errors.ts';
import type { DropOrder, DropReport } from '../../../src/replication/drop-sync.ts';
import type {
  Desired,
  SyncControl,
  SyncObserver,
  SyncStatus,
} from '../../../src/replication/status.ts';

export const at = new Date('2026-01-31T10:05:12.345Z');

export function statusOf(name: string, changes: Partial<SyncStatus> = {}): SyncStatus {
  return {
    name,
    driver: 'pgx',
    state: 'streaming',
    desired: 'running',
    instance: 'node-1',
    position: { lsn: '0/16B3748' },
    sourcePosition: { lsn: '0/16B3800' },
    lag: { bytes: 184, seconds: 0.25 },
    dump: {
      state: 'done',
      startedAt: at,
      finishedAt: at,
      percent: 100,
      etaSeconds: 0,
      tables: [{ table: 'public.products', state: 'done', rows: 12, rowsEstimated: 11 }],
    },
    counters: {
      transactions: 1,
      inserts: 2,
      updates: 3,
      deletes: 4,
      truncates: 5,
      puts: 6,
      etcdTxns: 7,
      bytes: 8,
    },
    retainedLogBytes: 1024,
    safeLogBytes: 4096,
    checkpoint: { revision: 77, committedAt: at },
    warnings: [{ code: 'no_key', message: 'm', remedy: 'r', table: 'public.notes' }],
    lastError: null,
    leading: true,
    leaderState: null,
    stalled: false,
    ...changes,
  };
}

/** What is not known of a sync that has never run here. */
export function unknownStatusOf(name: string): SyncStatus {
  return statusOf(name, {
    state: 'stopped',
    desired: 'stopped',
    instance: null,
    position: null,
    sourcePosition: null,
    lag: { bytes: null, seconds: null },
    dump: {
      state: 'none',
      startedAt: null,
      finishedAt: null,
      percent: null,
      etaSeconds: null,
      tables: [],
    },
    retainedLogBytes: null,
    safeLogBytes: null,
    checkpoint: { revision: null, committedAt: null },
    warnings: [],
    leading: false,
  });
}

export class StubControl implements SyncControl {
  readonly statuses: Map<string, SyncStatus>;
  readonly orders: unknown[] = [];
  readonly observers: SyncObserver[] = [];
  contact: ReturnType<SyncControl['etcdContact']> = {
    everReached: true,
    reachable: true,
    message: null,
  };
  report: DropReport = { slot: null, publication: null, keys: [], state: [], kept: [] };
  /** Thrown by every order. */
  failure: unknown = null;

  constructor(...statuses: readonly SyncStatus[]) {
    this.statuses = new Map(statuses.map((status) => [status.name, status]));
  }

  list(): readonly SyncStatus[] {
    return [...this.statuses.values()];
  }

  get(name: string): SyncStatus {
    const status = this.statuses.get(name);
    if (status === undefined) throw new WatcherError('unknown_sync');
    return status;
  }

  async setDesired(name: string, desired: Desired): Promise<SyncStatus> {
    return this.#order(name, ['desired', name, desired]);
  }

  async requestDump(name: string, tables: readonly string[] | null): Promise<SyncStatus> {
    return this.#order(name, ['dump', name, tables]);
  }

  async drop(name: string, order: DropOrder): Promise<DropReport> {
    this.#order(name, ['drop', name, order]);
    return this.report;
  }

  etcdContact(): ReturnType<SyncControl['etcdContact']> {
    return this.contact;
  }

  observe(observer: SyncObserver): void {
    this.observers.push(observer);
  }

  #order(name: string, order: unknown): SyncStatus {
    const status = this.get(name);
    if (this.failure !== null) throw this.failure;
    this.orders.push(order);
    return status;
  }
}

export function failing(code: ErrorCode, message?: string): StubControl {
  const control = new StubControl(statusOf('inventory'));
  control.failure = new WatcherError(code, message === undefined ? {} : { message });
  return control;
}
