import { WatcherError } from '../../src/errors.ts';
import type {
  CatalogEvent,
  Change,
  Column,
  FullRow,
  Relation,
  RowImage,
  StreamMessage,
  TransactionPart,
  Warning,
} from '../../src/replication/change.ts';
import type {
  RowChunk,
  SnapshotMark,
  SourcePart,
  SourceTable,
} from '../../src/replication/driver.ts';
import { formatLsn, type Position } from '../../src/replication/position.ts';

export interface RelationSpec {
  readonly id: string;
  readonly table?: string;
  readonly columns: readonly string[];
  /** Names of key columns; the first column without it. */
  readonly key?: readonly string[];
  readonly deferrable?: boolean;
  readonly mayOmit?: boolean;
  readonly version?: number;
}

/** Fragments are JSON texts; a key is the text of the fragment without its quotes. */
export function relationOf(spec: RelationSpec): Relation {
  const { id, table = id, columns, deferrable = false, mayOmit = false, version = 1 } = spec;
  const key = (spec.key ?? columns.slice(0, 1)).map((name) => columns.indexOf(name));
  const column = (name: string): Column => ({ name, keyText: (text) => text.replaceAll('"', '') });
  return {
    tableId: id,
    schema: 'public',
    table,
    columns: columns.map(column),
    key,
    signature: `${table}:${columns.join()}:${version}`,
    keyDeferrable: deferrable,
    mayOmit,
  };
}

/** A change as a test writes it; the key columns of `old` are enough unless the key is deferrable. */
export type Order =
  | { readonly op: 'insert'; readonly table: string; readonly row: FullRow }
  | {
      readonly op: 'update';
      readonly table: string;
      readonly row: RowImage;
      readonly old?: RowImage;
    }
  | { readonly op: 'delete'; readonly table: string; readonly old: RowImage }
  | { readonly op: 'truncate'; readonly table: string };

export interface LoggedTransaction {
  readonly xid: string;
  readonly finalLsn: bigint;
  readonly endLsn: bigint;
  readonly changes: readonly Change[];
}

export interface LogEntry {
  readonly transaction?: LoggedTransaction;
  readonly message?: StreamMessage;
  readonly error?: unknown;
}

interface TableContent {
  relation: Relation;
  fingerprint: number;
  rows: Map<string, FullRow>;
}

/** A database in memory with a log: it outlives the drivers that read it, as a server outlives connections. */
export class ScriptedSource {
  readonly tables = new Map<string, TableContent>();
  readonly log: LogEntry[] = [];
  /** Position of each acknowledge call, of all drivers. */
  readonly acknowledged: bigint[] = [];
  readonly calls: string[] = [];
  readonly closed: string[] = [];
  /** Changes in a part of a transaction at most. */
  partChanges = 1_000;
  /** Rows in a chunk of a dump at most. */
  chunkRows = 2;
  lsn = 0x1000n;
  warnings: readonly Warning[] = [];
  /** The log can no longer be followed: why. */
  gap: WatcherError | null = null;
  /** Thrown by the method of that name, once each. */
  readonly failures = new Map<string, unknown[]>();
  /** Methods that do not answer until they are aborted. */
  readonly hang = new Set<string>();
  /** What the last probe was told to be durable. */
  probedWith: Position | null = null;
  /** What `drop` finds there. */
  readonly leftovers = new Set<SourcePart>(['slot', 'publication']);
  /** Awaited before a chunk of a dump is given. */
  beforeChunk: (table: string) => Promise<unknown> = async () => undefined;
  /** Awaited before a dump beside the stream is handed out: the snapshot has been taken. */
  afterSnapshot: () => Promise<unknown> = async () => undefined;
  onAcknowledge: (lsn: bigint) => void = () => undefined;
  readonly #sequenceOf = new Map<string, number>();
  #commits = 0;
  #waiters: (() => void)[] = [];

  create(spec: RelationSpec, rows: readonly FullRow[] = []): Relation {
    const relation = relationOf(spec);
    const keyed = rows.map((row) => [keyOf(relation, row), row] as const);
    this.tables.set(spec.id, { relation, fingerprint: 1, rows: new Map(keyed) });
    return relation;
  }

  table(id: string): TableContent {
    const table = this.tables.get(id);
    if (table === undefined) throw new Error(`no table ${id}`);
    return table;
  }

  /** Commits a transaction: changes the rows, and logs it. */
  commit(...orders: readonly Order[]): LoggedTransaction {
    const changes = orders.map((order, index) => this.#change(order, index));
    const finalLsn = this.lsn;
    // The next commit begins where this one ends: the case that `<=` loses rows in.
    this.lsn += 0x30n;
    this.#commits += 1;
    const xid = String(700 + this.#commits);
    this.#sequenceOf.set(xid, this.#commits);
    const transaction = { xid, finalLsn, endLsn: this.lsn, changes };
    this.#append({ transaction });
    return transaction;
  }

  #change(order: Order, messagesBefore: number): Change {
    const { relation, rows } = this.table(order.table);
    switch (order.op) {
      case 'insert':
        rows.set(keyOf(relation, order.row), order.row);
        return { op: 'insert', relation, row: order.row, messagesBefore };
      case 'update': {
        const oldKey = keyOf(relation, order.old ?? order.row);
        const before = rows.get(oldKey);
        const row = order.row.map((value, index) => value ?? (before?.[index] as string));
        if (!isOther(relation, order.old, before)) rows.delete(oldKey);
        rows.set(keyOf(relation, row), row);
        return { op: 'update', relation, row: order.row, old: order.old ?? null, messagesBefore };
      }
      case 'delete': {
        const key = keyOf(relation, order.old);
        if (!isOther(relation, order.old, rows.get(key))) rows.delete(key);
        return { op: 'delete', relation, old: order.old, messagesBefore };
      }
      case 'truncate':
        rows.clear();
        return { op: 'truncate', relation, messagesBefore };
      default:
        return order satisfies never;
    }
  }

  /** WAL of others: the position moves, nothing else does. */
  heartbeat(): bigint {
    this.lsn += 0x10n;
    this.#append({ message: { type: 'heartbeat', position: positionOf(this.lsn) } });
    return this.lsn;
  }

  catalog(...events: readonly CatalogEvent[]): void {
    this.#append({ message: { type: 'catalog', events } });
  }

  push(message: StreamMessage): void {
    this.#append({ message });
  }

  /** Streams throw it when they come to it; the next attempt goes on behind it. */
  breakStream(error: unknown = new WatcherError('source_unavailable')): void {
    this.#append({ error });
  }

  failNext(method: string, error: unknown): void {
    this.failures.set(method, [...(this.failures.get(method) ?? []), error]);
  }

  #append(entry: LogEntry): void {
    this.log.push(entry);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** Resolves when something is appended, or the signal is aborted. */
  appended(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) resolve();
      signal.addEventListener('abort', done);
      this.#waiters.push(done);
    });
  }

  sourceTables(ids: Iterable<string> = this.tables.keys()): SourceTable[] {
    return [...ids].flatMap((id) => {
      const table = this.tables.get(id);
      if (table === undefined) return [];
      const { relation, fingerprint, rows } = table;
      return [{ relation, fingerprint: String(fingerprint), rowsEstimated: rows.size }];
    });
  }

  /** A snapshot of now. */
  mark(): SnapshotMark {
    return { snapshot: String(this.#commits), until: positionOf(this.lsn) };
  }

  contains({ snapshot }: SnapshotMark, { xid }: Pick<TransactionPart, 'xid'>): boolean {
    const sequence = this.#sequenceOf.get(xid);
    if (sequence === undefined) throw new Error(`a transaction that never was: ${xid}`);
    return sequence <= Number(snapshot);
  }

  /** Rows as they are at the call, given in chunks later. */
  chunks(ids: Iterable<string>, signal: AbortSignal): AsyncGenerator<RowChunk> {
    const content = [...ids].flatMap((id) => {
      const table = this.tables.get(id);
      return table === undefined
        ? []
        : [{ relation: table.relation, rows: [...table.rows.values()] }];
    });
    return this.#chunks(content, signal);
  }

  async *#chunks(
    content: readonly { relation: Relation; rows: readonly FullRow[] }[],
    signal: AbortSignal,
  ): AsyncGenerator<RowChunk> {
    for (const { relation, rows } of content) {
      for (let at = 0; at === 0 || at < rows.length; at += this.chunkRows) {
        await unlessAborted(this.beforeChunk(relation.table), signal);
        signal.throwIfAborted();
        const last = at + this.chunkRows >= rows.length;
        yield { relation, rows: rows.slice(at, at + this.chunkRows), last };
      }
    }
  }
}

export function positionOf(lsn: bigint): Position {
  return { kind: 'postgres', lsn };
}

export function lsnOf(position: Position): bigint {
  if (position.kind !== 'postgres') throw new Error('not of PostgreSQL');
  return position.lsn;
}

export function lsnText(lsn: bigint): { readonly lsn: string } {
  return { lsn: formatLsn(lsn) };
}

function keyOf({ key }: Relation, row: RowImage): string {
  return key.map((index) => row[index]).join('/');
}

/** With a deferrable key another row may stand at the old key by now. */
function isOther({ keyDeferrable }: Relation, old: RowImage | undefined, at: FullRow | undefined) {
  return keyDeferrable && old !== undefined && at?.join() !== old.join();
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
