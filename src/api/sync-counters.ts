/**
 * What happened in the syncs, counted as it is observed (SPEC §8 "Metrics"). A sync that is gone from the configuration takes
 * its series along: one that stands still looks like a sync that does nothing.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import { errorCodes } from '../errors.ts';
import type { SyncControl, SyncObserver } from '../replication/status.ts';

/** From half a millisecond (a small transaction, etcd on the same machine) to the deadline of a call. */
const txnBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const rowOps = ['insert', 'update', 'delete', 'truncate', 'dump'] as const;

/** What is counted of each sync. */
interface Series {
  readonly rows: Counter<'sync' | 'op'>;
  readonly transactions: Counter<'sync'>;
  readonly etcdTxns: Counter<'sync'>;
  readonly errors: Counter<'sync' | 'code'>;
  readonly txnSeconds: Histogram<'sync'>;
}

export function registerSyncCounters(registry: Registry, control: SyncControl): void {
  const counted = new Set<string>();
  const series = createSeries(registry, () => {
    const names = control.list().map(({ name }) => name);
    for (const name of counted) {
      if (names.includes(name)) continue;
      counted.delete(name);
      forget(series, name);
    }
    for (const name of names) counted.add(name);
    return names;
  });
  control.observe(observe(series, counted));
}

/** @param current Forgets what is no more; the names of the syncs that there are. */
function createSeries(registry: Registry, current: () => readonly string[]): Series {
  const registers = [registry];
  // From 0 on, so that the first increase is seen by rate().
  const syncCounter = (name: string, help: string): Counter<'sync'> =>
    new Counter({
      name,
      help,
      labelNames: ['sync'],
      registers,
      collect() {
        for (const sync of current()) this.inc({ sync }, 0);
      },
    });
  return {
    rows: new Counter({
      name: 'watcher_rows_total',
      help: 'Rows applied, by operation; dump: rows copied.',
      labelNames: ['sync', 'op'],
      registers,
      collect() {
        for (const sync of current()) for (const op of rowOps) this.inc({ sync, op }, 0);
      },
    }),
    transactions: syncCounter('watcher_transactions_total', 'Source transactions applied.'),
    etcdTxns: syncCounter('watcher_etcd_txns_total', 'Transactions written to etcd.'),
    errors: new Counter({
      name: 'watcher_errors_total',
      help: 'Errors that ended an attempt, by code.',
      labelNames: ['sync', 'code'],
      registers,
      collect: () => void current(),
    }),
    txnSeconds: new Histogram({
      name: 'watcher_etcd_txn_seconds',
      help: 'Time from sending a transaction to etcd until it is durable.',
      labelNames: ['sync'],
      buckets: txnBuckets,
      registers,
      collect: () => void current(),
    }),
  };
}

/** A sync that ends is still observed when it is in no list any more. */
function observe(series: Series, counted: Set<string>): SyncObserver {
  return {
    rows(sync, op, count) {
      counted.add(sync);
      series.rows.inc({ sync, op }, count);
    },
    transactions(sync, count) {
      counted.add(sync);
      series.transactions.inc({ sync }, count);
    },
    etcdTxn(sync, seconds) {
      counted.add(sync);
      series.etcdTxns.inc({ sync });
      series.txnSeconds.observe({ sync }, seconds);
    },
    error(sync, code) {
      counted.add(sync);
      series.errors.inc({ sync, code });
    },
  };
}

function forget(series: Series, sync: string): void {
  const { rows, transactions, etcdTxns, errors, txnSeconds } = series;
  for (const op of rowOps) rows.remove({ sync, op });
  for (const code of Object.keys(errorCodes)) errors.remove({ sync, code });
  for (const metric of [transactions, etcdTxns, txnSeconds]) metric.remove({ sync });
}
