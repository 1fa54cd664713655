/** From a commit to the event that another client of etcd sees, on one clock. */

import { setTimeout as timeout } from 'node:timers/promises';
import { prefixEnd } from '../../src/etcd/state-keys.ts';
import { watch } from '../../src/etcd/watch.ts';
import { until } from '../../test/support/until.ts';
import type { Database } from './database.ts';
import { quantile } from './figures.ts';
import type { Etcd } from './lab.ts';

const perSecond = 100;
const warmUpSeconds = 3;

export interface Latency {
  readonly transactions: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/**
 * Commits transactions of one row at a steady pace while Watcher streams. Measured from the sending of COMMIT, so the
 * time that the server takes to make the commit durable is part of it, to the event in this process.
 */
export async function measureLatency(
  database: Database,
  etcd: Etcd,
  seconds: number,
): Promise<Latency> {
  const { keyPrefix } = database;
  const stop = new AbortController();
  const arrivals = new Map<number, number>();
  const events = watch({
    client: etcd.client,
    key: keyPrefix,
    end: prefixEnd(keyPrefix),
    revision: 1n,
    signal: stop.signal,
  });
  const watching = (async () => {
    for await (const event of events) {
      arrivals.set(Number(event.key.slice(keyPrefix.length)), performance.now());
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  const commits = await commitAtPace(database, (warmUpSeconds + seconds) * perSecond);
  await until(() => arrivals.size === commits.size, {
    what: 'every commit is an event',
    failure: watching,
  });
  stop.abort();
  await watching;
  const delays = [...commits]
    .filter(([id]) => id > warmUpSeconds * perSecond)
    .map(([id, committedAt]) => (arrivals.get(id) ?? Number.NaN) - committedAt);
  return {
    transactions: delays.length,
    p50Ms: quantile(delays, 0.5),
    p99Ms: quantile(delays, 0.99),
    maxMs: Math.max(...delays),
  };
}

/** Row id → when its COMMIT was sent. A commit that takes longer than the pace delays those after it. */
async function commitAtPace(database: Database, count: number): Promise<Map<number, number>> {
  const writer = await database.writer();
  const commits = new Map<number, number>();
  const startedAt = performance.now();
  for (let id = 1; id <= count; id += 1) {
    await timeout(startedAt + (id * 1000) / perSecond - performance.now());
    await writer.begin();
    await writer.insert(id);
    commits.set(id, performance.now());
    await writer.commit();
  }
  await writer.end();
  return commits;
}
