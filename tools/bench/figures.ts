/** What is measured, and the arithmetic on it. */

import { availableParallelism, loadavg } from 'node:os';
import { cpuSeconds } from './processes.ts';

/** Rows in a time, and what it cost. CPU in seconds; null: not of interest, or another's. `source` is the server. */
export interface Figure {
  readonly rows: number;
  readonly seconds: number;
  readonly cpu: { readonly watcher?: number; readonly etcd?: number; readonly source?: number };
  /** CPU of what reads the source alone, in seconds. */
  readonly readerCpu?: number;
  /** VmHWM of Watcher. */
  readonly peakBytes?: number;
  /** VmHWM of etcd. */
  readonly etcdPeakBytes?: number;
}

export type Pids = { readonly [Role in keyof Figure['cpu']]: number };

/** Runs `work` and measures its time and the CPU time of the processes. */
export async function measure(
  rows: number,
  pids: Pids,
  work: () => Promise<unknown>,
): Promise<Figure> {
  const roles = Object.entries(pids);
  const sample = () => Promise.all(roles.map(([, pid]) => cpuSeconds(pid)));
  const before = await sample();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await sample();
  const cpu = Object.fromEntries(
    roles.map(([role], index) => [role, (after[index] ?? 0) - (before[index] ?? 0)]),
  );
  return { rows, seconds, cpu };
}

export function rate(figure: Figure): number {
  return figure.rows / figure.seconds;
}

/** @throws RangeError when there are none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between the two nearest values, linearly. @throws RangeError when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new RangeError('no values');
  return low + (high - low) * (at - Math.floor(at));
}

/** How much else this machine does, before a measurement: the load of the last minute, for each CPU. */
export function loadPerCpu(): number {
  return (loadavg()[0] ?? 0) / availableParallelism();
}
