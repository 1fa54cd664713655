/** Reads the log of a server by `readLog`, up to a place. */
import { crc32 } from 'node:zlib';
import { connect } from '../../src/drivers/mysql/connection.ts';
import type { LogEvent } from '../../src/drivers/mysql/log-event.ts';
import type { LogPlace } from '../../src/drivers/mysql/log-place.ts';
import { comparePlaces, positionOf, readLogEnd } from '../../src/drivers/mysql/log-place.ts';
import type { LogReaderOptions } from '../../src/drivers/mysql/log-reader.ts';
import { readLog } from '../../src/drivers/mysql/log-reader.ts';
import { readServerFacts } from '../../src/drivers/mysql/server-facts.ts';
import type { MysqlPosition } from '../../src/replication/position.ts';
import type { MysqlAddress } from '../../tools/testenv/mysql-address.ts';
import { until } from './until.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const signal = new AbortController().signal;

export async function readerOptions(
  { host, port, user, password }: Pick<MysqlAddress, 'host' | 'port' | 'user' | 'password'>,
  serverId: number,
): Promise<LogReaderOptions> {
  const target = {
    host,
    port,
    user,
    password,
    tls: { mode: 'disable', ca: null },
    applicationName: 'watcher test',
    connectTimeoutMs: 5_000,
  } as const;
  const connection = await connect(target, signal);
  const facts = await readServerFacts(connection);
  await connection.close();
  return { target, facts, serverId, logger: silent };
}

export async function logEnd({ target, facts }: LogReaderOptions): Promise<MysqlPosition> {
  const connection = await connect(target, signal);
  const end = await readLogEnd(connection, facts);
  await connection.close();
  if (end === null) throw new Error('no binlog');
  return positionOf(end);
}

/** What is in the files, up to a place or to the first event that is wanted. */
export async function readEvents(
  options: LogReaderOptions,
  from: MysqlPosition,
  last: LogPlace | ((event: LogEvent) => boolean),
): Promise<LogEvent[]> {
  const found: LogEvent[] = [];
  const isLast =
    typeof last === 'function'
      ? last
      : ({ file, end }: LogEvent) => comparePlaces({ file, offset: end }, last) >= 0;
  for await (const batch of readLog(options, from, signal)) {
    found.push(...batch.filter(({ start, end }) => start < end));
    if (!batch.some(isLast)) continue;
    // Others write on.
    if (typeof last === 'function') return found;
    return found.filter(({ file, start }) => comparePlaces({ file, offset: start }, last) < 0);
  }
  throw new Error('the log has an end');
}

export interface Follower {
  /** In files or not. */
  readonly events: readonly LogEvent[];
  /** What ended it. */
  readonly ended: Promise<unknown>;
  /** Waits for a heartbeat that is to come. */
  heartbeat(): Promise<LogEvent>;
  /** Nothing is taken any more, until `resume`. */
  pause(): void;
  resume(): void;
  stop(): Promise<unknown>;
}

/** Reads on and on. */
export function follow(options: LogReaderOptions, from: MysqlPosition): Follower {
  const events: LogEvent[] = [];
  const abort = new AbortController();
  let gate: Promise<void> | null = null;
  let open = () => {};
  const read = async () => {
    for await (const batch of readLog(options, from, abort.signal)) {
      events.push(...batch);
      if (gate !== null) await gate;
    }
  };
  const ended = read().then(
    () => new Error('the log has an end'),
    (error: unknown) => error,
  );
  return {
    events,
    ended,
    async heartbeat() {
      const known = events.length;
      const found = () => events.slice(known).find(({ event }) => event.type === 'heartbeat');
      return until(found, { what: 'a heartbeat', failure: ended });
    },
    pause() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    resume() {
      gate = null;
      open();
    },
    stop() {
      abort.abort(new Error('stopped'));
      open();
      return ended;
    },
  };
}

/** For comparisons; bytes as their checksum. */
export function textOf({ event, header, file, start, end }: LogEvent): string {
  const fields = Object.entries({ ...event, header }).map(([name, value]) => [name, plain(value)]);
  return `${file} ${start} ${end} ${JSON.stringify(Object.fromEntries(fields))}`;
}

function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `${value.length} bytes, ${crc32(value)}`;
  if (typeof value === 'bigint') return `${value}`;
  if (value instanceof Map || value instanceof Set) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
