/**
 * What keys will hold once everything read so far is durable: the operations that are queued or in flight. It
 * answers the search for the base of an unchanged TOAST value before etcd is asked (DESIGN §3 rule 9).
 */
import type { Section } from './section.ts';
import type { KeyOp } from './sink.ts';

/** A value; null: the key will not exist; undefined: nothing is pending, etcd knows. */
export type PendingValue = string | null | undefined;

export class Overlay {
  /** Key → the section that has its last operation: what it holds is not held twice. */
  readonly #owners = new Map<string, Section>();
  readonly #cleared = new Map<string, Section>();

  /** To be called after the section has taken the operation. */
  record(op: KeyOp, owner: Section): void {
    this.#owners.set(op.key, owner);
    owner.isPending = true;
  }

  /** To be called after the section has been cleared of the prefix. */
  clear(prefix: string, owner: Section): void {
    for (const [key, holder] of this.#owners) {
      const op = holder.ops.get(key);
      if (op === undefined || op.prefix === prefix) this.#owners.delete(key);
    }
    this.#cleared.set(prefix, owner);
    owner.isPending = true;
  }

  lookup(key: string, prefix: string): PendingValue {
    const op = this.#owners.get(key)?.ops.get(key);
    if (op !== undefined) return op.kind === 'put' ? op.value : null;
    return this.#cleared.has(prefix) ? null : undefined;
  }

  /** The section is durable: etcd knows now. */
  settle(section: Section): void {
    if (!section.isPending) return;
    for (const key of section.ops.keys()) {
      if (this.#owners.get(key) === section) this.#owners.delete(key);
    }
    for (const [prefix, owner] of this.#cleared)
      if (owner === section) this.#cleared.delete(prefix);
  }
}
