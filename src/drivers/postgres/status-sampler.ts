/** Samples how far the source is and how much log the slot keeps, for status(). */
import type { SourceStatus } from '../../replication/driver.ts';
import { parseLsn } from '../../replication/position.ts';
import type { SourceConnection } from './connection.ts';
import type { Control } from './control.ts';
import type { PostgresDriverOptions } from './options.ts';
import { readWalPosition } from './wal-position.ts';

const intervalMs = 3_000;

export class StatusSampler {
  readonly #control: Control;
  readonly #options: PostgresDriverOptions;
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  #last: SourceStatus | null = null;

  constructor(control: Control, options: PostgresDriverOptions) {
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
      this.#last = await this.#control.exclusive((connection) =>
        readStatus(connection, this.#options.slot),
      );
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'no status of the source');
    }
    this.#busy = false;
  }
}

export async function readStatus(
  connection: SourceConnection,
  slotName: string,
): Promise<SourceStatus> {
  const lsn = await readWalPosition(connection);
  // The whole row as JSON: safe_wal_size came with version 13.
  const [row] = await connection.query(
    'SELECT row_to_json(s) AS slot FROM pg_replication_slots s WHERE slot_name = $1',
    [slotName],
  );
  const slot = row?.slot as
    | { restart_lsn: string | null; safe_wal_size?: number | null }
    | undefined;
  const restart = slot?.restart_lsn ?? null;
  return {
    position: { kind: 'postgres', lsn },
    retainedLogBytes: restart === null ? null : Math.max(0, Number(lsn - parseLsn(restart))),
    safeLogBytes: slot?.safe_wal_size ?? null,
  };
}
