/**
 * Keys of tables whose unique constraint is deferrable (DESIGN §3 rule 5). Within a transaction two rows may hold
 * one key for a moment: a swap gives 1→2 and 2→1, and "the last operation wins" would delete a row that lives.
 * Such tables log whole old images, so an old image says *which* row leaves the key.
 *
 * For each key touched by the transaction there is a slot: the row that was there before the transaction may still
 * be there (`resident`), and images may have come (`arrived`). By the commit at most one row is left:
 *   1. an image arrived and was not taken away again  → put it (the resident has left, or the commit had failed)
 *   2. none is left, and the resident has left        → delete the key
 *   3. none is left, and the resident never left      → nothing: the key is as it was
 * What a key comes to is known only at the commit, so the slots of a transaction wait in memory until then; of one
 * that has to be split, the table is dumped again instead (`ChangeApplier`).
 */
import { opOverheadBytes } from './sink.ts';

interface Slot {
  resident: boolean;
  arrived: string[];
}

export type KeyOutcome =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string };

export class DeferredKeys {
  readonly #slots = new Map<string, Slot>();
  #bytes = 0;

  /** At most so many operations come out. */
  get size(): number {
    return this.#slots.size;
  }

  /** At most so many bytes, as a section counts them. */
  get bytes(): number {
    return this.#bytes;
  }

  arrive(key: string, value: string): void {
    this.#slot(key).arrived.push(value);
    this.#bytes += Buffer.byteLength(value);
  }

  leave(key: string, oldValue: string): void {
    const slot = this.#slot(key);
    const index = slot.arrived.lastIndexOf(oldValue);
    if (index < 0) {
      slot.resident = false;
      return;
    }
    slot.arrived.splice(index, 1);
    this.#bytes -= Buffer.byteLength(oldValue);
  }

  /** What the keys come to at the commit. */
  *outcomes(): Generator<KeyOutcome> {
    for (const [key, { resident, arrived }] of this.#slots) {
      const value = arrived.at(-1);
      if (value !== undefined) yield { kind: 'put', key, value };
      else if (!resident) yield { kind: 'delete', key };
    }
  }

  #slot(key: string): Slot {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { resident: true, arrived: [] };
      this.#slots.set(key, slot);
      this.#bytes += opOverheadBytes + Buffer.byteLength(key);
    }
    return slot;
  }
}
