/**
 * Events of the log → transactions of the core. Pure but for the tables, which may look the schema up.
 *
 * What a group looks like, by server (a GTID event begins it where there is one):
 *   MySQL            GTID or ANONYMOUS_GTID · BEGIN … XID, COMMIT or ROLLBACK
 *   MySQL 5.6        the same; without GTIDs it begins with BEGIN
 *   MariaDB          GTID, which stands for BEGIN · … XID, COMMIT or ROLLBACK
 *   all              [GTID, at MariaDB with the flag `standalone`] · one statement, which is no BEGIN
 * COMMIT ends changes of tables without transactions, ROLLBACK those that stand although their transaction does not.
 * CREATE TABLE … SELECT is a statement and rows within one group. XA: xa-transactions.ts.
 */
import type { StreamMessage } from '../../replication/change.ts';
import type { ResumePoint, StagedLog } from '../../replication/driver.ts';
import * as errors from './assemble-errors.ts';
import type { BinlogEvent } from './binlog/decode.ts';
import type { Group } from './group.ts';
import type { LogEvent } from './log-event.ts';
import type { LogPlace } from './log-place.ts';
import type { LogTables } from './log-table.ts';
import { OpenGroup } from './open-group.ts';
import type { Assembled, Messages } from './outlet.ts';
import { catalog, none, Outlet } from './outlet.ts';
import { Progress } from './progress.ts';
import type { GroupGtid } from './resume.ts';
import type { ServerFacts } from './server-facts.ts';
import type { Statement, TableEffect } from './statement.ts';
import { XaTransactions } from './xa-transactions.ts';

export interface AssemblerOptions {
  readonly from: ResumePoint;
  readonly facts: ServerFacts;
  readonly tables: LogTables;
  readonly classify: (sql: string, schema: string, sqlMode: bigint | null) => Statement;
  readonly staged: StagedLog;
}

type Event<T extends BinlogEvent['type']> = Extract<BinlogEvent, { type: T }>;
type Of<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

export class Assembler {
  readonly #tables: LogTables;
  readonly #classify: AssemblerOptions['classify'];
  readonly #progress: Progress;
  readonly #outlet: Outlet;
  readonly #xa: XaTransactions;
  readonly #current: OpenGroup;

  constructor({ from, facts, tables, classify, staged }: AssemblerOptions) {
    this.#tables = tables;
    this.#classify = classify;
    this.#progress = new Progress(from, facts);
    this.#outlet = new Outlet(tables, this.#progress);
    this.#current = new OpenGroup(this.#progress);
    this.#xa = new XaTransactions({
      tables,
      staged,
      outlet: this.#outlet,
      current: this.#current,
    });
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

  #control(event: BinlogEvent, log: LogEvent): Assembled {
    switch (event.type) {
      case 'xa_prepare':
        return this.#xa.prepare(event.onePhase, log);
      case 'heartbeat':
        return this.#idle(log.file, log.end);
      case 'rotate':
        if (this.#current.group !== null) return this.#fileEnds(event, log);
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
    const heartbeat = this.#current.group === null ? this.#progress.heartbeat(file, offset) : null;
    return heartbeat === null ? none : [heartbeat];
  }

  #begin(log: LogEvent, gtid: GroupGtid | null, committedAtMicros: number | null): Messages {
    const group = this.#current.begin(log, gtid, committedAtMicros);
    if (gtid?.type !== 'mariadb_gtid') return none;
    if (gtid.xa?.step === 'prepare') return this.#xa.begin(group, gtid.xa.xid);
    group.open = !gtid.standalone;
    return none;
  }

  #describe(event: Event<'table_map'>, log: LogEvent): Messages {
    const group = this.#current.require('a table map', log);
    if (group.start.state === 'done') return none;
    const table = this.#tables.describe(event, group.commit);
    this.#current.maps.set(event.tableId, table);
    if (this.#xa.open) this.#xa.describe(event, table);
    return none;
  }

  #rows(event: Event<'rows'>, log: LogEvent): Messages {
    const group = this.#current.require('rows', log);
    if (group.start.state === 'done') return none;
    const table = this.#current.maps.get(event.tableId);
    if (table === undefined) {
      if (isDummy(event)) return none;
      throw errors.outOfOrder('rows without a table map', log);
    }
    const read = table.read(event, group.messages);
    const { rows, changes } = read;
    group.messages += rows;
    if (this.#xa.open) return this.#xa.rows(event, table, read, group, log);
    if (changes.length === 0) return none;
    const parts = group.add(changes, event.rows.length / rows, table.transactional, log);
    if (parts.length === 0) return none;
    return parts.flatMap((part) => this.#outlet.handOut(part, group.at(log)));
  }

  #query(event: Event<'query'>, log: LogEvent, signal: AbortSignal): Assembled {
    const { sql, schema } = event;
    if (sql === 'BEGIN') return this.#open(log);
    if (sql === 'COMMIT') return this.#end(log);
    const statement = this.#classify(sql, schema, event.session.sqlMode);
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
        return this.#xa.statement(statement, log);
      case 'dml':
      case 'unknown':
        return this.#refuse(statement, event, log);
      default:
        return statement satisfies never;
    }
  }

  #open(log: LogEvent): Messages {
    const group = this.#current.begun(log);
    if (group.open) throw errors.outOfOrder('BEGIN within a transaction', log);
    group.open = true;
    return none;
  }

  /** A statement of no effect; where it is not within a transaction, it is a group by itself. */
  #nothing(log: LogEvent): Messages {
    const group = this.#current.begun(log);
    return group.open ? none : this.#finish(group, log);
  }

  #apply(effects: readonly TableEffect[], log: LogEvent, signal: AbortSignal): Assembled {
    const group = this.#current.begun(log);
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
    for (const part of group.add(changes, 0, true, log)) {
      yield* this.#outlet.handOut(part, group.at(log));
    }
    if (!group.open) yield* this.#finish(group, log);
  }

  #refuse(
    statement: Of<'dml' | 'unknown'>,
    { sql, schema }: Event<'query'>,
    log: LogEvent,
  ): Messages {
    // What is done is done, also by an earlier version or before a dump.
    if (this.#current.group?.start.state === 'done') return this.#nothing(log);
    // What a session changes is within a transaction, whatever the engine is. This is the server itself, which found a
    // MEMORY table empty after a restart; those are not of the sync. (MySQL 8.0 and MariaDB 10.6 write TRUNCATE TABLE.)
    const isOwn = statement.kind === 'dml' && statement.empties === true;
    if (isOwn && this.#current.group?.open !== true) return this.#nothing(log);
    // Another default database makes no difference: the statement may name any, and a trigger may change any.
    if (statement.kind === 'dml') throw errors.loggedStatement(statement.verb, schema, log);
    throw errors.unknownStatement(sql, schema, log);
  }

  #savepoint({ kind, name }: Of<'savepoint' | 'rollback_to' | 'release'>, log: LogEvent): Messages {
    const group = this.#current.require('a savepoint', log);
    if (group.start.state === 'done') return none;
    if (this.#xa.open) return this.#xa.savepoint(kind, name, log);
    const events = group.savepoint(kind, name);
    if (events !== null) return catalog(events);
    throw errors.outOfOrder('ROLLBACK TO a savepoint that was not set', log);
  }

  #end(log: LogEvent): Messages {
    const group = this.#current.require('COMMIT', log);
    if (this.#xa.open) throw errors.outOfOrder('COMMIT of an XA transaction', log);
    return this.#finish(group, log);
  }

  #rollBack(log: LogEvent): Messages {
    const group = this.#current.require('ROLLBACK', log);
    this.#xa.discard(group);
    this.#current.close();
    return this.#outlet.rollBack(group, log);
  }

  #finish(group: Group, log: LogEvent): Messages {
    this.#current.close();
    return this.#outlet.finish(group, log);
  }

  /** @param next where the log goes on */
  #fileEnds(next: LogPlace, log: LogEvent): Messages {
    const { group } = this.#current;
    if (group === null) return none;
    this.#current.close();
    this.#xa.discard(group);
    return this.#outlet.abandon(group, next, log);
  }
}

/** Ends a statement and is about no table: the server has no table id for it. */
function isDummy({ tableId, rows }: Event<'rows'>): boolean {
  return rows.length === 0 && (tableId === 0xff_ffff || tableId === 0xffff_ffff);
}
