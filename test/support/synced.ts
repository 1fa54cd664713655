import { Replicator } from '../../src/replication/replicator.ts';
import type { ReplicatorSettings } from '../../src/replication/replicator-options.ts';
import type { SyncStatus } from '../../src/replication/status.ts';
import { Observers, type SupervisedSync, Supervisor } from '../../src/replication/supervisor.ts';
import { SyncBoard } from '../../src/replication/sync-board.ts';
import { pipelineDefaults } from './attempt.ts';
import type { MemoryHub } from './memory-coordination.ts';
import { createScriptedDriver } from './scripted-driver.ts';
import type { ScriptedSource } from './scripted-source.ts';
import { until } from './until.ts';

export interface SyncedOptions {
  readonly instance?: string;
  readonly autostart?: boolean;
  readonly maxAttempts?: number;
  readonly backoffMs?: number;
}

/** One instance that replicates one scripted source under the name `s`: supervisor, replicator and pipeline. */
export class Synced {
  readonly supervisor: Supervisor;
  readonly board: SyncBoard;
  readonly replicator: Replicator;
  readonly settings: ReplicatorSettings;
  /** States in the order in which they were entered. */
  readonly logged: string[] = [];
  readonly errors: string[] = [];

  constructor(source: ScriptedSource, hub: MemoryHub, options: SyncedOptions = {}) {
    const { instance = 'one', autostart = true, maxAttempts = 0, backoffMs = 1 } = options;
    const coordination = hub.coordination(instance);
    const observers = new Observers();
    this.board = new SyncBoard({
      name: 's',
      driver: 'pgx',
      instance,
      desired: autostart ? 'running' : 'stopped',
      now: () => new Date(),
    });
    const note = (fields: object, message: string): void => {
      if ('to' in fields) this.logged.push(String(fields.to));
      else this.logged.push(message);
    };
    this.settings = {
      autostart,
      createDriver: async () => createScriptedDriver(source),
      pipeline: pipelineDefaults,
      backoff: { initialMs: backoffMs, maxMs: 60_000 },
      maxAttempts,
    };
    this.replicator = new Replicator({
      ...this.settings,
      name: 's',
      board: this.board,
      coordination,
      observer: observers,
      log: { debug: note, info: note, warn: note, error: note },
      encodeStatus: (status) => JSON.stringify(status),
      onEtcdContact: () => undefined,
      random: () => 0.5,
    });
    const syncs = new Map<string, SupervisedSync>([
      ['s', { board: this.board, replicator: this.replicator, coordination }],
    ]);
    this.supervisor = new Supervisor({
      syncs,
      observers,
      contact: { everReached: true, reachable: true, message: null },
      decodeStatus: (published) => JSON.parse(published) as SyncStatus,
    });
    this.supervisor.observe({
      rows: () => undefined,
      transactions: () => undefined,
      etcdTxn: () => undefined,
      error: (_sync, code) => this.errors.push(code),
    });
    this.supervisor.start();
  }

  get status(): SyncStatus {
    return this.supervisor.get('s');
  }

  until(what: string, condition: (status: SyncStatus) => unknown): Promise<unknown> {
    return until(() => Boolean(condition(this.status)), { what });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.stop();
  }
}
