/**
 * Changes of tables that are being dumped while the stream runs. They wait in bounded memory. A table whose changes
 * outgrow it loses them, and is dumped once more: every transaction that was read had committed at the source, so a
 * snapshot taken later contains it; which one it must contain is remembered.
 */
import type { TableChange } from './base-values.ts';
import type { TransactionPart } from './change.ts';
import type { TableState } from './tables.ts';

export const maxHeldBytes = 32 * 1024 * 1024;
/** What one held change costs beside its values: objects and arrays. */
const changeOverheadBytes = 200;

export interface HeldTransaction {
  readonly part: TransactionPart;
  readonly changes: TableChange[];
}

interface HeldTable {
  transactions: HeldTransaction[];
  bytes: number;
  /** Transactions whose changes were given up: the snapshot must contain them. */
  dropped: Map<string, TransactionPart>;
}

export class HeldChanges {
  readonly #tables = new Map<string, HeldTable>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @returns the table that has just lost its changes, because all together have outgrown the memory for them. */
  add(part: TransactionPart, placed: TableChange): TableState | null {
    const held = this.#table(placed.table.id);
    if (held.dropped.size > 0) {
      held.dropped.set(part.xid, withoutChanges(part));
      return null;
    }
    const last = held.transactions.at(-1);
    if (last?.part.xid === part.xid) last.changes.push(placed);
    else held.transactions.push({ part: withoutChanges(part), changes: [placed] });
    const sizeBytes = sizeOf(placed);
    held.bytes += sizeBytes;
    this.#bytes += sizeBytes;
    return this.#bytes <= this.#maxBytes ? null : this.#dropLargest();
  }

  #dropLargest(): TableState | null {
    let largest: HeldTable | null = null;
    for (const held of this.#tables.values()) {
      if (largest === null || held.bytes > largest.bytes) largest = held;
    }
    const table = largest?.transactions[0]?.changes[0]?.table;
    if (largest === null || table === undefined) return null;
    for (const { part } of largest.transactions) largest.dropped.set(part.xid, part);
    this.#bytes -= largest.bytes;
    largest.transactions = [];
    largest.bytes = 0;
    return table;
  }

  /** True when a table lost its changes: the stream should wait until it has been dumped once more. */
  get overflowed(): boolean {
    for (const held of this.#tables.values()) if (held.dropped.size > 0) return true;
    return false;
  }

  /** A change of a table that is not known yet, and will be dumped: the snapshot must contain it. */
  giveUp(tableId: string, part: TransactionPart): void {
    this.#table(tableId).dropped.set(part.xid, withoutChanges(part));
  }

  /**
   * A snapshot was taken: if it has everything that was given up for this table, changes are held again.
   * @returns whether it has.
   */
  forgive(tableId: string, has: (part: TransactionPart) => boolean): boolean {
    const held = this.#tables.get(tableId);
    if (held === undefined) return true;
    if (![...held.dropped.values()].every(has)) return false;
    held.dropped.clear();
    return true;
  }

  /** Takes out what must follow the dump; what the snapshot has is dropped here. */
  take(tableId: string, has: (part: TransactionPart) => boolean): HeldTransaction[] {
    const held = this.#tables.get(tableId);
    this.#tables.delete(tableId);
    this.#bytes -= held?.bytes ?? 0;
    return (held?.transactions ?? []).filter(({ part }) => !has(part));
  }

  #table(tableId: string): HeldTable {
    let held = this.#tables.get(tableId);
    if (held === undefined) {
      held = { transactions: [], bytes: 0, dropped: new Map() };
      this.#tables.set(tableId, held);
    }
    return held;
  }
}

/** Its identity alone: the changes of other tables must not be kept alive. */
function withoutChanges(part: TransactionPart): TransactionPart {
  return { ...part, changes: [] };
}

function sizeOf({ change }: TableChange): number {
  const rows = [
    change.op === 'insert' || change.op === 'update' ? change.row : null,
    change.op === 'update' || change.op === 'delete' ? change.old : null,
  ];
  let characters = 0;
  for (const row of rows) for (const fragment of row ?? []) characters += fragment?.length ?? 0;
  return changeOverheadBytes + 2 * characters;
}
