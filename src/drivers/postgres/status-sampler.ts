/** Samples how far the source is and how much log the slot keeps, for status(). */
import type { SourceStatus } from '../../replication/driver.ts';
import { type Position, parseLsn } from '../../replication/position.ts';
import type { Control } from '../control.ts';
import type { SourceConnection } from './connection.ts';
import { lsnOf } from './lsn.ts';
import type { PostgresDriverOptions } from './options.ts';
import { readWalPosition, walColumns, walPosition } from './wal-position.ts';

const intervalMs = 3_000;

/** While the log does not grow, what the slot keeps is looked up this often: the server looks at all its slots for it. */
const quietSlotMs = 30_000;

export class StatusSampler {
  readonly #control: Control<SourceConnection>;
  readonly #options: PostgresDriverOptions;
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  #last: SourceStatus | null = null;
  /** Whether the log ended at the same place the last two times. */
  #quiet = false;
  #slotReadAtMs = 0;

  constructor(control: Control<SourceConnection>, options: PostgresDriverOptions) {
    this.#control = control;
    this.#options = options;
    this.#timer = setInterval(() => void this.#sample(), intervalMs);
    void this.#sample();
  }

  get last(): SourceStatus | null {
    return this.#last;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A sample that fails is left out: what is wrong with the connection ends the stream by another way. */
  async #sample(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#control.exclusive((connection) => this.#read(connection));
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'no status of the source');
    }
    this.#busy = false;
  }

  async #read(connection: SourceConnection): Promise<void> {
    const before = this.#last?.position ?? null;
    const startMs = performance.now();
    if (this.#quiet && before !== null && startMs - this.#slotReadAtMs < quietSlotMs) {
      if ((await readWalPosition(connection)) === lsnOf(before)) return;
    }
    const status = await readStatus(connection, this.#options.slot);
    this.#quiet = before !== null && lsnOf(status.position) === lsnOf(before);
    this.#last = status;
    this.#slotReadAtMs = startMs;
  }
}

export async function readStatus(
  connection: SourceConnection,
  slotName: string,
): Promise<SourceStatus & { readonly position: Position }> {
  // The whole slot as JSON: safe_wal_size came with version 13.
  const [row] = await connection.query(
    `SELECT ${walColumns},
       (SELECT row_to_json(s) FROM pg_replication_slots s WHERE slot_name = $1) AS slot`,
    [slotName],
  );
  const lsn = walPosition(row ?? {});
  const slot = row?.slot as
    | { restart_lsn: string | null; safe_wal_size?: number | null }
    | undefined
    | null;
  const restart = slot?.restart_lsn ?? null;
  return {
    position: { kind: 'postgres', lsn },
    retainedLogBytes: restart === null ? null : Math.max(0, Number(lsn - parseLsn(restart))),
    safeLogBytes: slot?.safe_wal_size ?? null,
  };
}
