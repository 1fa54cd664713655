/** A case: the same rows through the source alone, the sink alone, and the whole. */

import { firstDifference } from './agree.ts';
import { type Figure, rate } from './figures.ts';
import { type Idle, idleCase } from './idle.ts';
import type { Database, Lab } from './lab.ts';
import { type Latency, measureLatency } from './latency.ts';
import { writeLog } from './rows.ts';
import { readOps, type SinkFigure, writeAlone } from './sink-alone.ts';
import {
  copyToNothing,
  drainByDriver,
  drainByRecvlogical,
  dumpByDriver,
  findRecvlogical,
} from './source-alone.ts';
import { dump, followLog, startWhole, type WholeOptions } from './whole.ts';

/** Rows in a transaction; `single`: all rows in one. `idle`: many syncs without any. */
export const caseNames = ['1', '10', '1000', 'single', 'dump', 'latency', 'idle'] as const;

export type CaseName = (typeof caseNames)[number];

export interface Throughput {
  readonly kind: 'throughput';
  /** PostgreSQL's own program: pg_recvlogical, or COPY over a bare connection; null: it is not there. */
  readonly plainSource: Figure | null;
  /** Watcher's driver, whose rows are thrown away. */
  readonly driver: Figure;
  readonly sink: SinkFigure;
  readonly whole: Figure;
  /** Whole ÷ the slower of the two alone. */
  readonly ratio: number;
}

export interface Round {
  readonly case: CaseName;
  readonly result:
    | Throughput
    | ({ readonly kind: 'latency' } & Latency)
    | ({ readonly kind: 'idle' } & Idle);
  /** What etcd and the table disagree in; null: nothing. */
  readonly difference: string | null;
}

export interface CaseOptions {
  readonly rows: number;
  readonly latencySeconds: number;
  readonly syncs: number;
  readonly nodeArgs: readonly string[];
  readonly progress: (text: string) => void;
}

export async function runCase(lab: Lab, name: CaseName, options: CaseOptions): Promise<Round> {
  return { case: name, ...(await measureCase(lab, name, options)) };
}

type Measured = Pick<Round, 'result' | 'difference'>;

async function measureCase(lab: Lab, name: CaseName, options: CaseOptions): Promise<Measured> {
  if (name === 'idle') return await idleCase(lab, { ...options, seconds: options.latencySeconds });
  await using database = await lab.database();
  switch (name) {
    case 'latency':
      return await latencyCase(lab, database, options);
    case 'dump':
      return await dumpCase(lab, database, options);
    case 'single':
      return await streamCase(lab, database, options.rows, options);
    default:
      return await streamCase(lab, database, Number(name), options);
  }
}

/** The log is written while the sync is stopped, then followed from its checkpoint. */
async function streamCase(
  lab: Lab,
  database: Database,
  per: number,
  options: CaseOptions,
): Promise<Measured> {
  const { rows, progress } = options;
  await using etcd = await lab.etcd();
  await using whole = await startWhole(database, etcd, wholeOptions(options, true));
  await whole.streaming();
  await whole.stop();
  const slots = { recvlogical: 'bench_recvlogical', driver: 'bench_driver' };
  await database.createSlot(slots.recvlogical);
  const from = await database.createSlot(slots.driver);
  progress('the log is written');
  const end = await writeLog(database.client, rows, per);

  progress('the source alone');
  const program = findRecvlogical();
  const plainSource =
    program === undefined
      ? null
      : await drainByRecvlogical(program, database, slots.recvlogical, rows, end);
  const driver = await drainByDriver(database, slots.driver, rows, from);
  for (const slot of Object.values(slots)) await database.dropSlot(slot);

  const sink = await sinkCase(lab, database, per === rows ? 1 : per, options);
  progress('the whole');
  const figure = await followLog(whole, database, etcd, rows);
  // What follows the last marker must be there too before etcd and the table are compared.
  const difference = await settledDifference(database, etcd);
  return { result: throughput(plainSource, driver, sink, figure), difference };
}

async function dumpCase(lab: Lab, database: Database, options: CaseOptions): Promise<Measured> {
  const { rows, progress } = options;
  progress('the table is filled');
  await writeLog(database.client, rows, 1000);
  await database.client.query('VACUUM ANALYZE');
  await database.client.query('CHECKPOINT');

  progress('the source alone');
  const plainSource = await copyToNothing(database, rows);
  // The publication that the driver makes is the one that Watcher finds.
  const driver = await dumpByDriver(database, rows, () => {});
  const sink = await sinkCase(lab, database, 1, options);
  await using etcd = await lab.etcd();
  await using whole = await startWhole(database, etcd, wholeOptions(options, false));
  progress('the whole');
  const figure = await dump(whole, database, etcd, rows);
  const difference = await settledDifference(database, etcd);
  return { result: throughput(plainSource, driver, sink, figure), difference };
}

async function latencyCase(lab: Lab, database: Database, options: CaseOptions): Promise<Measured> {
  await using etcd = await lab.etcd();
  await using whole = await startWhole(database, etcd, wholeOptions(options, true));
  await whole.streaming();
  options.progress(`100 transactions a second for ${options.latencySeconds} s`);
  const latency = await measureLatency(database, etcd, options.latencySeconds);
  const difference = await settledDifference(database, etcd);
  return { result: { kind: 'latency', ...latency }, difference };
}

async function sinkCase(
  lab: Lab,
  database: Database,
  per: number,
  { rows, progress }: CaseOptions,
): Promise<SinkFigure> {
  progress('the sink alone');
  const ops = await readOps(database, rows);
  await using etcd = await lab.etcd();
  return await writeAlone(etcd, ops, per);
}

function wholeOptions({ nodeArgs }: CaseOptions, autostart: boolean): WholeOptions {
  return { nodeArgs, autostart };
}

async function settledDifference(
  database: Database,
  etcd: Parameters<typeof firstDifference>[1],
): Promise<string | null> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const difference = await firstDifference(database, etcd);
    if (difference === null || performance.now() > deadline) return difference;
  }
}

function throughput(
  plainSource: Figure | null,
  driver: Figure,
  sink: SinkFigure,
  whole: Figure,
): Throughput {
  const ratio = rate(whole) / Math.min(rate(plainSource ?? driver), rate(sink));
  return { kind: 'throughput', plainSource, driver, sink, whole, ratio };
}
