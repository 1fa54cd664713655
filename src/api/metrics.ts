/**
 * The metrics of SPEC §8. What happened is counted as it is observed; what is, is read from the statuses when
 * Prometheus asks. Everything belongs to one registry, so that two servers can live in one process.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ConfigControl } from '../config/control.ts';
import { syncStates } from '../replication/lifecycle.ts';
import type { SyncControl, SyncStatus } from '../replication/status.ts';
import { registerSyncCounters } from './sync-counters.ts';

export interface MetricsOptions {
  readonly control: SyncControl;
  readonly configuration: Pick<ConfigControl, 'lastReloadOk'>;
  readonly version: string;
  readonly node: string;
}

export function createMetrics(options: MetricsOptions): Registry {
  const { control } = options;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registerProcess(registry, options);
  registerSyncCounters(registry, control);
  for (const gauge of gauges) registerGauge(registry, control, gauge);
  return registry;
}

function registerProcess(
  registry: Registry,
  { configuration, version, node }: MetricsOptions,
): void {
  new Gauge({
    name: 'watcher_build_info',
    help: 'Always 1; the versions are in the labels.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node }, 1);
  new Gauge({
    name: 'watcher_config_last_reload_success',
    help: '1 if the configuration was valid when it was last read.',
    registers: [registry],
    collect() {
      this.set(configuration.lastReloadOk() ? 1 : 0);
    },
  });
}

interface SyncGauge {
  readonly name: string;
  readonly help: string;
  /** Besides `sync`. */
  readonly label?: 'state' | 'table';
  /** Only the instance that leads the sync knows it. */
  readonly leaderOnly: boolean;
  /** The value by the value of the label; null: not known, and not exported. */
  values(status: SyncStatus): Iterable<readonly [label: string, value: number | null]>;
}

const gauges: readonly SyncGauge[] = [
  {
    name: 'watcher_sync_state',
    help: '1 for the state that the sync is in, 0 for the others.',
    label: 'state',
    leaderOnly: false,
    values: (status) => syncStates.map((state) => [state, state === status.state ? 1 : 0]),
  },
  {
    name: 'watcher_leader',
    help: '1 if this instance leads the sync.',
    leaderOnly: false,
    values: (status) => [['', status.leading ? 1 : 0]],
  },
  {
    name: 'watcher_lag_bytes',
    help: 'Bytes of log between the source and what is durable in etcd.',
    leaderOnly: true,
    values: (status) => [['', status.lag.bytes]],
  },
  {
    name: 'watcher_lag_seconds',
    help: 'Age of the oldest commit that is not yet durable in etcd.',
    leaderOnly: true,
    values: (status) => [['', status.lag.seconds]],
  },
  {
    name: 'watcher_dump_rows',
    help: 'Rows of the table that the last dump has copied.',
    label: 'table',
    leaderOnly: true,
    values: (status) => status.dump.tables.map(({ table, rows }) => [table, rows]),
  },
  {
    name: 'watcher_dump_rows_estimated',
    help: 'Rows of the table as the source estimates them.',
    label: 'table',
    leaderOnly: true,
    values: (status) =>
      status.dump.tables.map(({ table, rowsEstimated }) => [table, rowsEstimated]),
  },
  {
    name: 'watcher_retained_log_bytes',
    help: 'Bytes of log that the source keeps for the sync.',
    leaderOnly: true,
    values: (status) => [['', status.retainedLogBytes]],
  },
  {
    name: 'watcher_safe_wal_bytes',
    help: 'Bytes of log that can be written before the source removes what the sync still needs.',
    leaderOnly: true,
    values: (status) => [['', status.safeLogBytes]],
  },
];

function registerGauge(registry: Registry, control: SyncControl, gauge: SyncGauge): void {
  const { name, help, label } = gauge;
  new Gauge({
    name,
    help,
    labelNames: label === undefined ? ['sync'] : ['sync', label],
    registers: [registry],
    collect() {
      this.reset();
      for (const status of control.list()) {
        if (gauge.leaderOnly && !status.leading) continue;
        for (const [text, value] of gauge.values(status)) {
          if (value !== null) this.set(labelsOf(status.name, label, text), value);
        }
      }
    },
  });
}

function labelsOf(sync: string, label: SyncGauge['label'], text: string): Record<string, string> {
  return label === undefined ? { sync } : { sync, [label]: text };
}
