/**
 * Brings dumped rows from snapshots that were taken without a lock to one place in the log (DESIGN §3 rule 7).
 *
 * G1 are the GTIDs that were executed before the first snapshot, G2 is where the log ended after the last one.
 * - A transaction is in `gtid_executed` only after its engine has committed it: each snapshot contains all of G1.
 * - A transaction is written to the log before its engine commits it: no snapshot contains anything after G2.
 * So a row that no transaction of (G1, G2] changed is, in every snapshot, what it is at G2. A row that one of them
 * changed is, at G2, what the last of them made of it, which the log says in full (binlog_row_image = FULL); what the
 * snapshot has of it does not matter and is dropped. The dump is exactly the state at G2, and the stream goes on
 * from there: nothing is lost, and no key goes back to an older state (SPEC §2), since no row is written twice.
 *
 * It may be read from a place G0 before G1 as well, since what is in (G0, G1] is read twice, the later the better. So it
 * is, because of XA: rows that were prepared before G0 and committed in (G1, G2] are known from nowhere. Then the snapshots
 * are taken again, G0 stays, and what is prepared from G0 on is known: that ends, however many XA transactions there are.
 */
import { WatcherError } from '../../errors.ts';
import type {
  CatalogChange,
  CatalogEvent,
  Change,
  FullRow,
  Relation,
  RowImage,
  StreamBatch,
  StreamMessage,
} from '../../replication/change.ts';
import type { RowChunk } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { LogPlace } from './log-place.ts';
import { comparePlaces } from './log-place.ts';
import type { MemoryStaging } from './memory-staging.ts';
import { includes, mysqlPosition } from './snapshot-mark.ts';

export interface CatchUpOptions {
  /** The log from G0 on. */
  readonly log: AsyncGenerator<StreamBatch>;
  /** What `log` reads back. */
  readonly staging: MemoryStaging;
  /** G0 */
  readonly from: MysqlPosition;
  /** G1 */
  readonly contained: string;
  /** G2 */
  readonly until: LogPlace;
  /** Ids of the tables that are dumped. */
  readonly ids: ReadonlySet<string>;
}

type Located = Exclude<StreamMessage, CatalogChange>;

/** Why the snapshots must be taken again: rows in (G1, G2] are not known; or the tables have become others since G0. */
export type Unsettled = 'unknown' | 'altered';

/** Reads the log up to G2, and leaves it. */
export async function catchUp(options: CatchUpOptions): Promise<CatchUp | Unsettled> {
  const result = new CatchUp(options.from, options.ids);
  for await (const batch of options.log) {
    for (const message of batch) {
      const end = advance(result, message, options);
      if (end !== null) return end;
    }
  }
  throw new WatcherError('internal', { message: 'the log ended without an error' });
}

/** @returns null: it is not at G2 yet */
function advance(
  result: CatchUp,
  message: StreamMessage,
  options: CatchUpOptions,
): CatchUp | Unsettled | null {
  const { until, ids, staging } = options;
  if (message.type === 'catalog') {
    const isAltered = !staging.unknown && message.events.some((event) => isAbout(event, ids));
    return isAltered ? 'altered' : null;
  }
  if (message.type === 'transaction' && message.staging !== undefined) {
    staging.take(message.staging);
  }
  result.take(message);
  if (isUnknown(message, options)) return 'unknown';
  return comparePlaces(result.position, until) >= 0 ? result : null;
}

/** Whether rows of it are neither known nor in the snapshots. */
function isUnknown(message: Located, { staging, contained }: CatchUpOptions): boolean {
  if (!staging.unknown || (message.type === 'transaction' && !message.last)) return false;
  staging.forget();
  return !includes(contained, mysqlPosition(message.position).gtid ?? '');
}

function isAbout(event: CatalogEvent, ids: ReadonlySet<string>): boolean {
  return event.kind !== 'warnings' && ids.has(event.tableId);
}

function altered(): WatcherError {
  return new WatcherError('source_busy', {
    message: 'Tables were altered in the moment that a dump began',
    remedy: 'None needed: the dump begins again.',
  });
}

interface LateTable {
  readonly relation: Relation;
  /** It was truncated: what the snapshot has is gone. */
  cleared: boolean;
  /** Key → the row at G2; null: it is gone. */
  readonly rows: Map<string, FullRow | null>;
}

export class CatchUp {
  /** G2, as the stream names it. */
  position: MysqlPosition;
  readonly #ids: ReadonlySet<string>;
  readonly #tables = new Map<string, LateTable>();

  constructor(from: MysqlPosition, ids: ReadonlySet<string>) {
    this.position = from;
    this.#ids = ids;
  }

  /** @throws WatcherError `source_busy` when tables were altered meanwhile. */
  take(message: Located): void {
    if (message.type === 'transaction') {
      for (const change of message.changes) {
        if (this.#ids.has(change.relation.tableId)) this.#add(change);
      }
      if (!message.last) return;
    }
    this.position = mysqlPosition(message.position);
  }

  #add(change: Change): void {
    const table = this.#table(change.relation);
    if (change.op === 'truncate') {
      table.cleared = true;
      table.rows.clear();
      return;
    }
    const old = change.op === 'insert' ? null : change.old;
    if (old !== null) table.rows.set(keyOf(table.relation, old), null);
    if (change.op === 'delete') return;
    table.rows.set(keyOf(table.relation, change.row), full(change.row));
  }

  /** Each table still has exactly one last chunk. */
  async *apply(chunks: AsyncIterable<RowChunk>): AsyncGenerator<RowChunk> {
    for await (const chunk of chunks) {
      const late = this.#tables.get(chunk.relation.tableId);
      yield late === undefined || chunk.replaced === true ? chunk : merged(chunk, late);
    }
  }

  #table(relation: Relation): LateTable {
    const known = this.#tables.get(relation.tableId);
    if (known !== undefined) {
      if (known.relation.signature !== relation.signature) throw altered();
      return known;
    }
    const table = { relation, cleared: false, rows: new Map<string, FullRow | null>() };
    this.#tables.set(relation.tableId, table);
    return table;
  }
}

function merged(chunk: RowChunk, late: LateTable): RowChunk {
  const { relation, last } = chunk;
  if (relation.signature !== late.relation.signature) throw altered();
  const rows = late.cleared ? [] : chunk.rows.filter((row) => !late.rows.has(keyOf(relation, row)));
  if (last) for (const row of late.rows.values()) if (row !== null) rows.push(row);
  return { relation, rows, last };
}

function full(row: RowImage): FullRow {
  if (row.includes(undefined))
    throw new WatcherError('internal', { message: 'a row image is not full' });
  return row as FullRow;
}

function keyOf(relation: Relation, row: RowImage): string {
  return JSON.stringify(relation.key.map((at) => relation.columns[at]?.keyText(row[at] ?? '')));
}
