/**
 * Messages of the log → transactions of the core. Pure: no connection, no clock.
 * Source: PostgreSQL documentation, "Logical Streaming Replication Protocol": every transaction arrives whole, after
 * its commit, in commit order.
 */
import { WatcherError } from '../../errors.ts';
import type {
  Change,
  Heartbeat,
  StreamMessage,
  TransactionPart,
} from '../../replication/change.ts';
import { formatLsn } from '../../replication/position.ts';
import type {
  Begin,
  Commit,
  Delete,
  Insert,
  PgoutputMessage,
  Truncate,
  Update,
} from './pgoutput.ts';
import type { BoundRelation } from './relation.ts';
import { sizeOf, toChange } from './row-images.ts';

/** A part of a transaction is handed out when it has so many changes or characters. */
const partChanges = 1_000;
const partSize = 512 * 1024;

export interface AssembleStart {
  readonly lsn: bigint;
  /** The transaction that is half written: where its commit record starts, and how many messages are done. */
  readonly partial: { readonly finalLsn: bigint; readonly messages: number } | null;
}

/** The relation as its messages have it, or null when the table is not of the sync. */
export type RelationLookup = (oid: number) => BoundRelation | null;

type RowMessage = Insert | Update | Delete | Truncate;

interface OpenTransaction {
  readonly begin: Begin;
  /** In the checkpoint already: nothing of it is handed out. */
  readonly done: boolean;
  /** Messages at its start that are in the checkpoint. */
  readonly skip: number;
  messages: number;
  changes: Change[];
  size: number;
  parts: number;
}

export class Assembler {
  readonly #start: AssembleStart;
  readonly #lookup: RelationLookup;
  #open: OpenTransaction | null = null;
  #partialSeen: boolean;
  #position: bigint;

  constructor(start: AssembleStart, lookup: RelationLookup) {
    this.#start = start;
    this.#lookup = lookup;
    this.#position = start.lsn;
    this.#partialSeen = start.partial === null;
  }

  /** Everything up to here was handed out. */
  get position(): bigint {
    return this.#position;
  }

  get inTransaction(): boolean {
    return this.#open !== null;
  }

  /** When it throws, nothing has changed: the same message may be given again after types were loaded. */
  handle(message: PgoutputMessage): StreamMessage | null {
    switch (message.type) {
      case 'begin':
        this.#begin(message);
        return null;
      case 'commit':
        return this.#commit(message);
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        return this.#row(message);
      case 'relation':
      case 'type':
      case 'origin':
      case 'message':
        return null;
      default:
        return message satisfies never;
    }
  }

  /**
   * A keepalive says how far the log was read; it counts only when no transaction is open, and not before the
   * half-written one has come again: the position must not pass it.
   */
  keepalive(walEnd: bigint): Heartbeat | null {
    if (this.#open !== null || walEnd <= this.#position || !this.#partialSeen) return null;
    return this.#heartbeat(walEnd);
  }

  #heartbeat(lsn: bigint): Heartbeat {
    this.#position = lsn;
    return { type: 'heartbeat', position: { kind: 'postgres', lsn } };
  }

  /**
   * Rule 1 (DESIGN §3): the checkpoint is where a commit *ended*, and the next commit record often starts just
   * there, so a transaction is done iff its record starts *before* it.
   */
  #begin(begin: Begin): void {
    if (this.#open !== null) throw outOfOrder('a transaction begins within another');
    const { lsn, partial } = this.#start;
    const isPartial = partial !== null && begin.finalLsn === partial.finalLsn;
    if (!this.#partialSeen && partial !== null && begin.finalLsn > partial.finalLsn) {
      throw partialGone(partial.finalLsn);
    }
    if (isPartial) this.#partialSeen = true;
    this.#open = {
      begin,
      done: begin.finalLsn < lsn,
      skip: isPartial ? partial.messages : 0,
      messages: 0,
      changes: [],
      size: 0,
      parts: 0,
    };
  }

  #commit(commit: Commit): StreamMessage | null {
    const open = this.#open;
    if (open === null) throw outOfOrder('a commit without a transaction');
    this.#open = null;
    if (open.done) return null;
    if (commit.endLsn > this.#position) this.#position = commit.endLsn;
    if (open.parts === 0 && open.changes.length === 0 && open.skip === 0) {
      return this.#partialSeen ? this.#heartbeat(this.#position) : null;
    }
    return part(open, commit.endLsn);
  }

  #row(message: RowMessage): StreamMessage | null {
    const open = this.#open;
    if (open === null) throw outOfOrder('a row outside of a transaction');
    if (open.done) return null;
    if (open.messages < open.skip) {
      open.messages += 1;
      return null;
    }
    const changes = this.#changes(message, open.messages);
    // Before the change that does not fit, not after the one that fills it: the last part is never empty.
    const full = open.changes.length >= partChanges || open.size >= partSize;
    const finished = full && changes.length > 0 ? part(open, null) : null;
    if (finished !== null) {
      open.parts += 1;
      open.changes = [];
      open.size = 0;
    }
    open.messages += 1;
    for (const change of changes) {
      open.changes.push(change);
      open.size += sizeOf(change);
    }
    return finished;
  }

  #changes(message: RowMessage, messagesBefore: number): readonly Change[] {
    if (message.type === 'truncate') {
      return message.oids
        .map((oid) => this.#lookup(oid))
        .filter((bound) => bound !== null)
        .map((bound) => ({ op: 'truncate', relation: bound.relation, messagesBefore }));
    }
    const bound = this.#lookup(message.oid);
    return bound === null ? [] : [toChange(message, bound, messagesBefore)];
  }
}

/** @param endLsn Where the commit ends, in the last part; null before it. */
function part(open: OpenTransaction, endLsn: bigint | null): TransactionPart {
  return {
    type: 'transaction',
    xid: String(open.begin.xid),
    commit: { kind: 'postgres', lsn: open.begin.finalLsn },
    position: { kind: 'postgres', lsn: endLsn ?? open.begin.finalLsn },
    committedAt: open.begin.commitTime,
    first: open.parts === 0 && open.skip === 0,
    last: endLsn !== null,
    changes: open.changes,
    messages: open.messages,
  };
}

function outOfOrder(what: string): WatcherError {
  return new WatcherError('unsupported_event', { message: `The log is out of order: ${what}` });
}

function partialGone(lsn: bigint): WatcherError {
  return new WatcherError('slot_ahead', {
    message: `The transaction that was half written, whose commit is at ${formatLsn(lsn)}, does not come again`,
  });
}
