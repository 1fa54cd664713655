/** Content of a prepared transaction → the rows of the group that commits it. */
import type { StreamMessage } from '../../replication/change.ts';
import { outOfOrder } from './assemble-errors.ts';
import type { Group } from './group.ts';
import { redump } from './group.ts';
import type { LogEvent } from './log-event.ts';
import type { LogTable, LogTables } from './log-table.ts';
import type { Messages, Outlet } from './outlet.ts';
import { catalog, none } from './outlet.ts';
import type { ContentEntry } from './xa-content.ts';
import { bind } from './xa-content.ts';

interface ReplayedTable {
  readonly relation: LogTable['relation'];
  /** Its rows can be written as they were mapped. */
  readonly same: boolean;
  told: boolean;
}

type Of<K extends ContentEntry['kind']> = Extract<ContentEntry, { kind: K }>;

export class Replay {
  readonly #tables: LogTables;
  readonly #outlet: Outlet;
  readonly #group: Group;
  readonly #log: LogEvent;
  readonly #replayed: ReplayedTable[] = [];

  /** @param log the event that commits it */
  constructor(
    { tables, outlet }: { readonly tables: LogTables; readonly outlet: Outlet },
    group: Group,
    log: LogEvent,
  ) {
    this.#tables = tables;
    this.#outlet = outlet;
    this.#group = group;
    this.#log = log;
  }

  /** In their order. */
  entry(entry: ContentEntry): Messages {
    switch (entry.kind) {
      case 'table':
        this.#describe(entry);
        return none;
      case 'rows':
        return this.#rows(entry);
      case 'events':
        return catalog(entry.events);
      case 'savepoint':
      case 'rollback_to':
      case 'release': {
        const events = this.#group.savepoint(entry.kind, entry.name);
        if (events !== null) return catalog(events);
        throw outOfOrder('ROLLBACK TO a savepoint that was not set', this.#log);
      }
      default:
        return entry satisfies never;
    }
  }

  #describe({ map, signature }: Of<'table'>): void {
    const { relation } = this.#tables.describe(map, this.#group.commit);
    const same = signature !== null && relation?.signature === signature;
    this.#replayed.push({ relation, same, told: false });
  }

  #rows({ table: index, rows, bytes, changes }: Of<'rows'>): Messages {
    const group = this.#group;
    group.messages += rows;
    const table = this.#replayed[index] as ReplayedTable;
    const { relation, same, told } = table;
    if (relation === null || told || (same && changes.length === 0)) return none;
    if (!same) {
      table.told = true;
      return catalog([
        redump(relation, 'rows of an XA transaction were prepared for another table'),
      ]);
    }
    const bound = changes.map((change) => bind(change, relation));
    const parts = group.add(bound, bytes / rows, true, this.#log);
    return parts.flatMap((part): readonly StreamMessage[] =>
      this.#outlet.handOut(part, group.at(this.#log)),
    );
  }
}
