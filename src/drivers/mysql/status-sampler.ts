/** Samples how far the source is, how much log is not read yet, and whether the server will purge it soon. */
import { WatcherError } from '../../errors.ts';
import type { Warning } from '../../replication/change.ts';
import type { SourceStatus } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { Control } from '../control.ts';
import type { SourceConnection } from './connection.ts';
import type { LogFile } from './log-place.ts';
import { bytesBetween, comparePlaces, positionOf, readLogEnd, readLogFiles } from './log-place.ts';
import type { LogWatch } from './log-watch.ts';
import type { MysqlDriverOptions } from './options.ts';
import { retentionSeconds } from './preflight.ts';
import type { ServerFacts } from './server-facts.ts';

const intervalMs = 3_000;
/** Where the log has not grown, its files are listed with one of so many samples: they may have been purged. */
const listingSamples = 10;

export interface StatusSamplerOptions {
  readonly control: Control<SourceConnection>;
  readonly facts: ServerFacts;
  readonly options: MysqlDriverOptions;
  /** Up to where everything is durable; null: unknown. */
  readonly durable: () => MysqlPosition | null;
  readonly watch: LogWatch;
  readonly nowMs: () => number;
}

export class StatusSampler {
  readonly #options: StatusSamplerOptions;
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  #last: LogStatus | null = null;
  #samples = 0;
  /** Since when something of the log is not durable; null: nothing is. */
  #behindSinceMs: number | null = null;

  constructor(options: StatusSamplerOptions) {
    this.#options = options;
    this.#timer = setInterval(
      () => void this.#sample(),
      options.options.sampleIntervalMs ?? intervalMs,
    );
    void this.#sample();
  }

  /** Of the last sample, with the position that is durable now. */
  get status(): SourceStatus {
    const { durable } = this.#options;
    return this.#last === null
      ? { position: null, retainedLogBytes: null, safeLogBytes: null }
      : sourceStatus(this.#last, durable());
  }

  get files(): readonly LogFile[] {
    return this.#last?.files ?? [];
  }

  get warning(): Warning | null {
    if (this.#last === null) return null;
    const { facts, durable, nowMs } = this.#options;
    const behindMs = this.#behindSinceMs === null ? 0 : nowMs() - this.#behindSinceMs;
    return retentionWarning(this.#last, durable(), retentionSeconds(facts), behindMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A sample that fails ends the stream: nobody else looks at this connection while it waits for changes. */
  async #sample(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { control, facts, durable, watch, nowMs } = this.#options;
    const { read } = watch;
    try {
      const known = this.#samples % listingSamples === 0 ? null : this.#last;
      this.#samples += 1;
      this.#last = await control.exclusive((sql) => readLogStatus(sql, facts, known));
      watch.ends(this.#last.end, read);
      const position = durable();
      const behind = position !== null && comparePlaces(position, this.#last.end) < 0;
      this.#behindSinceMs = behind ? (this.#behindSinceMs ?? nowMs()) : null;
    } catch (error) {
      this.stop();
      watch.fails(error);
    }
    this.#busy = false;
  }
}

export interface LogStatus {
  readonly end: MysqlPosition;
  readonly files: readonly LogFile[];
}

/** @param known Its files are taken as they are while the log ends where it did; null: they are listed. */
export async function readLogStatus(
  connection: SourceConnection,
  facts: ServerFacts,
  known: LogStatus | null = null,
): Promise<LogStatus> {
  const end = await readLogEnd(connection, facts);
  // Not for long: what it is set to do was looked at before, and a RESET closes the log for a moment.
  if (end === null) {
    throw new WatcherError('source_unavailable', { message: 'The server writes no binlog now' });
  }
  const stands = known !== null && comparePlaces(known.end, end) === 0;
  return { end: positionOf(end), files: stands ? known.files : await readLogFiles(connection) };
}

export function sourceStatus(
  { end, files }: LogStatus,
  durable: MysqlPosition | null,
): SourceStatus {
  const retained = durable === null ? null : bytesBetween(files, durable, end);
  return { position: end, retainedLogBytes: retained, safeLogBytes: null };
}

/** What is not read yet may be this old, in parts of what the server keeps, before it is said. */
const agePart = 0.5;

/**
 * The server purges by age, a file at a time, from the oldest on; no reader holds it back. Pure.
 * @param retentionS 0: never by age.
 */
export function retentionWarning(
  { files }: LogStatus,
  durable: MysqlPosition | null,
  retentionS: number,
  behindMs: number,
): Warning | null {
  if (durable === null || retentionS === 0 || files.length < 2) return null;
  const [oldest] = files;
  const inOldest = oldest?.name === durable.file;
  if (!inOldest || behindMs / 1000 < retentionS * agePart) return null;
  return {
    code: 'binlog_expiring',
    message: `The sync has been behind for ${Math.round(behindMs / 60_000)} minutes, reads the oldest binlog (${durable.file}), and the server purges binlogs after ${Math.round(retentionS / 3600)} hours`,
    remedy: `SET GLOBAL binlog_expire_logs_seconds = ${retentionS * 4}; (before MySQL 8.0 and MariaDB 10.6: expire_logs_days)`,
    table: null,
  };
}
