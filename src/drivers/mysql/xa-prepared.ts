/** A transaction whose rows are in the log before it is committed: what it holds, until somebody decides. */
import type { CatalogEvent, StagingStep } from '../../replication/change.ts';
import type { RowsEvent } from './binlog/rows.ts';
import type { TableMap } from './binlog/table-map.ts';
import type { LogRows, LogTable } from './log-table.ts';
import type { ContentEntry } from './xa-content.ts';
import { ContentWriter } from './xa-content.ts';

/** What is kept in memory of one that goes on: it may end with ONE PHASE, and then is never staged. */
const spillBytes = 512 * 1024;
/** What a change costs beside its bytes of log. */
const rowOverheadBytes = 100;

export class Prepared {
  readonly id: string;
  #entries: ContentEntry[] = [];
  #bytes = 0;
  #writer: ContentWriter | null = null;
  /** The server's table id → its place among the entries. */
  readonly #tables = new Map<number, number>();

  constructor(id: string) {
    this.id = id;
  }

  /** Some of it is staged already, and the rest will be. */
  get spilled(): boolean {
    return this.#writer !== null;
  }

  /** It should be staged before it grows. */
  get full(): boolean {
    return this.#bytes >= spillBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All of it, while it is not spilled. */
  get entries(): readonly ContentEntry[] {
    return this.#entries;
  }

  describe(map: TableMap, { relation, transactional }: LogTable): void {
    if (this.#tables.has(map.tableId)) return;
    const signature = transactional ? (relation?.signature ?? null) : null;
    this.#tables.set(map.tableId, this.#tables.size);
    this.#entries.push({ kind: 'table', map, signature });
  }

  /** @param event whose table was described */
  rows(event: RowsEvent, { transactional }: LogTable, { rows, changes }: LogRows): void {
    const table = this.#tables.get(event.tableId) as number;
    const bytes = event.rows.length;
    const staged = transactional ? changes : [];
    this.#entries.push({ kind: 'rows', table, rows, bytes, changes: staged });
    this.#bytes += bytes + rowOverheadBytes * (staged.length + 1);
  }

  savepoint(kind: 'savepoint' | 'rollback_to' | 'release', name: string): void {
    this.#entries.push({ kind, name });
  }

  tell(events: readonly CatalogEvent[]): void {
    if (events.length > 0) this.#entries.push({ kind: 'events', events });
  }

  /** To be staged now; afterwards it is not in memory any more. */
  spill(last: boolean): StagingStep {
    this.#writer ??= new ContentWriter();
    const pieces = this.#writer.write(this.#entries, last);
    this.#entries = [];
    this.#bytes = 0;
    return { op: 'put', id: this.id, pieces };
  }
}
