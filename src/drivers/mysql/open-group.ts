/** The group that the log is in, and the tables that it has described so far. */
import { amidTransaction, outOfOrder } from './assemble-errors.ts';
import type { Group } from './group.ts';
import type { LogEvent } from './log-event.ts';
import type { LogTable } from './log-table.ts';
import type { Progress } from './progress.ts';
import type { GroupGtid } from './resume.ts';

export class OpenGroup {
  readonly #progress: Progress;
  #group: Group | null = null;
  /** By the table id of the server. */
  readonly maps = new Map<number, LogTable>();

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  get group(): Group | null {
    return this.#group;
  }

  /** @throws WatcherError `unsupported_event` when one is open. */
  begin(log: LogEvent, gtid: GroupGtid | null, committedAtMicros: number | null): Group {
    if (this.#group !== null) throw outOfOrder('a transaction begins within another', log);
    this.#group = this.#progress.begin(log, gtid, committedAtMicros);
    return this.#group;
  }

  /** The group that a GTID event has begun; without one it begins here. */
  begun(log: LogEvent): Group {
    return this.#group ?? this.begin(log, null, null);
  }

  /**
   * The group, in which rows may be.
   * @throws WatcherError `source_replaced` when the log is read from the middle of it, else `unsupported_event`.
   */
  require(what: string, log: LogEvent): Group {
    if (this.#group?.open === true) return this.#group;
    if (!this.#progress.met) throw amidTransaction(log);
    throw outOfOrder(`${what} outside of a transaction`, log);
  }

  close(): void {
    this.#group = null;
    if (this.maps.size > 0) this.maps.clear();
  }

  /** A group that ends with the statement that it begins with. */
  alone(log: LogEvent): Group {
    const group = this.begun(log);
    this.close();
    return group;
  }
}
