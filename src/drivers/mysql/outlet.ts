/** What leaves the assembler of a group: its parts, its end, and what must be told before them. */
import type {
  CatalogEvent,
  Change,
  StreamMessage,
  TransactionPart,
} from '../../replication/change.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { Group } from './group.ts';
import type { LogEvent } from './log-event.ts';
import type { LogPlace } from './log-place.ts';
import type { LogTables } from './log-table.ts';
import type { Progress } from './progress.ts';

export type Messages = readonly StreamMessage[];

/** What an event gives: nothing in most cases, and rarely something that must be waited for. */
export type Assembled = Messages | AsyncIterable<StreamMessage>;

export const none: Messages = [];
const noChanges: readonly Change[] = [];

export class Outlet {
  readonly #tables: LogTables;
  readonly #progress: Progress;

  constructor(tables: LogTables, progress: Progress) {
    this.#tables = tables;
    this.#progress = progress;
  }

  /** @param place in the group, behind what the part has of it */
  handOut(part: TransactionPart, place: MysqlPosition): Messages {
    this.#progress.mayHandOut();
    const events = this.#tables.cascades(part.changes, place);
    return events.length === 0 ? [part] : [...catalog(events), part];
  }

  /** The group ends with this event. */
  finish(group: Group, log: LogEvent): Messages {
    if (group.start.state === 'done') return none;
    const place = group.at(log);
    const last = group.end(log);
    if (last !== null) return this.handOut(last, place);
    const events = catalog(this.#tables.cascades(noChanges, place));
    const heartbeat = this.#progress.passed(log.file, log.end);
    return heartbeat === null ? events : [...events, heartbeat];
  }

  /** Only what tables without transactions have of it stands. */
  rollBack(group: Group, log: LogEvent): Messages {
    const events = group.undo(0, 'ROLLBACK');
    return [...catalog(events), ...this.finish(group, log)];
  }

  /**
   * A group that is open where a file ends was never committed: the server crashed while it wrote it.
   * @param next where the log goes on
   */
  abandon(group: Group, { file, offset }: LogPlace, log: LogEvent): Messages {
    const { state, gtidBefore: gtid } = group.start;
    if (state === 'done') return none;
    this.#progress.takeBack(group);
    const events = catalog(group.abandon('the server crashed within a transaction'));
    if (!group.begun) return events;
    return [...events, group.part({ kind: 'mysql', gtid, file, offset }, log)];
  }
}

export function catalog(events: readonly CatalogEvent[]): Messages {
  return events.length === 0 ? none : [{ type: 'catalog', events }];
}
