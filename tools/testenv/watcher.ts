/** Watcher itself as a process, from `dist/`: for the demo, end-to-end tests and benchmarks. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface WatcherOptions {
  /** YAML. `api.port: 0` lets the system choose. */
  readonly config: string;
  /** Where the configuration file is written; it exists. */
  readonly dir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** Called with each line of its log, as it was printed. */
  readonly onLine?: (line: string) => void;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface WatcherProcess extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly pid: number;
  readonly configFile: string;
  /** Parsed lines of its log so far. */
  readonly log: readonly LogLine[];
  /** Resolves with the exit code when it has ended; null after a signal. */
  readonly ended: Promise<number | null>;
  /** Rejects when it ends; for `until(…, { failure })`. */
  readonly failure: Promise<never>;
  /** The body of a GET that is answered with 2xx. */
  get(path: string): Promise<unknown>;
  post(path: string, body?: unknown): Promise<Response>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Resolves once the API listens. @throws when the process ends before. */
export async function startWatcher(options: WatcherOptions): Promise<WatcherProcess> {
  const configFile = join(options.dir, 'watcher.yml');
  await writeFile(configFile, options.config);
  const args = [...(options.nodeArgs ?? []), '--enable-source-maps', program, '-c', configFile];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...options.env },
    // A session of its own: a Ctrl-C is its parent's to hand on.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: LogLine[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-10_000);
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const failure = ended.then((code): never => {
    throw new Error(`Watcher has ended (${code}): ${errors}\n${tail(log)}`);
  });
  failure.catch(() => undefined);
  const serving = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      options.onLine?.(line);
      const parsed = parseLine(line);
      log.push(parsed);
      if (parsed.msg === 'serving') resolve(String(parsed.url));
    });
  });
  const url = await Promise.race([serving, failure]);
  return processOf(child, { url, configFile, log, ended, failure });
}

type Known = Pick<WatcherProcess, 'url' | 'configFile' | 'log' | 'ended' | 'failure'>;

function processOf(child: ChildProcess, known: Known): WatcherProcess {
  const { url, ended } = known;
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    ...known,
    pid: child.pid as number,
    async get(path) {
      const response = await fetch(`${url}${path}`);
      const body = await response.text();
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${body}`);
      return response.headers.get('content-type')?.includes('json') ? JSON.parse(body) : body;
    },
    post: (path, body) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      }),
    async stop() {
      if (alive()) child.kill('SIGTERM');
      return ended;
    },
    async kill() {
      if (alive()) child.kill('SIGKILL');
      await ended;
    },
    async [Symbol.asyncDispose]() {
      if (alive()) child.kill('SIGKILL');
      await ended;
    },
  };
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 'raw', msg: line };
  }
}

function tail(log: readonly LogLine[]): string {
  return log
    .slice(-10)
    .map((line) => JSON.stringify(line))
    .join('\n');
}
