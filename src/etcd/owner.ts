/**
 * Whether the process that left a key behind is certainly dead. That makes a restart after SIGKILL immediate:
 * else the successor waits until the lease of its predecessor expires.
 *
 * Certain means: the same boot of the same kernel, the same namespace of process ids, and in it no process of
 * that id that was started at that time (proc(5)). Where there is no /proc nothing is ever certain.
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** Names one process of all machines and all times. JSON. */
export interface Owner {
  readonly boot_id: string;
  readonly pid_namespace: string;
  readonly pid: number;
  /** Clock ticks since boot, decimal. */
  readonly process_start: string;
}

/** Reads of /proc; null when there is no such file. */
export interface Proc {
  readFile(path: string): string | null;
  readLink(path: string): string | null;
}

export const procOfThisMachine: Proc = {
  readFile: (path) => orNull(() => readFileSync(path, 'utf8')),
  readLink: (path) => orNull(() => readlinkSync(path)),
};

/** @returns null where there is no /proc. */
export function ownerOfThisProcess(proc: Proc = procOfThisMachine): Owner | null {
  const bootId = proc.readFile('/proc/sys/kernel/random/boot_id');
  const namespace = proc.readLink('/proc/self/ns/pid');
  const stat = proc.readFile('/proc/self/stat');
  const process = stat === null ? null : parseStat(stat);
  if (bootId === null || namespace === null || process === null) return null;
  return {
    boot_id: bootId.trim(),
    pid_namespace: namespace,
    pid: process.pid,
    process_start: process.start,
  };
}

export function isCertainlyDead(owner: Owner, proc: Proc = procOfThisMachine): boolean {
  const own = ownerOfThisProcess(proc);
  if (own === null) return false;
  if (own.boot_id !== owner.boot_id || own.pid_namespace !== owner.pid_namespace) return false;
  // Mounted with hidepid, /proc hides living processes of other users; then process 1 is hidden too.
  if (proc.readFile('/proc/1/stat') === null) return false;
  const stat = proc.readFile(`/proc/${owner.pid}/stat`);
  if (stat === null) return true;
  const process = parseStat(stat);
  if (process === null) return false;
  return process.start !== owner.process_start || process.state === 'Z' || process.state === 'X';
}

/** Fields 1, 3 and 22 of proc_pid_stat(5). Field 2 is a name in parentheses that may hold anything. */
function parseStat(stat: string): { pid: number; state: string; start: string } | null {
  const pid = Number.parseInt(stat, 10);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const start = fields[22 - 3];
  if (Number.isNaN(pid) || state === undefined || start === undefined) return null;
  return { pid, state, start };
}

function orNull(read: () => string): string | null {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    // ESRCH: the process ended between opening the file and reading it.
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    // Not readable says nothing about the process: text that is no stat.
    return '';
  }
}
