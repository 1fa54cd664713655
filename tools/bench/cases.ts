/** A case: the same rows through the source alone, the sink alone, and the whole. */

import { firstDifference } from './agree.ts';
import type { Database, LogShape, PlainFigures, SourceName } from './database.ts';
import { type Figure, rate } from './figures.ts';
import { type Idle, idleCase } from './idle.ts';
import type { Lab } from './lab.ts';
import { type Latency, measureLatency } from './latency.ts';
import { readOps, type SinkFigure, writeAlone } from './sink-alone.ts';
import { dump, followLog, startWhole, type WholeOptions } from './whole.ts';

const compressedCases = ['1-compressed', '10-compressed', '1000-compressed'] as const;

/** Rows in a transaction; `single`: all rows in one. `idle`: many syncs without any. */
export const caseNames = [
  ...(['1', '10', '1000', 'single'] as const),
  ...compressedCases,
  ...(['dump', 'latency', 'idle'] as const),
] as const;

export type CaseName = (typeof caseNames)[number];

/** The cases that there are for a source. */
export function casesOf(source: SourceName): readonly CaseName[] {
  const without: readonly CaseName[] = source === 'postgres' ? compressedCases : [];
  return caseNames.filter((name) => !without.includes(name));
}

export interface Throughput {
  readonly kind: 'throughput';
  readonly plain: PlainFigures;
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
  await using database = await lab.source.database();
  switch (name) {
    case 'latency':
      return await latencyCase(lab, database, options);
    case 'dump':
      return await dumpCase(lab, database, options);
    case 'single':
      return await streamCase(lab, database, { per: options.rows, compressed: false }, options);
    default: {
      const shape = { per: Number.parseInt(name, 10), compressed: name.endsWith('-compressed') };
      return await streamCase(lab, database, shape, options);
    }
  }
}

/** The log is written while the sync is stopped, then followed from its checkpoint. */
async function streamCase(
  lab: Lab,
  database: Database,
  shape: Omit<LogShape, 'rows'>,
  options: CaseOptions,
): Promise<Measured> {
  const { rows, progress } = options;
  await using etcd = await lab.etcd();
  await using whole = await startWhole(database, etcd, wholeOptions(options, true));
  await whole.streaming();
  await whole.stop();
  await database.markLog();
  progress('the log is written');
  await database.writeLog({ rows, ...shape });

  progress('the source alone');
  const plain = await database.plainLog(rows);
  const driver = await database.driverLog(rows);
  const { per } = shape;
  const sink = await sinkCase(lab, database, per === rows ? 1 : per, options);
  progress('the whole');
  const figure = await followLog(whole, database, etcd, rows);
  // What follows the last marker must be there too before etcd and the table are compared.
  const difference = await settledDifference(database, etcd);
  return { result: throughput(plain, driver, sink, figure), difference };
}

async function dumpCase(lab: Lab, database: Database, options: CaseOptions): Promise<Measured> {
  const { rows, progress } = options;
  progress('the table is filled');
  await database.writeLog({ rows, per: 1000, compressed: false });
  await database.settle();

  progress('the source alone');
  const plain = await database.plainDump(rows);
  const driver = await database.driverDump(rows, () => {});
  const sink = await sinkCase(lab, database, 1, options);
  await using etcd = await lab.etcd();
  await using whole = await startWhole(database, etcd, wholeOptions(options, false));
  progress('the whole');
  const figure = await dump(whole, database, etcd, rows);
  const difference = await settledDifference(database, etcd);
  return { result: throughput(plain, driver, sink, figure), difference };
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
  plain: PlainFigures,
  driver: Figure,
  sink: SinkFigure,
  whole: Figure,
): Throughput {
  // mysqlbinlog either does not look into the log or prints all of it: neither is what Watcher could reach.
  const source = plain.printed === null ? (plain.copied ?? driver) : driver;
  const ratio = rate(whole) / Math.min(rate(source), rate(sink));
  return { kind: 'throughput', plain, driver, sink, whole, ratio };
}
