/**
 * A section is what one etcd transaction can hold: the operations of a source transaction, or of the part of it
 * that fits. One operation for each key: a later one replaces an earlier one.
 */
import { prefixEnd } from './key-template.ts';
import { type Clear, type KeyOp, opOverheadBytes, type SinkLimits } from './sink.ts';

/** How many changes of each kind a section carries, for the counters. */
export interface Tally {
  inserts: number;
  updates: number;
  deletes: number;
  truncates: number;
}

export function emptyTally(): Tally {
  return { inserts: 0, updates: 0, deletes: 0, truncates: 0 };
}

export function addTally(to: Tally, from: Tally): void {
  to.inserts += from.inserts;
  to.updates += from.updates;
  to.deletes += from.deletes;
  to.truncates += from.truncates;
}

export function opBytes(op: KeyOp): number {
  const value = op.kind === 'put' ? Buffer.byteLength(op.value) : 0;
  return opOverheadBytes + Buffer.byteLength(op.key) + value;
}

export class Section {
  readonly ops = new Map<string, KeyOp>();
  readonly clears: Clear[] = [];
  readonly tally: Tally = emptyTally();
  puts = 0;
  /** The overlay refers to it until it is durable. */
  isPending = false;
  #opBytes = 0;
  #clearBytes = 0;

  get bytes(): number {
    return this.#opBytes + this.#clearBytes;
  }

  get isEmpty(): boolean {
    return this.ops.size === 0 && this.clears.length === 0;
  }

  get opCount(): number {
    return this.ops.size + this.clears.length;
  }

  /** Adds all or none: the operations of one change belong together. An empty section takes any. */
  tryAdd(ops: readonly KeyOp[], limits: SinkLimits): boolean {
    if (ops.length === 1) return this.#tryAddOne(ops[0] as KeyOp, limits);
    if (!this.isEmpty && !this.#hasRoom(ops, limits)) return false;
    for (const op of ops) this.add(op);
    return true;
  }

  /** The usual case, which measures the operation once. */
  #tryAddOne(op: KeyOp, limits: SinkLimits): boolean {
    const bytes = opBytes(op);
    const before = this.ops.get(op.key);
    const count = this.opCount + (before === undefined ? 1 : 0);
    const total = this.bytes + bytes - (before === undefined ? 0 : opBytes(before));
    if (!this.isEmpty && (count > limits.maxOps || total > limits.maxBytes)) return false;
    if (before !== undefined) this.#remove(op.key);
    this.#put(op, bytes);
    return true;
  }

  #hasRoom(ops: readonly KeyOp[], limits: SinkLimits): boolean {
    let count = this.opCount;
    let bytes = this.bytes;
    for (const op of ops) {
      const before = this.ops.get(op.key);
      if (before === undefined) count += 1;
      bytes += opBytes(op) - (before === undefined ? 0 : opBytes(before));
    }
    return count <= limits.maxOps && bytes <= limits.maxBytes;
  }

  add(op: KeyOp): void {
    this.#remove(op.key);
    this.#put(op, opBytes(op));
  }

  /** The key must not be there: a later operation of a key comes last also in the order of the map. */
  #put(op: KeyOp, bytes: number): void {
    this.ops.set(op.key, op);
    this.#opBytes += bytes;
    if (op.kind === 'put') this.puts += 1;
  }

  canClear(limits: SinkLimits): boolean {
    return this.opCount < limits.maxOps;
  }

  /** Deletes what was under the prefix before; puts of this section that came earlier are gone with it. */
  clear(prefix: string): void {
    this.clearRange({ from: prefix, to: prefixEnd(prefix) }, prefix);
  }

  /** As `clear`, for a part of the keys under `prefix`. */
  clearRange(range: Clear, prefix: string): void {
    const end = prefixEnd(prefix);
    const whole = range.from === prefix && range.to === end;
    for (const op of [...this.ops.values()]) {
      if (op.prefix === prefix && (whole || inRange(op.key, range))) this.#remove(op.key);
    }
    this.#pushClear(range);
  }

  /** Applies a later section on top of this one. */
  merge(later: Section): void {
    for (const range of later.clears) this.#merge(range);
    for (const op of later.ops.values()) {
      this.#remove(op.key);
      this.ops.set(op.key, op);
    }
    // Measured when they were added to the other one.
    this.#opBytes += later.#opBytes;
    this.puts += later.puts;
    addTally(this.tally, later.tally);
  }

  #merge(range: Clear): void {
    for (const op of [...this.ops.values()]) if (inRange(op.key, range)) this.#remove(op.key);
    this.#pushClear(range);
  }

  #pushClear(range: Clear): void {
    if (this.clears.some((clear) => clear.from === range.from && clear.to === range.to)) return;
    this.clears.push(range);
    this.#clearBytes +=
      opOverheadBytes + Buffer.byteLength(range.from) + Buffer.byteLength(range.to);
  }

  #remove(key: string): void {
    const op = this.ops.get(key);
    if (op === undefined) return;
    this.ops.delete(key);
    this.#opBytes -= opBytes(op);
    if (op.kind === 'put') this.puts -= 1;
  }
}

/** Order by UTF-8 bytes, as etcd has it; JavaScript compares UTF-16 units, which differs beyond U+FFFF. */
function inRange(key: string, range: Clear): boolean {
  const bytes = Buffer.from(key);
  return bytes.compare(Buffer.from(range.from)) >= 0 && bytes.compare(Buffer.from(range.to)) < 0;
}

/** Whether the two can be one etcd transaction; a safe estimate that counts a common key twice. */
export function canMerge(a: Section, b: Section, limits: SinkLimits): boolean {
  return a.opCount + b.opCount <= limits.maxOps && a.bytes + b.bytes <= limits.maxBytes;
}
