/** Watcher itself, as a process, between the two. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watch } from '../../src/etcd/watch.ts';
import { until } from '../../test/support/until.ts';
import { startWatcher, type WatcherProcess } from '../testenv/watcher.ts';
import { type Database, markers } from './database.ts';
import { type Figure, measure } from './figures.ts';
import type { Etcd } from './lab.ts';
import { peakBytes } from './processes.ts';

/** Longer than any measurement may take: what hangs is an error. */
const patienceMs = 15 * 60_000;

function configuration({ sync }: Database, etcd: Etcd, autostart: boolean): string {
  // JSON is YAML.
  return JSON.stringify({
    log_level: 'info',
    api: { port: 0 },
    etcd: { endpoints: [etcd.server.addresses[0]] },
    syncs: { bench: { ...sync, autostart } },
  });
}

export interface Whole extends AsyncDisposable {
  readonly pid: number;
  start(): Promise<void>;
  /** Resolves once the sync is stopped. */
  stop(): Promise<void>;
  streaming(): Promise<void>;
}

export interface WholeOptions {
  readonly autostart: boolean;
  readonly nodeArgs: readonly string[];
}

/** Resolves once the process serves. */
export async function startWhole(
  database: Database,
  etcd: Etcd,
  options: WholeOptions,
): Promise<Whole> {
  const config = configuration(database, etcd, options.autostart);
  const watcher = await launch(config, database.server.password, options.nodeArgs);
  return {
    pid: watcher.pid,
    start: () => order(watcher, 'start'),
    async stop() {
      await order(watcher, 'stop');
      await state(watcher, 'stopped');
    },
    streaming: () => state(watcher, 'streaming'),
    [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
  };
}

/** A process that ends with this one. Its configuration may name `${BENCH_PASSWORD}`. */
export async function launch(
  config: string,
  password: string,
  nodeArgs: readonly string[],
): Promise<WatcherProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'watcher-bench-'));
  const watcher = await startWatcher({
    config,
    dir,
    env: { BENCH_PASSWORD: password },
    nodeArgs,
    onLine: (line) => {
      if (/"level":"(?:warn|error|fatal)"/.test(line)) console.error(line);
    },
  });
  // It has a session of its own, and would outlive us.
  const kill = () => process.kill(watcher.pid, 'SIGKILL');
  process.once('exit', kill);
  return {
    ...watcher,
    async [Symbol.asyncDispose]() {
      process.off('exit', kill);
      await watcher.stop();
      await watcher[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function order(watcher: WatcherProcess, what: 'start' | 'stop'): Promise<void> {
  const response = await watcher.post(`/v1/syncs/bench/${what}`);
  if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
}

async function state(watcher: WatcherProcess, wanted: string): Promise<void> {
  const options = { what: `the sync is ${wanted}`, failure: watcher.failure };
  await until(async () => {
    const sync = (await watcher.get('/v1/syncs/bench')) as { state: string };
    return sync.state === wanted;
  }, options);
}

/** Starts the sync and measures until the last row of the log is in etcd. */
export function followLog(
  whole: Whole,
  database: Database,
  etcd: Etcd,
  rows: number,
): Promise<Figure> {
  const isLast = () => true;
  return run(whole, database, etcd, rows, `${database.keyPrefix}${markers.last}`, isLast);
}

/** Starts the sync and measures until the checkpoint says that the dump is done. */
export function dump(whole: Whole, database: Database, etcd: Etcd, rows: number): Promise<Figure> {
  const isStream = (value: string) => (JSON.parse(value) as { phase: string }).phase === 'stream';
  return run(whole, database, etcd, rows, '/watcher/syncs/bench/checkpoint', isStream);
}

async function run(
  whole: Whole,
  database: Database,
  etcd: Etcd,
  rows: number,
  key: string,
  isEnd: (value: string) => boolean,
): Promise<Figure> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(new Error(`${key} did not come`)), patienceMs);
  const seen = (async () => {
    const events = watch({
      client: etcd.client,
      key,
      end: null,
      revision: 1n,
      signal: patience.signal,
    });
    for await (const event of events) if (event.type === 'put' && isEnd(event.value)) return;
  })();
  const pids = { watcher: whole.pid, etcd: etcd.server.pid, source: database.server.pid };
  try {
    const figure = await measure(rows, pids, async () => {
      await whole.start();
      await seen;
    });
    return {
      ...figure,
      peakBytes: await peakBytes(whole.pid),
      etcdPeakBytes: await peakBytes(etcd.server.pid),
    };
  } finally {
    clearTimeout(timer);
  }
}
