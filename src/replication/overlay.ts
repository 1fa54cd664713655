/**
 * What keys will hold once everything read so far is durable: the operations that are queued or in flight. It
 * answers the search for the base of an unchanged TOAST value before etcd is asked (DESIGN §3 rule 9).
 */
import type { Section } from './section.ts';
import type { KeyOp } from './sink.ts';

interface Entry {
  readonly value: string | null;
  readonly owner: Section;
  readonly prefix: string;
}

/** A value; null: the key will not exist; undefined: nothing is pending, etcd knows. */
export type PendingValue = string | null | undefined;

export class Overlay {
  readonly #entries = new Map<string, Entry>();
  readonly #cleared = new Map<string, Section>();

  record(op: KeyOp, owner: Section): void {
    const value = op.kind === 'put' ? op.value : null;
    this.#entries.set(op.key, { value, owner, prefix: op.prefix });
  }

  clear(prefix: string, owner: Section): void {
    for (const [key, entry] of this.#entries)
      if (entry.prefix === prefix) this.#entries.delete(key);
    this.#cleared.set(prefix, owner);
  }

  lookup(key: string, prefix: string): PendingValue {
    const entry = this.#entries.get(key);
    if (entry !== undefined) return entry.value;
    return this.#cleared.has(prefix) ? null : undefined;
  }

  /** The section is durable: etcd knows now. */
  settle(section: Section): void {
    for (const key of section.ops.keys()) {
      if (this.#entries.get(key)?.owner === section) this.#entries.delete(key);
    }
    for (const [prefix, owner] of this.#cleared)
      if (owner === section) this.#cleared.delete(prefix);
  }
}
