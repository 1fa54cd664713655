/** Many syncs that have nothing to do: what they cost, and how fast the API answers over them. */

import { setTimeout as timeout } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import { measure, quantile } from './figures.ts';
import { type IdleSource, openIdleSource, rowsEach } from './idle-source.ts';
import type { Etcd, Lab } from './lab.ts';
import { peakBytes } from './processes.ts';
import { launch } from './whole.ts';

const requests = 300;
/** What follows the first dumps is over by then: the first looks at the catalog, and what they and the dumps have logged. */
const settleSeconds = 45;

export interface Idle {
  readonly syncs: number;
  readonly seconds: number;
  /** Of one core, in percent. */
  readonly watcherPercent: number;
  readonly etcdPercent: number;
  readonly sourcePercent: number;
  /** Of GET /v1/syncs. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly peakBytes: number;
}

export interface IdleOptions {
  readonly syncs: number;
  readonly seconds: number;
  readonly nodeArgs: readonly string[];
  readonly progress: (text: string) => void;
}

export async function idleCase(lab: Lab, options: IdleOptions) {
  const { syncs, progress } = options;
  await using source = await openIdleSource(lab.options, syncs);
  await using etcd = await lab.etcd();
  const config = configuration(source, etcd, syncs);
  await using watcher = await launch(config, source.password, options.nodeArgs);
  progress(`${syncs} syncs dump`);
  const states = async () =>
    ((await watcher.get('/v1/syncs')) as { syncs: { state: string }[] }).syncs;
  const all = async () => (await states()).every(({ state }) => state === 'streaming');
  await until(all, { what: 'all syncs stream', failure: watcher.failure, timeoutMs: 300_000 });
  await timeout(settleSeconds * 1000);
  const result = await measureIdle(watcher, { etcd, source }, options);
  return { result, difference: await missing(etcd, syncs) };
}

function configuration(source: IdleSource, etcd: Etcd, syncs: number): string {
  const each = Array.from({ length: syncs }, (_, index) => [
    `s${index + 1}`,
    source.sync(index + 1),
  ]);
  // JSON is YAML.
  return JSON.stringify({
    log_level: 'info',
    api: { port: 0 },
    etcd: { endpoints: [etcd.server.addresses[0]] },
    syncs: Object.fromEntries(each),
  });
}

async function measureIdle(
  watcher: Awaited<ReturnType<typeof launch>>,
  { etcd, source }: { readonly etcd: Etcd; readonly source: IdleSource },
  { syncs, seconds, progress }: IdleOptions,
): Promise<Idle & { readonly kind: 'idle' }> {
  progress(`nothing happens for ${seconds} s`);
  const pids = { watcher: watcher.pid, etcd: etcd.server.pid, source: source.pid };
  const figure = await measure(0, pids, () => timeout(seconds * 1000));
  const percent = (role: keyof typeof pids) => (100 * (figure.cpu[role] ?? 0)) / figure.seconds;
  progress(`${requests} times GET /v1/syncs`);
  const times: number[] = [];
  for (let index = 0; index < requests; index += 1) {
    const sentAt = performance.now();
    const response = await fetch(`${watcher.url}/v1/syncs`);
    await response.arrayBuffer();
    times.push(performance.now() - sentAt);
  }
  return {
    kind: 'idle',
    syncs,
    seconds: figure.seconds,
    watcherPercent: percent('watcher'),
    etcdPercent: percent('etcd'),
    sourcePercent: percent('source'),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    peakBytes: await peakBytes(watcher.pid),
  };
}

/** Null: every row is there. */
async function missing({ client }: Etcd, syncs: number): Promise<string | null> {
  const range = { key: '/s', end: '/t', countOnly: true };
  const { count } = await client.range(range);
  return count === syncs * rowsEach ? null : `${count} keys, not ${syncs * rowsEach}`;
}
