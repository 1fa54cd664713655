/**
 * Events of the log → transactions of the core. Pure but for the tables, which may look the schema up.
 *
 * What a group looks like, by server (a GTID event begins it where there is one):
 *   MySQL            GTID or ANONYMOUS_GTID · BEGIN … XID, COMMIT or ROLLBACK
 *   MySQL 5.6        the same; without GTIDs it begins with BEGIN
 *   MariaDB          GTID, which stands for BEGIN · … XID, COMMIT or ROLLBACK
 *   all              [GTID, at MariaDB with the flag `standalone`] · one statement, which is no BEGIN
 * COMMIT ends changes of tables without transactions, ROLLBACK those that stand although their transaction does not.
 * CREATE TABLE … SELECT is a statement and rows within one group (MySQL 8), or two groups.
 */
import type {
  CatalogEvent,
  Change,
  StreamMessage,
  TransactionPart,
} from '../../replication/change.ts';
import type { ResumePoint } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import * as errors from './assemble-errors.ts';
import type { BinlogEvent } from './binlog/decode.ts';
import type { Group } from './group.ts';
import type { LogEvent } from './log-event.ts';
import type { LogPlace } from './log-place.ts';
import type { LogTable, LogTables } from './log-table.ts';
import { Progress } from './progress.ts';
import type { GroupGtid } from './resume.ts';
import type { ServerFacts } from './server-facts.ts';
import type { Statement, TableEffect } from './statement.ts';

export interface AssemblerOptions {
  readonly from: ResumePoint;
  readonly facts: ServerFacts;
  readonly tables: LogTables;
  readonly classify: (sql: string, schema: string) => Statement;
}

type Messages = readonly StreamMessage[];

/** What an event gives: nothing in most cases, and rarely something that must be waited for. */
export type Assembled = Messages | AsyncIterable<StreamMessage>;

const none: Messages = [];
const noChanges: readonly Change[] = [];

type Event<T extends BinlogEvent['type']> = Extract<BinlogEvent, { type: T }>;
type Of<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

export class Assembler {
  readonly #tables: LogTables;
  readonly #classify: AssemblerOptions['classify'];
  readonly #progress: Progress;
  #group: Group | null = null;
  /** By table id, of the group that is open. */
  readonly #maps = new Map<number, LogTable>();

  constructor({ from, facts, tables, classify }: AssemblerOptions) {
    this.#tables = tables;
    this.#classify = classify;
    this.#progress = new Progress(from, facts);
  }

  /**
   * What comes of an event. An iterable must be read to its end before the next event.
   * @throws WatcherError `unsupported_event`, `source_replaced`, `binlog_incident`, and what tables and values throw.
   */
  handle(log: LogEvent, signal: AbortSignal): Assembled {
    const { event } = log;
    switch (event.type) {
      case 'rows':
        return this.#rows(event, log);
      case 'table_map':
        return this.#describe(event, log);
      case 'xid':
        return this.#end(log);
      case 'query':
        return this.#query(event, log, signal);
      case 'gtid':
        return this.#begin(log, event, event.committedAtMicros);
      case 'mariadb_gtid':
        return this.#begin(log, event, null);
      case 'anonymous_gtid':
        return this.#begin(log, null, event.committedAtMicros);
      default:
        return this.#control(event, log);
    }
  }

  #control(event: BinlogEvent, log: LogEvent): Messages {
    switch (event.type) {
      case 'heartbeat':
        return this.#idle(log.file, log.end);
      case 'rotate':
        if (this.#group !== null) return this.#fileEnds(event, log);
        return log.end > log.start ? this.#idle(event.file, event.offset) : none;
      case 'format_description':
        return this.#fileEnds({ file: log.file, offset: log.end }, log);
      case 'notice':
        if (event.what !== 'stop') return none;
        return this.#fileEnds({ file: log.file, offset: log.end }, log);
      case 'previous_gtids':
        this.#progress.previously(event.set);
        return none;
      case 'incident':
        throw errors.incident(event.code, log);
      case 'mariadb_gtid_list':
        return none;
      default:
        throw errors.outOfOrder(`an event ${event.type}`, log);
    }
  }

  #idle(file: string, offset: number): Messages {
    const heartbeat = this.#group === null ? this.#progress.heartbeat(file, offset) : null;
    return heartbeat === null ? none : [heartbeat];
  }

  #begin(log: LogEvent, gtid: GroupGtid | null, committedAtMicros: bigint | null): Messages {
    if (this.#group !== null) throw errors.outOfOrder('a transaction begins within another', log);
    this.#group = this.#progress.begin(log, gtid, committedAtMicros);
    this.#group.open = gtid?.type === 'mariadb_gtid' && !gtid.standalone;
    return none;
  }

  /** The group that GTIDs have begun; without them it begins here. */
  #begun(log: LogEvent): Group {
    this.#group ??= this.#progress.begin(log, null, null);
    return this.#group;
  }

  #describe(event: Event<'table_map'>, log: LogEvent): Messages {
    const group = this.#require('a table map', log);
    if (group.start.state === 'done') return none;
    this.#maps.set(event.tableId, this.#tables.describe(event, group.commit));
    return none;
  }

  #rows(event: Event<'rows'>, log: LogEvent): Messages {
    const group = this.#require('rows', log);
    if (group.start.state === 'done') return none;
    const table = this.#maps.get(event.tableId);
    if (table === undefined) {
      if (isDummy(event)) return none;
      throw errors.outOfOrder('rows without a table map', log);
    }
    const { rows, changes } = table.read(event, group.messages);
    group.messages += rows;
    if (changes.length === 0) return none;
    const parts = group.add(changes, event.rows.length / rows, table.transactional, log);
    if (parts.length === 0) return none;
    return parts.flatMap((part) => this.#handOut(part, group.at(log)));
  }

  #query(event: Event<'query'>, log: LogEvent, signal: AbortSignal): Assembled {
    const { sql, schema } = event;
    if (sql === 'BEGIN') return this.#open(log);
    if (sql === 'COMMIT') return this.#end(log);
    const statement = this.#classify(sql, schema);
    switch (statement.kind) {
      case 'begin':
        return this.#open(log);
      case 'commit':
        return this.#end(log);
      case 'rollback':
        return this.#rollBack(log);
      case 'savepoint':
      case 'rollback_to':
      case 'release':
        return this.#savepoint(statement, log);
      case 'harmless':
        return this.#nothing(log);
      case 'tables':
        return this.#apply(statement.effects, log, signal);
      case 'xa':
      case 'dml':
      case 'unknown':
        return this.#refuse(statement, event, log);
      default:
        return statement satisfies never;
    }
  }

  #open(log: LogEvent): Messages {
    const group = this.#begun(log);
    if (group.open) throw errors.outOfOrder('BEGIN within a transaction', log);
    group.open = true;
    return none;
  }

  /** A statement of no effect; where it is not within a transaction, it is a group by itself. */
  #nothing(log: LogEvent): Messages {
    const group = this.#begun(log);
    return group.open ? none : this.#finish(group, log);
  }

  #apply(effects: readonly TableEffect[], log: LogEvent, signal: AbortSignal): Assembled {
    const group = this.#begun(log);
    if (group.start.state === 'done') return this.#nothing(log);
    return this.#changeTables(group, effects, log, signal);
  }

  async *#changeTables(
    group: Group,
    effects: readonly TableEffect[],
    log: LogEvent,
    signal: AbortSignal,
  ): AsyncGenerator<StreamMessage> {
    const outcome = await this.#tables.apply(effects, group.at(log), signal);
    yield* catalog(outcome.events);
    const { messages } = group;
    const changes = outcome.changes.map((change) => ({ ...change, messagesBefore: messages }));
    for (const part of group.add(changes, 0, true, log)) yield* this.#handOut(part, group.at(log));
    if (!group.open) yield* this.#finish(group, log);
  }

  #refuse(
    statement: Of<'xa' | 'dml' | 'unknown'>,
    { sql, schema }: Event<'query'>,
    log: LogEvent,
  ): Messages {
    // What is done is done, also by an earlier version or before a dump.
    if (this.#group?.start.state === 'done') return this.#nothing(log);
    // Another default database makes no difference: the statement may name any, and a trigger may change any.
    if (statement.kind === 'dml') throw errors.loggedStatement(statement.verb, schema, log);
    throw errors.unknownStatement(sql, schema, log);
  }

  #savepoint({ kind, name }: Of<'savepoint' | 'rollback_to' | 'release'>, log: LogEvent): Messages {
    const group = this.#require('a savepoint', log);
    const { savepoints, messages, start } = group;
    if (start.state === 'done') return none;
    if (kind === 'savepoint') savepoints.set(name, messages);
    else if (kind === 'release') savepoints.release(name);
    else {
      const from = savepoints.rollBackTo(name);
      if (from !== null) return catalog(group.undo(from, 'ROLLBACK TO SAVEPOINT'));
      throw errors.outOfOrder('ROLLBACK TO a savepoint that was not set', log);
    }
    return none;
  }

  #end(log: LogEvent): Messages {
    return this.#finish(this.#require('COMMIT', log), log);
  }

  #rollBack(log: LogEvent): Messages {
    const group = this.#require('ROLLBACK', log);
    const events = group.undo(0, 'ROLLBACK');
    return [...catalog(events), ...this.#finish(group, log)];
  }

  #finish(group: Group, log: LogEvent): Messages {
    this.#close();
    if (group.start.state === 'done') return none;
    const last = group.end(log);
    if (last !== null) return this.#handOut(last, group.at(log));
    const events = catalog(this.#tables.cascades(noChanges, group.at(log)));
    const heartbeat = this.#progress.passed(log.file, log.end);
    return heartbeat === null ? events : [...events, heartbeat];
  }

  /**
   * A group that is open where a file ends was never committed: the server crashed while it wrote it.
   * @param next where the log goes on
   */
  #fileEnds({ file, offset }: LogPlace, log: LogEvent): Messages {
    const group = this.#group;
    if (group === null) return none;
    this.#close();
    const { state, gtidBefore: gtid } = group.start;
    if (state === 'done') return none;
    this.#progress.takeBack(group);
    const events = catalog(group.abandon('the server crashed within a transaction'));
    if (!group.begun) return events;
    return [...events, group.part({ kind: 'mysql', gtid, file, offset }, log)];
  }

  #close(): void {
    this.#group = null;
    if (this.#maps.size > 0) this.#maps.clear();
  }

  /** @param place in the group, behind what the part has of it */
  #handOut(part: TransactionPart, place: MysqlPosition): Messages {
    this.#progress.mayHandOut();
    const events = this.#tables.cascades(part.changes, place);
    return events.length === 0 ? [part] : [...catalog(events), part];
  }

  #require(what: string, log: LogEvent): Group {
    if (this.#group?.open === true) return this.#group;
    if (!this.#progress.met) throw errors.amidTransaction(log);
    throw errors.outOfOrder(`${what} outside of a transaction`, log);
  }
}

function catalog(events: readonly CatalogEvent[]): Messages {
  return events.length === 0 ? none : [{ type: 'catalog', events }];
}

/** Ends a statement and is about no table: the server has no table id for it. */
function isDummy({ tableId, rows }: Event<'rows'>): boolean {
  return rows.length === 0 && (tableId === 0xff_ffff || tableId === 0xffff_ffff);
}
