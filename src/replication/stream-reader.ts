/**
 * Reads the stream: every message in its turn, every change to where it belongs.
 *
 * A change of a table is
 *   1. ignored                  when the table has left the sync
 *   2. given up, table dumped   when nobody has reported the table yet
 *   3. dropped                  when the snapshot that the table was dumped from contains its transaction
 *   4. held                     while the table is being dumped
 *   5. held, table dumped       when the log describes the table otherwise than the rows in etcd were written
 *   6. applied                  otherwise
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TableChange } from './base-values.ts';
import type {
  CatalogEvent,
  Change,
  StreamBatch,
  StreamMessage,
  TransactionPart,
  Warning,
} from './change.ts';
import { type ApplierOptions, ChangeApplier } from './change-applier.ts';
import type { Driver } from './driver.ts';
import type { Mutex } from './mutex.ts';
import type { Overlay } from './overlay.ts';
import type { Redumps } from './redumps.ts';
import type { Sink } from './sink.ts';
import { stage } from './staging.ts';
import type { Tables } from './tables.ts';
import { TransactionOps } from './transaction-ops.ts';
import type { Writer } from './writer.ts';

export interface StreamReaderOptions {
  readonly driver: Driver;
  readonly sink: Sink;
  readonly writer: Writer;
  readonly tables: Tables;
  readonly overlay: Overlay;
  readonly redumps: Redumps;
  readonly turn: Mutex;
  /** Messages of the first transaction that are durable already. */
  readonly resumedMessages: number;
  readonly onWarnings: (warnings: readonly Warning[]) => void;
  /** Something arrived: the source is alive. */
  readonly onReceived: (message: StreamMessage) => void;
  readonly signal: AbortSignal;
}

/**
 * What has arrived is handled without a pause, which keeps the answers of etcd waiting, and a request to it stops at every window of
 * HTTP/2 until it is heard. So the event loop gets its turn after so many milliseconds.
 */
const turnMs = 2;

interface OpenTransaction {
  readonly ops: TransactionOps;
  readonly applier: ChangeApplier;
  /** Began before the last restart. */
  readonly resumed: boolean;
  /** Changes of it wait for the dump of their table. */
  held: boolean;
}

export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #applying: ApplierOptions;
  #open: OpenTransaction | null = null;
  #resumedMessages: number;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    const { sink, overlay, writer, redumps, signal } = options;
    this.#applying = {
      sink,
      overlay,
      dumpAgain: (table) => redumps.want(table.id, table.name),
      caughtUp: (transaction) => writer.flushedBefore(transaction),
      signal,
    };
    this.#resumedMessages = options.resumedMessages;
  }

  /** Reads until it throws: the driver's stream has no end. */
  async run(batches: AsyncIterable<StreamBatch>): Promise<void> {
    let turnBegan = performance.now();
    for await (const batch of batches) {
      for (const message of batch) {
        // To wait where there is nothing to wait for costs more than a row does.
        const rest = this.#take(message);
        if (rest !== undefined) await rest;
        if (performance.now() - turnBegan < turnMs) continue;
        await nextTurn();
        turnBegan = performance.now();
      }
    }
  }

  #take(message: StreamMessage): Promise<void> | undefined {
    const { turn, writer, onReceived } = this.#options;
    onReceived(message);
    const rest = turn.start(this.#handle, message);
    if (rest === undefined && writer.hasRoom && !this.#mustBreathe) return undefined;
    return this.#wait(rest);
  }

  async #wait(rest: Promise<void> | undefined): Promise<void> {
    const { writer, redumps } = this.#options;
    await rest;
    if (this.#mustBreathe) await redumps.breathe();
    if (!writer.hasRoom) await writer.room();
  }

  get #mustBreathe(): boolean {
    return this.#open === null && this.#options.redumps.overflowed;
  }

  readonly #handle = (message: StreamMessage): Promise<void> | undefined => {
    switch (message.type) {
      case 'transaction':
        return this.#part(message);
      case 'heartbeat':
        this.#options.writer.heartbeat(message.position);
        return undefined;
      case 'catalog':
        for (const event of message.events) this.#catalog(event);
        return undefined;
      default:
        return message satisfies never;
    }
  };

  #catalog(event: CatalogEvent): void {
    const { redumps, onWarnings } = this.#options;
    if (event.kind === 'redump') redumps.want(event.tableId, event.table);
    else if (event.kind === 'drop') redumps.drop(event.tableId);
    else onWarnings(event.warnings);
  }

  #part(part: TransactionPart): Promise<void> | undefined {
    const open = this.#open ?? this.#begin(part);
    const rest = open.applier.apply(this.#sort(part, open));
    if (rest !== undefined) return rest.then(() => this.#end(part, open));
    this.#end(part, open);
    return undefined;
  }

  #end(part: TransactionPart, open: OpenTransaction): void {
    const { writer, sink } = this.#options;
    if (part.last) open.applier.settle();
    if (part.staging !== undefined) {
      stage(open.ops, part.staging, part.messages, sink.stagedPrefix);
    }
    if (!part.last) {
      writer.grown(open.ops);
      return;
    }
    this.#seal(part, open);
  }

  #begin(part: TransactionPart): OpenTransaction {
    const { sink, writer, redumps } = this.#options;
    const messages = this.#resumedMessages;
    this.#resumedMessages = 0;
    const { commit, committedAt } = part;
    const ops = new TransactionOps({ commit, committedAt, messages, limits: sink.limits });
    const applier = new ChangeApplier(ops, this.#applying);
    this.#open = { ops, applier, resumed: messages > 0, held: false };
    redumps.transactionOpen = true;
    if (!part.last || messages > 0) writer.push(ops);
    return this.#open;
  }

  #seal(part: TransactionPart, open: OpenTransaction): void {
    const { writer, redumps } = this.#options;
    const single = part.first && !open.resumed;
    // What is released after a dump goes behind the transactions that it comes from, so these must be there.
    const mayWait = open.ops.isEmpty && !open.held && writer.streamIdle;
    open.ops.seal(part.position, part.messages);
    this.#open = null;
    redumps.transactionOpen = false;
    if (!single) writer.grown(open.ops);
    // Nothing in it is for etcd: the position alone may wait for its time.
    else if (mayWait) writer.heartbeat(part.position);
    else writer.push(open.ops);
  }

  /** Finds the changes that are applied now; puts the others where they wait. */
  #sort(part: TransactionPart, open: OpenTransaction): TableChange[] {
    const { changes } = part;
    const applied = new Array<TableChange>(changes.length);
    let count = 0;
    for (const change of changes) {
      const placed = this.#route(part, change, open);
      if (placed === null) continue;
      applied[count] = placed;
      count += 1;
    }
    applied.length = count;
    return applied;
  }

  #route(part: TransactionPart, change: Change, open: OpenTransaction): TableChange | null {
    const { tables, redumps, driver } = this.#options;
    const { relation } = change;
    const table = tables.get(relation.tableId);
    if (table === undefined) {
      if (!redumps.isGone(relation.tableId)) redumps.meet(part, relation);
      return null;
    }
    if (table.mark !== null && !table.held && driver.contains(table.mark, part)) return null;
    const placed = { table, change };
    if (!table.held && relation.signature !== table.source.relation.signature) {
      redumps.want(table.id, table.name);
    }
    if (!table.held) return placed;
    redumps.hold(part, placed);
    open.held = true;
    return null;
  }
}
