/**
 * The base values that the changes of one part need: an update may omit unchanged large values (TOAST), which are
 * those of the row as it was before. The base is, in this order, what the same part wrote, what is queued or in
 * flight, and what etcd holds at the old key (DESIGN §3 rule 9). One read for all keys of a part.
 */
import type { Change } from './change.ts';
import type { Overlay } from './overlay.ts';
import { isFull } from './row-mapper.ts';
import type { KeyOp, Sink } from './sink.ts';
import type { TableState } from './tables.ts';

export interface TableChange {
  readonly table: TableState;
  readonly change: Change;
}

export class BaseValues {
  /** Of changes that are whole, which is nearly all of them. */
  static readonly #none = new BaseValues();
  readonly #values = new Map<string, string | null>();

  /** Reads what the changes will need; at once, if that need not come from etcd. `null` values are keys that do not exist. */
  static gather(
    changes: Iterable<TableChange>,
    overlay: Overlay,
    sink: Pick<Sink, 'read'>,
    signal: AbortSignal,
  ): BaseValues | Promise<BaseValues> {
    let bases = BaseValues.#none;
    let unknown: Set<string> | null = null;
    for (const { table, change } of changes) {
      if (change.op !== 'update' || isFull(change.row)) continue;
      if (bases === BaseValues.#none) bases = new BaseValues();
      const key = table.mapper.keyOf(change.old ?? change.row);
      if (bases.#values.has(key)) continue;
      const pending = overlay.lookup(key, table.mapper.prefix);
      bases.#values.set(key, pending ?? null);
      if (pending === undefined) unknown = (unknown ?? new Set()).add(key);
    }
    return unknown === null ? bases : bases.#read([...unknown], sink, signal);
  }

  async #read(keys: string[], sink: Pick<Sink, 'read'>, signal: AbortSignal): Promise<BaseValues> {
    for (const [key, value] of await sink.read(keys, signal)) this.#values.set(key, value);
    return this;
  }

  get(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  /** What the part itself does to a key is the base of what follows in it. */
  record(op: KeyOp): void {
    if (!this.#values.has(op.key)) return;
    this.#values.set(op.key, op.kind === 'put' ? op.value : null);
  }

  clear(prefix: string): void {
    for (const key of this.#values.keys()) if (key.startsWith(prefix)) this.#values.set(key, null);
  }
}
