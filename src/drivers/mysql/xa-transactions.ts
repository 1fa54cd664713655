/**
 * XA transactions, whose rows are in the log before their outcome:
 *   MySQL 5.7 and later      [GTID] · XA START x · rows · XA END x · XA_PREPARE; with ONE PHASE that is the commit
 *   MariaDB 10.5 and later   GTID with the flag `prepared` · rows · XA END x · XA_PREPARE
 *   both, later              [GTID] · XA COMMIT x or XA ROLLBACK x, a group by itself, from whatever connection
 * Before those versions, and with ONE PHASE at MariaDB, the rows come with the commit as those of any other transaction.
 *
 * Rows of a prepared group are staged with the position that passes it, also when there are none for the sync: XA COMMIT
 * of what was never staged is then known for what it is: it was prepared before the place where reading began, and no
 * one knows its rows. The tables are dumped again, from behind it. At XA COMMIT the rows are the transaction
 * of the group that holds it. What was prepared a moment ago is still in memory; the rest is read back.
 */

import type { CatalogEvent, StreamMessage } from '../../replication/change.ts';
import type { StagedLog } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { outOfOrder } from './assemble-errors.ts';
import type { RowsEvent } from './binlog/rows.ts';
import type { TableMap } from './binlog/table-map.ts';
import type { Group } from './group.ts';
import { redump } from './group.ts';
import type { LogEvent } from './log-event.ts';
import type { LogRows, LogTable, LogTables } from './log-table.ts';
import type { OpenGroup } from './open-group.ts';
import type { Assembled, Messages, Outlet } from './outlet.ts';
import { catalog, none } from './outlet.ts';
import type { Statement } from './statement.ts';
import type { ContentEntry } from './xa-content.ts';
import { readContent } from './xa-content.ts';
import { Prepared } from './xa-prepared.ts';
import { Replay } from './xa-replay.ts';

/** Of content that is kept, until it is decided. */
const keptBytes = 8 * 1024 * 1024;

type Kept = Pick<Prepared, 'bytes' | 'entries'>;

export interface XaOptions {
  readonly tables: LogTables;
  readonly staged: StagedLog;
  readonly outlet: Outlet;
  readonly current: OpenGroup;
}

type XaStatement = Extract<Statement, { kind: 'xa' }>;

export class XaTransactions {
  readonly #options: XaOptions;
  /** Decided soon, as a rule. */
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;
  /** Of the group that is open. */
  #prepared: Prepared | null = null;

  constructor(options: XaOptions) {
    this.#options = options;
  }

  /** Rows of the open group are not committed with it. */
  get open(): boolean {
    return this.#prepared !== null;
  }

  statement({ verb, xid }: XaStatement, log: LogEvent): Assembled {
    const { current, outlet } = this.#options;
    const within = current.group?.open === true;
    switch (verb) {
      case 'start':
        if (within) throw outOfOrder('XA START within a transaction', log);
        return this.begin(current.begun(log), xid);
      case 'end':
        current.require('XA END', log);
        return none;
      case 'commit':
        return within ? this.prepare(true, log) : this.#commit(current.alone(log), xid, log);
      case 'rollback':
        if (!within) return this.#rollBack(current.alone(log), xid, log);
        this.discard(current.require('XA ROLLBACK', log));
        return outlet.rollBack(current.alone(log), log);
      case 'prepare':
        throw outOfOrder('XA PREPARE as a statement', log);
      default:
        return verb satisfies never;
    }
  }

  /** XA START, which stands for BEGIN. */
  begin(group: Group, id: string): Messages {
    group.open = true;
    if (group.start.state === 'done') return none;
    this.#forget(id);
    // Rows of it were applied already, so it ended with ONE PHASE; some of it may have been staged before that was known.
    if (group.start.skip > 0) group.releases = id;
    else this.#prepared = new Prepared(id);
    return none;
  }

  describe(map: TableMap, table: LogTable): void {
    this.#prepared?.describe(map, table);
  }

  rows(event: RowsEvent, table: LogTable, read: LogRows, group: Group, log: LogEvent): Messages {
    const prepared = this.#require(log);
    prepared.rows(event, table, read);
    const { relation, transactional } = table;
    // They are there whatever becomes of the transaction. No server logs them here: they have a group of their own.
    const lasting = !transactional && relation !== null && read.changes.length > 0;
    const events = lasting
      ? catalog([redump(relation, 'rows of a table without transactions, in an XA transaction')])
      : none;
    return prepared.full ? [...events, ...this.#spill(prepared, group, log, false)] : events;
  }

  savepoint(kind: 'savepoint' | 'rollback_to' | 'release', name: string, log: LogEvent): Messages {
    this.#require(log).savepoint(kind, name);
    return none;
  }

  /** XA PREPARE is an event of its own, and with ONE PHASE the commit. */
  prepare(onePhase: boolean, log: LogEvent): Assembled {
    const { current, outlet } = this.#options;
    const group = current.require('XA PREPARE', log);
    current.close();
    if (group.start.state === 'done') return none;
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared === null && group.releases !== null && onePhase) return outlet.finish(group, log);
    if (prepared === null) throw outOfOrder('XA PREPARE outside of an XA transaction', log);
    return onePhase ? this.#commitHere(prepared, group, log) : this.#stage(prepared, group, log);
  }

  /** What it holds goes where it waits for its outcome. */
  #stage(prepared: Prepared, group: Group, log: LogEvent): Messages {
    const place = group.at(log);
    const events = this.#tell(prepared, place);
    // Its entries are taken out when they are staged.
    if (!prepared.spilled) this.#keep(prepared);
    const part = { ...group.part(place, log), changes: [], staging: prepared.spill(true) };
    return [...catalog(events), ...this.#options.outlet.handOut(part, place)];
  }

  /** A dump that is begun now does not see what is prepared: it is asked for again at the commit. */
  #tell(prepared: Prepared, place: MysqlPosition): readonly CatalogEvent[] {
    const events = this.#options.tables.cascades([], place);
    prepared.tell(events);
    return events;
  }

  #commitHere(prepared: Prepared, group: Group, log: LogEvent): Assembled {
    group.messages = 0;
    if (!prepared.spilled) return this.#apply(prepared.entries, group, log);
    return this.#commitSpilled(prepared, group, log);
  }

  /** What was prepared in an earlier group. */
  #commit(group: Group, id: string, log: LogEvent): Assembled {
    if (group.start.state === 'done') return none;
    group.releases = id;
    const kept = this.#forget(id);
    if (kept !== null) return this.#apply(kept.entries, group, log);
    return this.#applyStaged(id, group, log);
  }

  /** What it holds was never applied, so it does not matter whether it was staged. */
  #rollBack(group: Group, id: string, log: LogEvent): Messages {
    this.#forget(id);
    group.releases = id;
    return this.#options.outlet.finish(group, log);
  }

  /** The open group ends without a commit: nothing of it happened. */
  discard(group: Group): void {
    if (this.#prepared?.spilled === true) group.releases = this.#prepared.id;
    this.#prepared = null;
  }

  /**
   * A transaction of nothing, which leaves the position where it was: a restart comes here again, and stages it all once
   * more. So the core has no transaction open when this one turns out to be committed, and what is staged can be read.
   */
  #spill(prepared: Prepared, group: Group, log: LogEvent, last: boolean): Messages {
    const place = group.at(log);
    const events = this.#tell(prepared, place);
    const staging = prepared.spill(last);
    const part = { ...group.part(group.before, log), changes: [], messages: 0, staging };
    return [...catalog(events), ...this.#options.outlet.handOut(part, place)];
  }

  async *#commitSpilled(
    prepared: Prepared,
    group: Group,
    log: LogEvent,
  ): AsyncGenerator<StreamMessage> {
    yield* this.#spill(prepared, group, log, true);
    group.releases = prepared.id;
    yield* this.#applyStaged(prepared.id, group, log);
  }

  async *#applyStaged(id: string, group: Group, log: LogEvent): AsyncGenerator<StreamMessage> {
    const replay = new Replay(this.#options, group, log);
    let found = false;
    for await (const entry of readContent(this.#options.staged.read(id))) {
      found = true;
      yield* replay.entry(entry);
    }
    const place = group.at(log);
    if (!found) yield* catalog(this.#options.tables.unknownCommit(id, place));
    yield* this.#options.outlet.finish(group, log);
  }

  #apply(entries: readonly ContentEntry[], group: Group, log: LogEvent): Messages {
    const replay = new Replay(this.#options, group, log);
    const messages = entries.flatMap((entry) => replay.entry(entry));
    return [...messages, ...this.#options.outlet.finish(group, log)];
  }

  #keep(prepared: Prepared): void {
    const { id, bytes, entries } = prepared;
    this.#kept.set(id, { bytes, entries });
    this.#keptBytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= keptBytes) return;
      this.#forget(oldest);
    }
  }

  #forget(id: string): Kept | null {
    const kept = this.#kept.get(id) ?? null;
    this.#kept.delete(id);
    this.#keptBytes -= kept?.bytes ?? 0;
    return kept;
  }

  #require(log: LogEvent): Prepared {
    if (this.#prepared === null) throw outOfOrder('XA outside of an XA transaction', log);
    return this.#prepared;
  }
}
