/** One run of the crash test: a Watcher that is killed again and again while a random writer goes on. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EtcdAddress } from '../../../tools/testenv/etcd-http.ts';
import { startWatcher, type WatcherProcess } from '../../../tools/testenv/watcher.ts';
import type { EtcdWatch } from '../../support/etcd-gateway.ts';
import { createPrefix, type TestPrefix } from '../../support/prefix.ts';
import { until } from '../../support/until.ts';
import { differences, lastRevision } from './compare.ts';
import { LiveView } from './live-view.ts';
import { createRandom, type Random } from './random.ts';
import type { CrashSource, RandomWriter } from './source.ts';
import { type Verdict, verify } from './verify.ts';

export interface CrashOptions {
  /** As it is before Watcher starts. */
  readonly source: CrashSource;
  readonly etcd: EtcdAddress;
  readonly seed: number;
  readonly kills: number;
  /** One pause that is longer than the lease, with a second instance that takes over. */
  readonly pause: boolean;
}

export type Moment = 'dump' | 'start' | 'stream' | 'split' | 'redump' | 'alter';

export interface CrashReport extends Verdict {
  readonly kills: Readonly<Record<Moment, number>>;
  readonly committed: number;
  readonly rolledBack: number;
  /** Rows of the source that etcd has not, or has otherwise, at the end; and keys that no row stands for. */
  readonly differences: readonly string[];
  /** Where the logs of the Watchers are, if anything is wrong. */
  readonly logFile: string;
}

interface Scene {
  readonly options: CrashOptions;
  readonly random: Random;
  readonly source: CrashSource;
  readonly prefix: TestPrefix;
  readonly live: LiveView;
  readonly writer: RandomWriter;
  readonly dir: string;
  readonly log: string[];
  readonly kills: Record<Moment, number>;
  columns: number;
}

/** JSON is YAML. */
function configuration({ options, source, prefix }: Scene, instance: string): string {
  const keys = { template: `${prefix.rows}{table}/{key}` };
  return JSON.stringify({
    instance,
    api: { port: 0 },
    etcd: { endpoints: [new URL(options.etcd.endpoint).host], state_prefix: prefix.state },
    syncs: { crash: { ...source.config, keys: { ...keys, ...source.config.keys } } },
  });
}

async function startInstance(scene: Scene, instance: string): Promise<WatcherProcess> {
  const dir = join(scene.dir, instance);
  await mkdir(dir, { recursive: true });
  return startWatcher({
    config: configuration(scene, instance),
    dir,
    onLine: (line) => scene.log.push(`${instance} ${line}`),
  });
}

export async function runCrashTest(options: CrashOptions): Promise<CrashReport> {
  const { source, seed } = options;
  await using prefix = createPrefix(options.etcd);
  await using rows = await prefix.gateway.watchPrefix(prefix.rows);
  await using state = await prefix.gateway.watchPrefix(`${prefix.state}/syncs/crash/`);
  const dir = await mkdtemp(join(tmpdir(), 'watcher-crash-'));
  const writer = await source.startWriter(seed);
  const scene: Scene = {
    options,
    random: createRandom(seed),
    source,
    prefix,
    live: new LiveView(rows, state, source.order),
    writer,
    dir,
    log: [],
    kills: { dump: 0, start: 0, stream: 0, split: 0, redump: 0, alter: 0 },
    columns: 0,
  };
  const logFile = join(tmpdir(), `watcher-crash-${source.title}-${seed}.log`);
  let isClean = false;
  try {
    await killAndKill(scene);
    const report = await conclude(scene, rows, state);
    isClean = report.problems.length === 0 && report.differences.length === 0;
    return { ...report, logFile };
  } finally {
    if (!isClean) await writeFile(logFile, scene.log.join('\n'));
    await writer.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function killAndKill(scene: Scene): Promise<void> {
  const { kills } = scene.options;
  const pauseAt = Math.floor(kills * 0.6);
  const inDump = Math.max(2, Math.floor(kills / 4));
  const moments: Moment[] = [];
  for (let round = 0; round < kills; round++) {
    if (round === inDump) scene.writer.mayTruncateBulk();
    if (moments.length === 0) moments.push(...shuffled(laterMoments, scene.random));
    if (scene.options.pause && round === pauseAt) await pauseAndTakeOver(scene);
    // Sometimes Watcher is far behind, sometimes each transaction is a revision of its own.
    scene.writer.rest(scene.random.pick([0, 20, 150]));
    const watcher = await startInstance(scene, 'node-a');
    try {
      const moment = await Promise.race([
        untilMoment(scene, watcher, round < inDump ? 'dump' : moments.pop()!),
        watcher.failure,
        scene.writer.failure,
      ]);
      scene.kills[moment] += 1;
      scene.log.push(`test ${new Date().toISOString()} kills in ${moment}`);
    } finally {
      await watcher.kill();
    }
  }
}

const laterMoments: readonly Moment[] = [
  ...([
    'start',
    'stream',
    'stream',
    'stream',
    'split',
    'split',
    'redump',
    'redump',
    'alter',
  ] as const),
];

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  const taken: T[] = [];
  while (left.length > 0) taken.push(...left.splice(random.below(left.length), 1));
  return taken;
}

/** Waits for the moment of the kill; what it has become of meanwhile is answered. */
async function untilMoment(scene: Scene, watcher: WatcherProcess, moment: Moment): Promise<Moment> {
  const { random, live, writer, source } = scene;
  if (moment === 'dump') {
    await live.reaches({ rows: random.below(8_000), afterMs: 2_500 });
    return live.phase === 'stream' ? 'stream' : 'dump';
  }
  if (moment === 'start') {
    await delay(random.below(900));
    return moment;
  }
  await live.reaches({ rows: 1, afterMs: 10_000 });
  await live.streams(20_000);
  switch (moment) {
    case 'stream':
      await live.reaches({ rows: random.below(3_000), afterMs: random.below(2_500) });
      break;
    case 'split':
      writer.wantLarge();
      await live.splits(8_000);
      await delay(random.below(40));
      break;
    case 'redump': {
      const tables = source.tables.filter(() => random.chance(0.5)).map(source.nameOf);
      await watcher.post('/v1/syncs/crash/dump', tables.length === 0 ? {} : { tables });
      await live.reaches({ rows: random.below(2_000), afterMs: random.below(1_500) });
      break;
    }
    case 'alter':
      await addColumn(scene);
      await live.reaches({ rows: random.below(2_000), afterMs: random.below(1_500) });
      break;
    default:
      moment satisfies never;
  }
  return moment;
}

async function addColumn(scene: Scene): Promise<void> {
  const { random, source } = scene;
  const table = random.pick(source.tables);
  scene.columns += 1;
  await source.addColumn(table, `extra_${scene.columns}`, random.below(1_000));
}

/** The first instance stands still for longer than its lease; the second leads; the first comes back. */
async function pauseAndTakeOver(scene: Scene): Promise<void> {
  const { live } = scene;
  const paused = await startInstance(scene, 'node-a');
  let second: WatcherProcess | null = null;
  try {
    await live.reaches({ rows: 200, afterMs: 10_000 });
    second = await startInstance(scene, 'node-b');
    process.kill(paused.pid, 'SIGSTOP');
    scene.log.push(`test ${new Date().toISOString()} stops node-a`);
    await until(() => live.writer?.startsWith('node-b/'), {
      what: 'the second instance writes',
      timeoutMs: 40_000,
      failure: Promise.race([second.failure, scene.writer.failure]),
    });
    process.kill(paused.pid, 'SIGCONT');
    scene.log.push(`test ${new Date().toISOString()} continues node-a`);
    await live.reaches({ rows: 500, afterMs: 4_000 });
    await second.kill();
    await until(() => live.writer?.startsWith('node-a/'), {
      what: 'the first instance writes again',
      timeoutMs: 40_000,
      failure: Promise.race([paused.failure, scene.writer.failure]),
    });
  } finally {
    await paused.kill();
    await second?.kill();
  }
}

async function conclude(
  scene: Scene,
  rows: EtcdWatch,
  state: EtcdWatch,
): Promise<Omit<CrashReport, 'logFile'>> {
  const { source, prefix, live, writer, kills } = scene;
  const watcher = await startInstance(scene, 'node-a');
  try {
    await delay(1_000);
    await writer.stop();
    const end = await source.end();
    await until(() => live.isWholeAt(end), {
      what: `everything up to ${end} is in etcd`,
      timeoutMs: 60_000,
      failure: watcher.failure,
    });
    await watcher.stop();
  } finally {
    await watcher.kill();
  }
  const values = await prefix.gateway.values(prefix.rows);
  const history = await source.history();
  const sourceRows = await source.rows();
  await rows.reached(await lastRevision(prefix));
  const strip = (prefixed: string) => (watch: EtcdWatch) =>
    watch.events.map((event) => ({ ...event, key: event.key.slice(prefixed.length) }));
  const verdict = verify(history, {
    rows: strip(prefix.rows)(rows),
    state: strip(`${prefix.state}/syncs/crash/`)(state),
  });
  return {
    ...verdict,
    kills,
    committed: writer.committed,
    rolledBack: writer.rolledBack,
    differences: differences(sourceRows, values, prefix.rows.length),
  };
}
