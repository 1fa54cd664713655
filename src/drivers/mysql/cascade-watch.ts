/**
 * Foreign keys that change rows of other tables without the log saying so: those tables are dumped again, each once per
 * transaction.
 *
 * The dump must have the transaction, and its cascades. The log has a transaction before its engine commits it, so the
 * dump could begin in between. By the method of the snapshot (snapshot.ts), for a transaction that was in the log when
 * the dump began:
 *   mariadb   the snapshot says where it is in the log; it is taken again until that is where the log ended when the dump
 *             began, or later. It has exactly the transactions before that place, with all that they did.
 *   ftwrl     waits for transactions that are committing: it has them.
 *   lock      waits for whoever has changed a row of the locked tables, until it has committed. A cascade counts as such
 *             a change from MySQL 8.0 on; before, the parents are locked as well, whose rows the transaction did change.
 *   log       what is in gtid_executed is committed. The rest is read from the log, with this class beside it: a cascade
 *             there begins the dump again.
 */
import type { CatalogEvent } from '../../replication/change.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { TableMap } from './binlog/table-map.ts';
import type { CascadeTargets } from './foreign-keys.ts';
import type { LogBinding } from './log-binding.ts';
import type { ToldTables } from './told-tables.ts';

/** Whose changes are watched. */
export interface WatchedParent {
  /** Columns, by index in the table map, whose change counts as one of the key. */
  readonly compared: readonly number[];
  /** @param differs whether one of `compared` has changed */
  see(op: 'insert' | 'update' | 'delete' | 'truncate', differs: () => boolean): void;
}

const noEvents: readonly CatalogEvent[] = [];

export class CascadeWatch {
  readonly #told: ToldTables;
  /** Tables to dump again. */
  readonly #found = new Set<string>();
  /** Of these it was said in this transaction. */
  readonly #said = new Set<string>();
  #commit: MysqlPosition | null = null;

  constructor(told: ToldTables) {
    this.#told = told;
  }

  get isIdle(): boolean {
    return this.#found.size === 0;
  }

  /** @param commit the same object for all of a transaction */
  begin(commit: MysqlPosition): void {
    if (commit === this.#commit) return;
    this.#commit = commit;
    // Also an empty set costs something to clear.
    if (this.#said.size > 0) this.#said.clear();
  }

  /** @param binding null: the table is not of the sync, and each of its updates counts */
  parentOf(
    targets: CascadeTargets | null,
    map: TableMap,
    binding: LogBinding | null,
  ): WatchedParent | null {
    if (targets === null) return null;
    const compared =
      binding === null ? [] : targets.keyColumns.map((name) => indexOf(name, map, binding));
    // A column that is not known by name: any update may have changed it.
    const isUnsure = binding === null || compared.includes(-1);
    return {
      compared: compared.filter((index) => index >= 0),
      see: (op, differs) => {
        if (op === 'delete') this.#add(targets.onDelete);
        if (op !== 'update') return;
        // The table of somebody else may be a versioned one: its rows are deleted by updates.
        if (binding === null) this.#add(targets.onDelete);
        if (isUnsure || differs()) this.#add(targets.onKeyUpdate);
      },
    };
  }

  /** What was found since the last call. @param place behind it, in its transaction */
  take(place: MysqlPosition): readonly CatalogEvent[] {
    if (this.#found.size === 0) return noEvents;
    const events: CatalogEvent[] = [];
    for (const id of this.#found) {
      const table = this.#told.byId(id);
      if (table === null || this.#said.has(id) || this.#told.isDumpedAfter(id, place)) continue;
      this.#said.add(id);
      const reason = 'a foreign key has changed its rows';
      events.push({ kind: 'redump', tableId: id, table: table.name, reason });
    }
    this.#found.clear();
    return events;
  }

  #add(ids: readonly string[]): void {
    for (const id of ids) this.#found.add(id);
  }
}

function indexOf(name: string, map: TableMap, { relation, picks }: LogBinding): number {
  const named = map.columns.findIndex((column) => column.name === name);
  if (named >= 0) return named;
  return picks[relation.columns.findIndex((column) => column.name === name)] ?? -1;
}
