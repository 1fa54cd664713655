/** CPU time and memory of processes, from /proc. Source: proc(5). */

import { readdir, readFile } from 'node:fs/promises';

/** The kernel counts in these for programs, whatever its own tick is (USER_HZ). */
const ticksPerSecond = 100;

interface Stat {
  readonly parent: number;
  /** Its own, in seconds. */
  readonly own: number;
  /** That of its children that have ended and were waited for. */
  readonly ended: number;
}

async function readStat(pid: number): Promise<Stat | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  // The name stands in parentheses and may hold any character; the fields after it are numbered from 3 in proc(5).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (field: number) => Number(fields[field - 3]) / ticksPerSecond;
  return { parent: Number(fields[1]), own: ticks(14) + ticks(15), ended: ticks(16) + ticks(17) };
}

async function childrenOf(parent: number): Promise<number> {
  let seconds = 0;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readStat(Number(name));
    if (stat?.parent === parent) seconds += stat.own + stat.ended;
  }
  return seconds;
}

/** Seconds of CPU that a process and its children have used so far. */
export async function cpuSeconds(pid: number): Promise<number> {
  for (;;) {
    const before = await readStat(pid);
    const children = await childrenOf(pid);
    const after = await readStat(pid);
    if (before === null || after === null) throw new Error(`process ${pid} is gone`);
    // A child that ended in between would be counted in neither place.
    if (before.ended === after.ended) return after.own + after.ended + children;
  }
}

/** Without the children that still run. */
export async function ownCpuSeconds(pid: number): Promise<number> {
  const stat = await readStat(pid);
  if (stat === null) throw new Error(`process ${pid} is gone`);
  return stat.own + stat.ended;
}

/** The most memory that a process has held so far (VmHWM). */
export async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} tells no VmHWM`);
  return Number(kilobytes) * 1024;
}
