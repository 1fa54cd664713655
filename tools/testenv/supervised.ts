/**
 * A server process in a session of its own, so that Ctrl-C reaches Watcher first, which nevertheless never outlives us: a small
 * shell stands between, reads a pipe that only we can write to, and ends the server when the pipe closes.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Account } from './account.ts';

/**
 * $1: the signal that ends the server when we are gone. $2: the folder that goes with it, or nothing. The rest: the server.
 * Its pid is told on descriptor 3. The server is CONTinued after the signal, since it may be stopped.
 */
const script = `
signal=$1 folder=$2; shift 2
exec 5<&0 </dev/null
"$@" 3>&- 5<&- & server=$!
echo "$server" >&3; exec 3>&-
(
  read -r _ <&5
  trap '' TERM
  kill -s "$signal" "$server"; kill -s CONT "$server"
  i=0; while kill -0 "$server" && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
  kill -s KILL "$server"
  exit 0
) 2>/dev/null & watch=$!
exec 5<&-
wait "$server"; code=$?
kill "$watch" 2>/dev/null
wait "$watch" && [ -n "$folder" ] && rm -rf -- "$folder"
exit "$code"
`;

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The server's working folder; its output is appended to `server.log` there. */
  readonly dir: string;
  readonly account?: Account | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the server when this process is gone. */
  readonly lastSignal: 'QUIT' | 'KILL';
  /** A folder that is removed when this process is gone: the data of a server that is not to be kept. */
  readonly temporaryFolder: string | undefined;
}

/** A running server. */
export interface Supervised {
  readonly pid: number;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
  /** Sends the signal and waits for the end; the last signal follows after 10 s. Does nothing when it has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Throws, with the end of the log, if the server has ended. */
  assertRunning(): Promise<void>;
}

async function readPid(child: ChildProcess): Promise<number> {
  const report = child.stdio[3] as Readable;
  const failed = once(child, 'error').then(([error]) => {
    throw error;
  });
  const first = await Promise.race([once(report, 'data'), once(child, 'exit'), failed]);
  const pid = Number.parseInt(String(first[0]), 10);
  report.destroy();
  if (!(pid > 1)) throw new Error('the server process did not start');
  return pid;
}

/** Without the variables by which a person's own servers are configured: etcd 3.4 refuses to start on some of them. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(ETCD|PG|MYSQL|MARIADB)/.test(name)),
  );
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has just ended; the shell has yet to say so.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The end of a server's log. */
export async function logTail(dir: string): Promise<string> {
  const log = await readFile(join(dir, 'server.log'), 'utf8').catch(() => '(no log)');
  return log.trim().split('\n').slice(-15).join('\n');
}

export async function startSupervised(server: ServerCommand): Promise<Supervised> {
  const log = openSync(join(server.dir, 'server.log'), 'a');
  const folder = server.temporaryFolder ?? '';
  const child = spawn(
    '/bin/sh',
    ['-c', script, server.name, server.lastSignal, folder, server.command, ...server.args],
    {
      ...server.account,
      cwd: server.dir,
      detached: true,
      env: { ...cleanEnvironment(), ...server.env },
      stdio: ['pipe', log, log, 'pipe'],
    },
  );
  closeSync(log);
  const pid = await readPid(child);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const signal = (name: NodeJS.Signals) => {
    // The shell waits for the server, so while the shell runs the pid is the server's.
    if (!hasEnded()) sendSignal(pid, name);
  };
  return {
    pid,
    signal,
    get running() {
      return !hasEnded();
    },
    async end(name) {
      if (hasEnded()) return;
      const ended = once(child, 'exit');
      signal(name);
      signal('SIGCONT');
      const timer = setTimeout(() => signal(`SIG${server.lastSignal}`), 10_000);
      await ended.finally(() => clearTimeout(timer));
    },
    async assertRunning() {
      if (hasEnded()) throw new Error(`${server.name} has ended:\n${await logTail(server.dir)}`);
    },
  };
}
