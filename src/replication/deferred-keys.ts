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
 * When a transaction has to be split, arrived images are written early (case 1). If such an image leaves again and
 * the resident never left, the resident's value was overwritten and is not in the log: the table is dumped again.
 */
interface Slot {
  resident: boolean;
  arrived: string[];
  written: boolean;
}

export type SlotOutcome =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string };

export class DeferredKeys {
  readonly #slots = new Map<string, Slot>();
  #dirty = new Set<string>();
  /** True when a resident row was overwritten early and turned out to stay: dump the table again. */
  damaged = false;

  arrive(key: string, value: string): void {
    this.#slot(key).arrived.push(value);
  }

  leave(key: string, oldValue: string): void {
    const slot = this.#slot(key);
    const index = slot.arrived.lastIndexOf(oldValue);
    if (index >= 0) slot.arrived.splice(index, 1);
    else slot.resident = false;
  }

  /** TRUNCATE: whatever held the keys is gone. */
  clear(): void {
    this.#slots.clear();
    this.#dirty.clear();
  }

  /** What the slots that changed since the last call come to: at the commit, or where the transaction is split. */
  *settle(): Generator<SlotOutcome> {
    const changed = this.#dirty;
    this.#dirty = new Set();
    for (const key of changed) {
      const slot = this.#slots.get(key);
      if (slot === undefined) continue;
      const value = slot.arrived.at(-1);
      if (value !== undefined) {
        slot.written = true;
        yield { kind: 'put', key, value };
      } else if (!slot.resident) {
        yield { kind: 'delete', key };
      } else if (slot.written) {
        this.damaged = true;
      }
    }
  }

  #slot(key: string): Slot {
    this.#dirty.add(key);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { resident: true, arrived: [], written: false };
      this.#slots.set(key, slot);
    }
    return slot;
  }
}
