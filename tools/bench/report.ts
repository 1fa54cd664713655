/** Rounds → tables for people, with the targets of the project and whether they are reached. */

import type { CaseName, Round, Throughput } from './cases.ts';
import type { SourceName } from './database.ts';
import { type Figure, median, rate } from './figures.ts';
import type { Idle } from './idle.ts';
import type { Latency } from './latency.ts';

/** Whole ÷ the slower of the two alone, for these cases of PostgreSQL, and all of the others. */
const ratioTarget = { least: 0.6, cases: ['1000', 'dump'] as readonly CaseName[] };
const peakTargetBytes = 300_000_000;
const p50TargetMs = 10;
const idleTarget = { cpuPercent: 5, p50Ms: 50 };

const titles: Readonly<Record<CaseName, string>> = {
  '1': 'transactions of 1 row',
  '10': 'transactions of 10 rows',
  '1000': 'transactions of 1,000 rows',
  single: 'one transaction',
  '1-compressed': 'transactions of 1 row, compressed',
  '10-compressed': 'transactions of 10 rows, compressed',
  '1000-compressed': 'transactions of 1,000 rows, compressed',
  dump: 'dump',
  latency: 'latency',
  idle: 'idle',
};

const columns = [
  'case',
  'source alone',
  'as text',
  'driver alone',
  'driver ÷ text: time',
  'CPU',
  'sink alone',
  'whole',
  'ratio',
  'watcher µs/row',
  'etcd µs/row',
  'source µs/row',
  'peak MB',
  'etcd peak MB',
];

const nothing = '–';

interface Target {
  readonly what: string;
  readonly value: string;
  readonly reached: boolean;
}

type ThroughputRound = Round & { readonly result: Throughput };

function isThroughput(round: Round): round is ThroughputRound {
  return round.result.kind === 'throughput';
}

function byName(rounds: readonly ThroughputRound[]): Map<CaseName, readonly ThroughputRound[]> {
  const names = new Set(rounds.map((round) => round.case));
  return new Map([...names].map((name) => [name, rounds.filter((round) => round.case === name)]));
}

/** Lines of Markdown: they are read in a terminal and go into docs/performance.md as they are. */
export function report(rounds: readonly Round[], source: SourceName): string[] {
  const cases = byName(rounds.filter(isThroughput));
  const lines: string[] = [];
  if (cases.size > 0) {
    lines.push(...table([...cases].map(([name, its]) => [titles[name], ...cells(its)])));
  }
  for (const { result } of rounds) {
    if (result.kind === 'latency') lines.push('', latencyLine(result));
    if (result.kind === 'idle') lines.push('', idleLine(result));
  }
  lines.push('');
  for (const { what, value, reached } of targets(rounds, source)) {
    lines.push(`${reached ? 'reached' : 'MISSED '}  ${what}: ${value}`);
  }
  return lines;
}

/** Without the columns that are empty. */
function table(rows: readonly (readonly string[])[]): string[] {
  const is = columns.map((_, index) => rows.some((cellsOf) => cellsOf[index] !== nothing));
  const filled = (texts: readonly string[]) => row(texts.filter((_, index) => is[index]));
  const rule = filled(columns.map((_, index) => (index === 0 ? '---' : '--:')));
  return [filled(columns), rule, ...rows.map(filled)];
}

function latencyLine({ transactions, p50Ms, p99Ms, maxMs }: Latency): string {
  return `latency of ${transactions} transactions, commit → watch event: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, longest ${maxMs.toFixed(1)} ms`;
}

function idleLine(idle: Idle): string {
  const cpu = (['watcher', 'etcd', 'source'] as const)
    .map((role) => `${role} ${idle[`${role}Percent`].toFixed(1)} %`)
    .join(', ');
  const peak = (idle.peakBytes / 1e6).toFixed(0);
  return `${idle.syncs} idle syncs: CPU of a core ${cpu}; GET /v1/syncs p50 ${idle.p50Ms.toFixed(1)} ms, p99 ${idle.p99Ms.toFixed(1)} ms; peak ${peak} MB`;
}

function cells(rounds: readonly ThroughputRound[]): string[] {
  const of = (pick: (result: Throughput) => Figure | null) =>
    rounds.map(({ result }) => pick(result)).filter((figure) => figure !== null);
  const cost = (role: keyof Figure['cpu']) =>
    over(
      of(({ whole }) => whole).map(({ cpu, rows }) => ((cpu[role] ?? 0) / rows) * 1e6),
      1,
    );
  const megabytes = (pick: (figure: Figure) => number | undefined) =>
    over(
      of(({ whole }) => whole).map((figure) => (pick(figure) ?? 0) / 1e6),
      0,
    );
  return [
    rates(of(({ plain }) => plain.copied)),
    rates(of(({ plain }) => plain.printed)),
    rates(of(({ driver }) => driver)),
    overText(rounds, 'seconds'),
    overText(rounds, 'readerCpu'),
    rates(of(({ sink }) => sink)),
    rates(of(({ whole }) => whole)),
    over(
      rounds.map(({ result }) => result.ratio),
      2,
    ),
    cost('watcher'),
    cost('etcd'),
    cost('source'),
    megabytes(({ peakBytes }) => peakBytes),
    megabytes(({ etcdPeakBytes }) => etcdPeakBytes),
  ];
}

/** What the driver takes ÷ what the server's own program takes to print the same. */
function overText(rounds: readonly ThroughputRound[], what: 'seconds' | 'readerCpu'): string {
  const ratios = textRatios(rounds, what);
  return ratios.length === 0 ? nothing : over(ratios, 2);
}

function textRatios(rounds: readonly ThroughputRound[], what: 'seconds' | 'readerCpu'): number[] {
  return rounds.flatMap(({ result: { plain, driver } }) => {
    const [ours, theirs] = [driver[what], plain.printed?.[what]];
    return ours === undefined || theirs === undefined ? [] : [ours / theirs];
  });
}

/** In thousand rows a second. */
function rates(figures: readonly Figure[]): string {
  if (figures.length === 0) return nothing;
  return `${over(
    figures.map((figure) => rate(figure) / 1000),
    1,
  )}k`;
}

/** The median, and with several rounds the least and the greatest. */
function over(values: readonly number[], digits: number): string {
  const middle = median(values).toFixed(digits);
  if (values.length === 1) return middle;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${middle} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

function targets(rounds: readonly Round[], source: SourceName): Target[] {
  const throughputs = rounds.filter(isThroughput);
  const found: Target[] = textTargets(throughputs);
  for (const [name, its] of byName(throughputs)) {
    if (source === 'postgres' && !ratioTarget.cases.includes(name)) continue;
    const ratio = median(its.map(({ result }) => result.ratio));
    const what = `whole ÷ the slower alone, ${titles[name]} (≥ ${ratioTarget.least})`;
    found.push({ what, value: ratio.toFixed(2), reached: ratio >= ratioTarget.least });
  }
  for (const [name, its] of byName(throughputs)) {
    const peak = Math.max(...its.map(({ result }) => result.whole.peakBytes ?? 0));
    const what = `peak memory, ${titles[name]} (≤ ${peakTargetBytes / 1e6} MB)`;
    found.push({ what, value: `${(peak / 1e6).toFixed(0)} MB`, reached: peak <= peakTargetBytes });
  }
  const p50s = rounds.flatMap(({ result }) => (result.kind === 'latency' ? [result.p50Ms] : []));
  if (p50s.length > 0) {
    const p50 = median(p50s);
    const what = `latency p50 (≤ ${p50TargetMs} ms)`;
    found.push({ what, value: `${p50.toFixed(1)} ms`, reached: p50 <= p50TargetMs });
  }
  return [...found, ...idleTargets(rounds)];
}

function textTargets(rounds: readonly ThroughputRound[]): Target[] {
  const targets = [...byName(rounds)].map(([name, its]): Target | null => {
    const ratios = textRatios(its, 'seconds');
    if (ratios.length === 0 || name === 'dump') return null;
    const ratio = median(ratios);
    const what = `driver ÷ mysqlbinlog -vv, ${titles[name]} (< 1)`;
    return { what, value: ratio.toFixed(2), reached: ratio < 1 };
  });
  return targets.filter((target) => target !== null);
}

function idleTargets(rounds: readonly Round[]): Target[] {
  const idle = rounds.flatMap(({ result }) => (result.kind === 'idle' ? [result] : []));
  if (idle.length === 0) return [];
  const cpu = median(idle.map(({ watcherPercent }) => watcherPercent));
  const p50 = median(idle.map(({ p50Ms }) => p50Ms));
  return [
    {
      what: `idle CPU (≤ ${idleTarget.cpuPercent} % of a core)`,
      value: `${cpu.toFixed(1)} %`,
      reached: cpu <= idleTarget.cpuPercent,
    },
    {
      what: `GET /v1/syncs, median (≤ ${idleTarget.p50Ms} ms)`,
      value: `${p50.toFixed(1)} ms`,
      reached: p50 <= idleTarget.p50Ms,
    },
  ];
}

function row(texts: readonly string[]): string {
  return `| ${texts.join(' | ')} |`;
}
