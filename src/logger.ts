/** How Watcher logs: JSON lines, `level` a word, `time` ISO 8601 (SPEC §3). Never row values, never credentials. */
import {
  type DestinationStream,
  type Logger,
  type LoggerOptions,
  pino,
  stdTimeFunctions,
} from 'pino';
import { WatcherError } from './errors.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

export type LogLevel = (typeof logLevels)[number];

const secrets = [
  'authorization',
  'connectionString',
  'cookie',
  'pass',
  'passphrase',
  'password',
  'secret',
  'token',
];

/** That of `api.tokens[0].token` in a whole configuration, which is itself a member of the line. */
const deepest = 4;

/** A secret is no member of a log line, but should one be, at the top or below, it is not shown. */
const redacted = [
  ...secrets,
  // `key` alone is an etcd key, and `connection` can be a number.
  'tls.key',
  'database.connection',
].flatMap((name) => Array.from({ length: deepest + 1 }, (_, depth) => '*.'.repeat(depth) + name));

/** @param levelNow Stacks are logged at `debug` and `trace` only. */
export function loggerOptions(
  level: LogLevel,
  levelNow: () => string = () => level,
): LoggerOptions {
  const err = (error: unknown) => errorToLog(error, /^(?:debug|trace)$/.test(levelNow()));
  return {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: bigintsToText },
    serializers: { err, error: err },
    redact: { paths: redacted, censor: '[redacted]' },
  };
}

/** Its level may be set at any time. @param destination By default, stdout. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = loggerOptions(level, () => logger.level);
  const logger: Logger = destination === undefined ? pino(options) : pino(options, destination);
  return logger;
}

const deepestCause = 5;

/** Message and code, and those of the causes; a remedy where there is one. */
function errorToLog(error: unknown, withStack: boolean, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as Error & { readonly code?: unknown };
  const known = error instanceof WatcherError ? { remedy: error.remedy, table: error.table } : {};
  const deeper = error.cause !== undefined && depth < deepestCause;
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: error.message,
    ...known,
    ...(withStack ? { stack: error.stack } : {}),
    ...(deeper ? { cause: errorToLog(error.cause, withStack, depth + 1) } : {}),
  };
}

/** LSNs and revisions keep their digits: as numbers, readers of JSON would round them. */
function bigintsToText(line: Record<string, unknown>): Record<string, unknown> {
  if (!Object.values(line).some((value) => typeof value === 'bigint')) return line;
  const entries = Object.entries(line);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]),
  );
}
