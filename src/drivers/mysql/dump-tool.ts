/** The process of mysqldump or mariadb-dump: its arguments, its password, its output and its end. */
import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { WatcherError } from '../../errors.ts';
import type { ConnectTarget } from './connection.ts';
import { isInsert } from './insert-parser.ts';
import type { LogContext } from './log-access.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { Flavour } from './server-facts.ts';
import type { TlsSettings } from './tls.ts';

export interface DumpTool {
  /** Resolves when the tool's snapshot is taken; rejects when it ends in failure before. */
  readonly snapshot: Promise<void>;
  /**
   * What it prints, line by line, no faster than it is read.
   * @throws WatcherError `mysqldump_failed` at its end, when it fails or says that something failed.
   */
  lines(): AsyncGenerator<Buffer>;
  stop(): void;
}

/** The first words that it says, being verbose, after its transaction has begun. */
const transactionBegun = /^-- (?:Retrieving table structure|Sending SELECT)/m;

/** The last line of a complete dump. */
const completed = '-- Dump completed';

export async function startDumpTool(
  context: LogContext,
  schema: string,
  tables: readonly { readonly name: string }[],
  signal: AbortSignal,
): Promise<DumpTool> {
  const { options, target, facts } = context;
  const program = await findProgram(options, facts.flavour);
  const folder = await mkdtemp(join(tmpdir(), 'watcher-dump-'));
  try {
    const file = join(folder, 'client.cnf');
    const { ca } = target.tls;
    const caFile = ca === null ? null : join(folder, 'ca.pem');
    if (ca !== null && caFile !== null) await writeFile(caFile, ca, { mode: 0o600 });
    await writeFile(file, optionFile(target, caFile), { mode: 0o600 });
    const names = tables.map(({ name }) => name);
    const child = spawn(
      program,
      [`--defaults-file=${file}`, ...toolArguments, '--', schema, ...names],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        // Its messages are told apart by their text; MYSQL_PWD and other variables are none of its business.
        env: { PATH: options.path, LC_ALL: 'C' },
        signal,
      },
    );
    return new RunningTool(child, program, signal, () =>
      rm(folder, { recursive: true, force: true }),
    );
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** `loose-`: what only one of the two tools knows. */
const toolArguments: readonly string[] = [
  '--verbose',
  '--comments',
  '--single-transaction',
  '--quick',
  '--skip-lock-tables',
  '--skip-add-locks',
  '--skip-disable-keys',
  '--no-create-info',
  '--skip-triggers',
  '--no-tablespaces',
  '--complete-insert',
  '--extended-insert',
  '--hex-blob',
  '--tz-utc',
  '--net-buffer-length=65536',
  '--max-allowed-packet=1G',
  '--default-character-set=utf8mb4',
  '--loose-set-gtid-purged=OFF',
  '--loose-column-statistics=0',
  '--loose-skip-masking-policies',
];

/** @throws WatcherError `mysqldump_failed` when there is none. */
async function findProgram(options: MysqlDriverOptions, flavour: Flavour): Promise<string> {
  if (options.dumpProgram !== null) {
    if (await isExecutable(options.dumpProgram)) return options.dumpProgram;
    throw missing(`There is no program ${options.dumpProgram}`);
  }
  const names = flavour === 'mariadb' ? ['mariadb-dump', 'mysqldump'] : ['mysqldump'];
  for (const name of names) {
    for (const folder of options.path.split(delimiter)) {
      const file = join(folder, name);
      if (folder !== '' && (await isExecutable(file))) return file;
    }
  }
  throw missing(`There is no ${names.join(' or ')} on the PATH`);
}

function missing(message: string): WatcherError {
  return new WatcherError('mysqldump_failed', {
    message,
    remedy:
      'Install it (Debian: apt-get install default-mysql-client, or mariadb-client), or set dump.method: native.',
  });
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Never on the command line, where everybody can read it. Pure. */
export function optionFile(target: ConnectTarget, caFile: string | null): string {
  const { host, port, user, password, tls } = target;
  const place = host.startsWith('/')
    ? ['protocol=socket', `socket=${quoted(host)}`]
    : ['protocol=tcp', `host=${quoted(host)}`, `port=${port}`];
  const login = [`user=${quoted(user)}`, `password=${quoted(password)}`];
  return ['[client]', ...place, ...login, ...tlsLines(tls, caFile), ''].join('\n');
}

const sslModes = {
  disable: 'DISABLED',
  prefer: 'PREFERRED',
  require: 'REQUIRED',
  'verify-ca': 'VERIFY_CA',
  'verify-full': 'VERIFY_IDENTITY',
} as const satisfies Record<TlsSettings['mode'], string>;

/** MySQL's tool knows ssl-mode, MariaDB's the others. */
function tlsLines({ mode }: TlsSettings, caFile: string | null): readonly string[] {
  const lines = [`loose-ssl-mode=${sslModes[mode]}`, 'loose-get-server-public-key'];
  if (mode === 'disable') return [...lines, 'loose-skip-ssl'];
  if (mode === 'prefer') return lines;
  if (caFile !== null) lines.push(`ssl-ca=${quoted(caFile)}`);
  return mode === 'verify-full' ? [...lines, 'loose-ssl-verify-server-cert'] : lines;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

class RunningTool implements DumpTool {
  readonly snapshot: Promise<void>;
  readonly #child: Child;
  readonly #program: string;
  readonly #signal: AbortSignal;
  readonly #ended: Promise<number | null>;
  #said = '';
  #spawnError: Error | null = null;

  constructor(child: Child, program: string, signal: AbortSignal, cleanUp: () => Promise<void>) {
    this.#child = child;
    this.#program = program;
    this.#signal = signal;
    // Else Node throws away what was printed and not read when the process exits.
    child.stdout.on('readable', () => {});
    child.on('error', (error) => {
      this.#spawnError = error;
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code) => resolve(code));
    });
    this.snapshot = this.#begun();
    // Met by whoever awaits it; the file is not needed once the tool has logged in.
    this.snapshot.catch(() => {}).finally(() => void cleanUp().catch(() => {}));
  }

  async *lines(): AsyncGenerator<Buffer> {
    let last = '';
    for await (const line of statementLines(this.#child.stdout)) {
      if (line.length > 0) last = line.toString('latin1', 0, completed.length);
      yield line;
    }
    const code = await this.#ended;
    this.#signal.throwIfAborted();
    const complaints = complaintsIn(this.#said);
    if (code !== 0 || complaints !== '' || last !== completed)
      throw this.#failure(code, complaints);
  }

  stop(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    this.#child.stdout.destroy();
  }

  async #begun(): Promise<void> {
    const begun = new Promise<void>((resolve) => {
      this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.#said = `${this.#said}${text}`.slice(-maxSaidLength);
        if (transactionBegun.test(this.#said)) resolve();
      });
    });
    // Its output is not read yet: it ends by itself only when it has failed, or when there was little to dump.
    const exited = once(this.#child, 'exit').then(() => undefined);
    await Promise.race([begun, exited, this.#ended]);
    this.#signal.throwIfAborted();
    const complaints = complaintsIn(this.#said);
    const failed = this.#child.exitCode !== null && this.#child.exitCode !== 0;
    if (failed || this.#spawnError !== null) throw this.#failure(this.#child.exitCode, complaints);
  }

  #failure(code: number | null, complaints: string): WatcherError {
    const what =
      this.#spawnError?.message ??
      (complaints === '' ? 'it ended before its dump was complete' : complaints);
    const busy = /error(?:: | )1412\b|\(1412\)/i.test(complaints);
    return new WatcherError(busy ? 'source_busy' : 'mysqldump_failed', {
      message: `${this.#program} failed (exit code ${code ?? 'none'}): ${what}`,
    });
  }
}

const maxSaidLength = 16_384;

/**
 * Lines of stderr that say that something failed: all but what it tells when it is verbose, and warnings. It may end
 * with 0 after an error. Pure.
 */
export function complaintsIn(said: string): string {
  return said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('-- ') && !warning.test(line))
    .join('; ');
}

const warning = /^(?:\S+: )?(?:\[Warning\]|Warning:|WARNING:|unknown (?:variable|option) )/;

const newline = 0x0a;
const semicolon = 0x3b;

/** MariaDB's tool writes a line a row: the lines of an INSERT are put together. A string has no line break in it. */
async function* statementLines(stream: Readable): AsyncGenerator<Buffer> {
  let open: Buffer[] = [];
  for await (const line of splitLines(stream)) {
    if (open.length === 0 && !isInsert(line)) {
      yield line;
      continue;
    }
    open.push(line);
    if (line.at(-1) !== semicolon) continue;
    yield open.length === 1 ? line : Buffer.concat(open);
    open = [];
  }
  yield* open;
}

async function* splitLines(stream: Readable): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      parts = [];
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}
