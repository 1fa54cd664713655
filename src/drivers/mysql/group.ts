/**
 * A group of events that commit together, from its first event to its last: its changes, in parts that are handed out
 * as they fill up, so that memory stays bounded.
 *
 * A group is in the log because it was committed, so parts may go before its end was read. Three things still undo
 * rows of a part that is gone: ROLLBACK TO a savepoint, and ROLLBACK, both logged only where a table without transactions
 * took part (everything else the server cuts out before it writes), and a file that a crash of the server ended
 * within the group. To wait for the end of a group of a million rows would cost their memory each time, for what next to
 * never comes; so the tables of such rows are dumped again, which is told before the position moves on: until that dump a
 * reader sees rows that were never committed, and a restart before it asks for the dump again, because the log is read
 * again.
 */
import type { CatalogEvent, Change, Relation, TransactionPart } from '../../replication/change.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { LogEvent } from './log-event.ts';
import { Savepoints } from './savepoints.ts';

/** A part is handed out when it has so many changes, or changes of so many bytes of log. */
const partChanges = 1_000;
const partBytes = 512 * 1024;

export interface GroupStart {
  readonly xid: string;
  /** GTIDs with the group; null: they say nothing of where the log is. */
  readonly gtid: string | null;
  /** GTIDs before it. */
  readonly gtidBefore: string | null;
  readonly committedAtMicros: number | null;
  /**
   * - `done`: nothing of it is handed out.
   * - `partial`: its first `skip` rows are done.
   * - `early`: another group is half written and must come first.
   */
  readonly state: 'done' | 'partial' | 'early' | 'new';
  readonly skip: number;
}

/** A table, by what is left of it: the number of the last row that was handed out. */
interface HandedOut {
  readonly relation: Relation;
  row: number;
}

const none: readonly never[] = [];

export class Group {
  readonly start: GroupStart;
  readonly commit: MysqlPosition;
  /** BEGIN was read: rows may follow. */
  open = false;
  /** Rows so far, of all tables. */
  messages = 0;
  /** What was staged under this id is forgotten with the last part. */
  releases: string | null = null;
  #savepoints: Savepoints | null = null;
  #changes: Change[] = [];
  #bytes = 0;
  #parts = 0;
  /** Tables without transactions. */
  #lasting: Map<string, Relation> | null = null;
  #handedOut: Map<string, HandedOut> | null = null;

  /** @param first the event that it begins with */
  constructor(start: GroupStart, first: LogEvent) {
    this.start = start;
    this.commit = { kind: 'mysql', gtid: start.gtid, file: first.file, offset: first.start };
  }

  /** Where the next event begins, as a position that has the group's GTID. */
  at({ file, end }: Pick<LogEvent, 'file' | 'end'>): MysqlPosition {
    return { kind: 'mysql', gtid: this.start.gtid, file, offset: end };
  }

  /** The end of what comes before it. */
  get before(): MysqlPosition {
    return { ...this.commit, gtid: this.start.gtidBefore };
  }

  /** Something of it is in etcd, or on the way, so that it needs an end. */
  get begun(): boolean {
    return this.#parts > 0 || this.start.state === 'partial' || this.releases !== null;
  }

  /**
   * @param changes of one table
   * @param bytes of log that a change takes
   * @returns what was full before the changes that it did not have room for: the last part is seldom empty
   */
  add(
    changes: readonly Change[],
    bytes: number,
    transactional: boolean,
    event: LogEvent,
  ): readonly TransactionPart[] {
    const [first] = changes;
    if (!transactional && first !== undefined) this.#keep(first.relation);
    let full: TransactionPart[] | null = null;
    for (const change of changes) {
      if (change.messagesBefore < this.start.skip) {
        this.#note(change);
        continue;
      }
      if (this.#changes.length >= partChanges || this.#bytes >= partBytes) {
        full ??= [];
        full.push(this.#cut(change.messagesBefore, event));
      }
      // An array that has grown takes room for many more.
      if (this.#changes.length === 0) this.#changes = [change];
      else this.#changes.push(change);
      this.#bytes += bytes;
    }
    return full ?? none;
  }

  /** @returns dumps of tables whose rows are undone and were handed out; null: there is no such savepoint */
  savepoint(
    kind: 'savepoint' | 'rollback_to' | 'release',
    name: string,
  ): readonly CatalogEvent[] | null {
    this.#savepoints ??= new Savepoints();
    if (kind === 'savepoint') this.#savepoints.set(name, this.messages);
    else if (kind === 'release') this.#savepoints.release(name);
    else {
      const from = this.#savepoints.rollBackTo(name);
      return from === null ? null : this.undo(from, 'ROLLBACK TO SAVEPOINT');
    }
    return none;
  }

  /**
   * Rows from this one on did not happen, but for those of tables without transactions.
   * @returns dumps of the tables whose rows were handed out already
   */
  undo(from: number, why: string): readonly CatalogEvent[] {
    const before = this.#changes.length;
    this.#changes = this.#changes.filter(
      (change) => change.messagesBefore < from || this.#stands(change),
    );
    if (before > 0) this.#bytes *= this.#changes.length / before;
    const events: CatalogEvent[] = [];
    for (const { relation, row } of this.#handedOut?.values() ?? []) {
      if (row < from) continue;
      events.push(redump(relation, why));
      this.#handedOut?.delete(relation.tableId);
    }
    return events;
  }

  /**
   * It never came to its end. What it has done to tables without transactions nobody knows.
   * @returns dumps of those, and of the tables whose rows were handed out already
   */
  abandon(why: string): readonly CatalogEvent[] {
    const lasting = [...(this.#lasting?.values() ?? [])];
    this.#changes = [];
    return [...this.undo(0, why), ...lasting.map((relation) => redump(relation, why))];
  }

  /** Its last part; null: there is nothing in it. */
  end(event: LogEvent): TransactionPart | null {
    if (this.#changes.length === 0 && !this.begun) return null;
    return this.part(this.at(event), event);
  }

  /** @param position where it ends; null: it goes on */
  part(position: MysqlPosition | null, { header }: LogEvent): TransactionPart {
    const { xid, committedAtMicros: micros, skip } = this.start;
    const releases = position === null ? null : this.releases;
    const part: TransactionPart = {
      type: 'transaction',
      xid,
      commit: this.commit,
      position: position ?? this.commit,
      committedAt: new Date(micros === null ? header.timestamp * 1_000 : micros / 1_000),
      first: this.#parts === 0 && skip === 0,
      last: position !== null,
      changes: this.#changes,
      messages: this.messages,
    };
    return releases === null ? part : { ...part, staging: { op: 'release', id: releases } };
  }

  /** @param messages rows before the one that begins the next part */
  #cut(messages: number, event: LogEvent): TransactionPart {
    const part = { ...this.part(null, event), messages };
    for (const change of part.changes) this.#note(change);
    this.#parts += 1;
    this.#changes = [];
    this.#bytes = 0;
    return part;
  }

  #note(change: Change): void {
    if (this.#stands(change)) return;
    const { relation, messagesBefore: row } = change;
    this.#handedOut ??= new Map();
    const known = this.#handedOut.get(relation.tableId);
    if (known === undefined) this.#handedOut.set(relation.tableId, { relation, row });
    else known.row = row;
  }

  #keep(relation: Relation): void {
    this.#lasting ??= new Map();
    this.#lasting.set(relation.tableId, relation);
  }

  #stands({ op, relation }: Change): boolean {
    return op === 'truncate' || this.#lasting?.has(relation.tableId) === true;
  }
}

export function redump(relation: Relation, reason: string): CatalogEvent {
  const { tableId, schema, table } = relation;
  return { kind: 'redump', tableId, table: `${schema}.${table}`, reason };
}
