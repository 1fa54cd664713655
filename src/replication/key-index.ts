/**
 * What a dump finds in etcd before it writes: every key under its tables' prefixes, as digests in flat memory (40
 * bytes for each). A dump puts only what differs, marks what it has seen, and the sweep deletes what stayed unmarked
 * if nobody has written it since (DESIGN §3 rule 8). Revisions cannot do the marking: unchanged rows are not put.
 */
import { hash } from 'node:crypto';
import type { ListedKey } from './sink.ts';

const keyDigestBytes = 16;
const valueDigestBytes = 16;
const revisionBytes = 8;
const slotBytes = keyDigestBytes + valueDigestBytes + revisionBytes;
/** Slots in use of all slots, at most. */
const maxLoad = 0.6;

// MD5 as a checksum of 128 bits, not as protection: nobody gains by a collision in their own row.
function digest(text: string): Buffer {
  return hash('md5', text, 'buffer');
}

export type Comparison = 'absent' | 'same' | 'different';

export class KeyIndex {
  #slots = Buffer.alloc(0);
  #used = new Uint8Array(0);
  #marked = new Uint8Array(0);
  #mask = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add({ key, value, modRevision }: ListedKey): void {
    if (this.#size + 1 > this.#used.length * maxLoad) this.#grow();
    const keyDigest = digest(key);
    const slot = this.#find(keyDigest);
    if (this.#used[slot] === 0) this.#size += 1;
    this.#used[slot] = 1;
    const at = slot * slotBytes;
    keyDigest.copy(this.#slots, at);
    digest(value).copy(this.#slots, at + keyDigestBytes);
    this.#slots.writeBigInt64LE(modRevision, at + keyDigestBytes + valueDigestBytes);
  }

  /** The dump has a row for this key. */
  mark(key: string, value: string): Comparison {
    if (this.#size === 0) return 'absent';
    const slot = this.#find(digest(key));
    if (this.#used[slot] === 0) return 'absent';
    this.#marked[slot] = 1;
    const at = slot * slotBytes + keyDigestBytes;
    const same = digest(value).equals(this.#slots.subarray(at, at + valueDigestBytes));
    return same ? 'same' : 'different';
  }

  /** Listed, not marked, and not written since. */
  isStale({ key, modRevision }: Pick<ListedKey, 'key' | 'modRevision'>): boolean {
    if (this.#size === 0) return false;
    const slot = this.#find(digest(key));
    if (this.#used[slot] === 0 || this.#marked[slot] === 1) return false;
    const at = slot * slotBytes + keyDigestBytes + valueDigestBytes;
    return this.#slots.readBigInt64LE(at) === modRevision;
  }

  /** The slot of the key, or the free one where it belongs: linear probing. */
  #find(keyDigest: Buffer): number {
    let slot = keyDigest.readUInt32LE(0) & this.#mask;
    while (this.#used[slot] === 1 && !this.#holds(slot, keyDigest)) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  #holds(slot: number, keyDigest: Buffer): boolean {
    const at = slot * slotBytes;
    return keyDigest.compare(this.#slots, at, at + keyDigestBytes) === 0;
  }

  #grow(): void {
    const { length } = this.#used;
    const before = { slots: this.#slots, used: this.#used, marked: this.#marked };
    const capacity = Math.max(1024, length * 2);
    this.#slots = Buffer.alloc(capacity * slotBytes);
    this.#used = new Uint8Array(capacity);
    this.#marked = new Uint8Array(capacity);
    this.#mask = capacity - 1;
    for (let old = 0; old < length; old += 1) {
      if (before.used[old] === 0) continue;
      const bytes = before.slots.subarray(old * slotBytes, (old + 1) * slotBytes);
      const slot = this.#find(bytes.subarray(0, keyDigestBytes));
      bytes.copy(this.#slots, slot * slotBytes);
      this.#used[slot] = 1;
      this.#marked[slot] = before.marked[old] as number;
    }
  }
}
