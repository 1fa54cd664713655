/**
 * A batch → the bytes of one TxnRequest: the hot path. Row strings are written once, into the request itself.
 *
 * etcd limits the operations of a transaction (`--max-txn-ops`) on each level: a nested transaction may hold what
 * the levels above it have left. So the batch becomes a tree of equal width on as few levels as it needs; the
 * checkpoint stands flat on the top level, because etcd forgets nested puts when it counts space (DESIGN §3).
 * The order inside a transaction of nested ones is not specified: there is one operation for each key.
 */
import type { Clear, KeyOp } from '../replication/sink.ts';
import {
  type Compare,
  operationField,
  txnField,
  writeCompare,
  writeDelete,
  writeOperation,
  writePut,
} from './requests.ts';
import { keyAfter } from './state-keys.ts';
import { Writer } from './wire.ts';

export interface WriteRequest {
  readonly ops: ReadonlyMap<string, KeyOp>;
  readonly clears: readonly Clear[];
  readonly sweeps: readonly { readonly key: string; readonly modRevision: bigint }[];
  /** Put flat on the top level, in this order; at least the checkpoint. */
  readonly state: readonly { readonly key: string; readonly value: string }[];
  readonly compare: readonly Compare[];
  /** Read when a comparison fails. */
  readonly checkpointKey: string;
  readonly maxTxnOps: number;
  /** Where the request is written, or how much is allocated for it at first; it may become larger. */
  readonly space: Buffer | number;
}

interface Range {
  readonly key: string;
  /** null: the one key. */
  readonly end: string | null;
}

type Sweep = WriteRequest['sweeps'][number];

/** How the operations of a batch are spread: `width` entries on each of `levels` levels below the top. */
interface Shape {
  readonly levels: number;
  readonly width: number;
}

const maxLevels = 8;

/**
 * The flattest tree that holds `operations`.
 * @param spare Operations that each path must leave free: flat ones on the top, and those inside a sweep.
 * @returns null when no tree holds them.
 */
export function shapeFor(operations: number, maxTxnOps: number, spare: number): Shape | null {
  for (let levels = 1; levels <= maxLevels; levels += 1) {
    const width = Math.floor((maxTxnOps - spare) / levels);
    if (width < 1) return null;
    if (width ** levels >= operations) return { levels, width };
  }
  return null;
}

/** How many operations a transaction can hold at the most, on however many levels. */
export function treeCapacity(maxTxnOps: number, spare: number): number {
  let capacity = 0;
  for (let levels = 1; levels <= maxLevels; levels += 1) {
    capacity = Math.max(capacity, Math.max(0, Math.floor((maxTxnOps - spare) / levels)) ** levels);
  }
  return capacity;
}

/** @returns null when the server's limit of operations does not allow the batch. */
export function encodeWrite(request: WriteRequest): Buffer | null {
  const ranges = request.clears.length === 0 ? [] : gaps(request.clears, request.ops);
  const ops = [...keyOps(request.ops, request.clears)];
  const sweeps = request.sweeps.filter(({ key }) => !request.ops.has(key));
  const leaves: readonly (KeyOp | Range | Sweep)[] = [...ops, ...ranges, ...sweeps];

  const spare = request.state.length + (sweeps.length === 0 ? 0 : 1);
  const shape = shapeFor(leaves.length, request.maxTxnOps, spare);
  if (shape === null) return null;

  const writer = new Writer(request.space);
  for (const compare of request.compare) writeCompare(writer, compare);
  writeLevel(writer, leaves, 0, leaves.length, shape, shape.levels);
  for (const { key, value } of request.state) {
    writeOperation(writer, txnField.success, { kind: 'put', key, value });
  }
  writeOperation(writer, txnField.failure, { kind: 'range', key: request.checkpointKey });
  return writer.finish();
}

function writeLevel(
  writer: Writer,
  leaves: readonly (KeyOp | Range | Sweep)[],
  from: number,
  to: number,
  shape: Shape,
  level: number,
): void {
  if (level === 1) {
    for (let index = from; index < to; index += 1) {
      const leaf = leaves[index];
      if (leaf !== undefined) writeLeaf(writer, leaf);
    }
    return;
  }
  const step = shape.width ** (level - 1);
  for (let start = from; start < to; start += step) {
    const operation = writer.open(txnField.success);
    const txn = writer.open(operationField.txn);
    writeLevel(writer, leaves, start, Math.min(start + step, to), shape, level - 1);
    writer.close(txn);
    writer.close(operation);
  }
}

function writeLeaf(writer: Writer, leaf: KeyOp | Range | Sweep): void {
  const operation = writer.open(txnField.success);
  if ('modRevision' in leaf) {
    const txn = writer.open(operationField.txn);
    writeCompare(writer, { key: leaf.key, target: 'mod', revision: leaf.modRevision });
    writeOperation(writer, txnField.success, { kind: 'delete', key: leaf.key });
    writer.close(txn);
  } else if ('kind' in leaf && leaf.kind === 'put') {
    const put = writer.open(operationField.put);
    writePut(writer, leaf.key, leaf.value, 0n);
    writer.close(put);
  } else {
    const remove = writer.open(operationField.delete);
    writeDelete(writer, leaf.key, 'end' in leaf ? leaf.end : null);
    writer.close(remove);
  }
  writer.close(operation);
}

/** The operations, without the deletes that a clear does anyway. */
function* keyOps(ops: ReadonlyMap<string, KeyOp>, clears: readonly Clear[]): Iterable<KeyOp> {
  if (clears.length === 0) {
    yield* ops.values();
    return;
  }
  const covers = coveredBy(clears);
  for (const op of ops.values()) {
    if (op.kind === 'put' || !covers(Buffer.from(op.key))) yield op;
  }
}

function coveredBy(clears: readonly Clear[]): (key: Buffer) => boolean {
  const bounds = clears.map(({ from, to }) => ({ from: Buffer.from(from), to: Buffer.from(to) }));
  return (key) =>
    bounds.some(({ from, to }) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0);
}

/**
 * What is left of the cleared ranges between the keys that the batch puts: etcd refuses a range that covers a
 * put. Compared as bytes, like etcd does: the order of JavaScript's strings is another one.
 */
function gaps(clears: readonly Clear[], ops: ReadonlyMap<string, KeyOp>): Range[] {
  const covers = coveredBy(clears);
  const puts = [...ops.values()]
    .filter(({ kind }) => kind === 'put')
    .map(({ key }) => ({ key, bytes: Buffer.from(key) }))
    .filter(({ bytes }) => covers(bytes))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  const ranges: Range[] = [];
  let next = 0;
  for (const { from, to } of merged(clears)) {
    let start = from;
    const end = Buffer.from(to);
    for (; next < puts.length; next += 1) {
      const put = puts[next];
      if (put === undefined || Buffer.compare(put.bytes, end) >= 0) break;
      if (put.key !== start) ranges.push({ key: start, end: put.key });
      start = keyAfter(put.key);
    }
    if (start !== to) ranges.push({ key: start, end: to });
  }
  return ranges;
}

/** In order, with ranges that overlap or touch made one. */
function merged(clears: readonly Clear[]): readonly Clear[] {
  const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const result: Clear[] = [];
  for (const clear of [...clears].sort((a, b) => compare(a.from, b.from))) {
    if (compare(clear.from, clear.to) >= 0) continue;
    const last = result.at(-1);
    if (last === undefined || compare(last.to, clear.from) < 0) result.push(clear);
    else if (compare(last.to, clear.to) < 0) {
      result[result.length - 1] = { from: last.from, to: clear.to };
    }
  }
  return result;
}
