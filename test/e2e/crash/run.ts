/** One run of the crash test: a Watcher that is killed again and again while a random writer goes on. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EtcdAddress } from '../../../tools/testenv/etcd-http.ts';
import type { PostgresAddress } from '../../../tools/testenv/postgres.ts';
import { startWatcher, type WatcherProcess } from '../../../tools/testenv/watcher.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import type { EtcdWatch } from '../../support/etcd-gateway.ts';
import { createPrefix, type TestPrefix } from '../../support/prefix.ts';
import { until } from '../../support/until.ts';
import { differences, lastRevision } from './compare.ts';
import { beginHistory, type FirstRow, readHistory, readRows } from './history.ts';
import { LiveView } from './live-view.ts';
import { createRandom, type Random } from './random.ts';
import { addColumnSql, schemaSql, type TableName, tableNames } from './schema.ts';
import { type Verdict, verify } from './verify.ts';
import { type RandomWriter, startRandomWriter } from './writer.ts';

export interface CrashOptions {
  readonly postgres: PostgresAddress;
  readonly etcd: EtcdAddress;
  readonly seed: number;
  readonly kills: number;
  readonly bulkRows: number;
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
  readonly database: TestDatabase;
  readonly prefix: TestPrefix;
  readonly live: LiveView;
  readonly writer: RandomWriter;
  readonly dir: string;
  readonly log: string[];
  readonly kills: Record<Moment, number>;
  columns: number;
}

function configuration({ options, database, prefix }: Scene, instance: string): string {
  const { host, port, user } = options.postgres;
  return `instance: ${instance}
api: { port: 0 }
etcd:
  endpoints: ["${new URL(options.etcd.endpoint).host}"]
  state_prefix: ${prefix.state}
syncs:
  crash:
    driver: pgx
    database:
      host: ${host}
      port: ${port}
      name: ${database.name}
      user: ${user}
      password: "\${CRASH_PASSWORD}"
      retry_period: 100ms
      replication_status_timeout: 500ms
    tables: { include: ["public.*"], exclude: ["public.journal"] }
    keys: { template: "${prefix.rows}{table}/{key}", columns: { public.logs: [id, day] } }
    postgres: { publication: watcherpub_${database.name}, slot: watchersub_${database.name} }
`;
}

async function startInstance(scene: Scene, instance: string): Promise<WatcherProcess> {
  const dir = join(scene.dir, instance);
  await mkdir(dir, { recursive: true });
  return startWatcher({
    config: configuration(scene, instance),
    dir,
    env: { CRASH_PASSWORD: scene.options.postgres.password },
    onLine: (line) => scene.log.push(`${instance} ${line}`),
  });
}

export async function runCrashTest(options: CrashOptions): Promise<CrashReport> {
  await using database = await createDatabase(options.postgres);
  await using prefix = createPrefix(options.etcd);
  // A paused Watcher must lose its walsender, as over a dead connection, before its lease.
  await database.query(`ALTER DATABASE ${database.name} SET wal_sender_timeout = '4s'`);
  await database.query(schemaSql(options));
  const first = await beginHistory(database);
  await using rows = await prefix.gateway.watchPrefix(prefix.rows);
  await using state = await prefix.gateway.watchPrefix(`${prefix.state}/syncs/crash/`);
  const dir = await mkdtemp(join(tmpdir(), 'watcher-crash-'));
  const { seed } = options;
  const writer = await startRandomWriter({ database, seed, connections: 5 });
  const scene: Scene = {
    options,
    random: createRandom(seed),
    database,
    prefix,
    live: new LiveView(rows, state),
    writer,
    dir,
    log: [],
    kills: { dump: 0, start: 0, stream: 0, split: 0, redump: 0, alter: 0 },
    columns: 0,
  };
  const logFile = join(tmpdir(), `watcher-crash-${options.postgres.major}-${seed}.log`);
  let isClean = false;
  try {
    await killAndKill(scene);
    const report = await conclude(scene, first, rows, state);
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
  const { random, live, writer } = scene;
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
      const tables = tableNames.filter(() => random.chance(0.5)).map((table) => `public.${table}`);
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
  const { random, database } = scene;
  const table: TableName = random.pick(tableNames);
  scene.columns += 1;
  const client = await database.connect();
  try {
    await client.query(addColumnSql(table, `extra_${scene.columns}`, random.below(1_000)));
  } finally {
    await client.end();
  }
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
  first: readonly FirstRow[],
  rows: EtcdWatch,
  state: EtcdWatch,
): Promise<Omit<CrashReport, 'logFile'>> {
  const { database, prefix, live, writer, kills } = scene;
  const watcher = await startInstance(scene, 'node-a');
  try {
    await delay(1_000);
    await writer.stop();
    const [end] = await database.query<{ lsn: string }>(
      'SELECT pg_current_wal_flush_lsn()::text AS lsn',
    );
    await until(() => live.isWholeAt(end!.lsn), {
      what: `everything up to ${end!.lsn} is in etcd`,
      timeoutMs: 60_000,
      failure: watcher.failure,
    });
    await watcher.stop();
  } finally {
    await watcher.kill();
  }
  const values = await prefix.gateway.values(prefix.rows);
  const history = await readHistory(database, first);
  const source = await readRows(database);
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
    differences: differences(source, values, prefix.rows.length),
  };
}
