/**
 * Requests of the etcd v3 API, as far as Watcher sends them. Field numbers and enum values are those of etcd's
 * rpc.proto: https://etcd.io/docs/latest/learning/api/
 */
import { Writer } from './wire.ts';

export interface RangeRequest {
  readonly key: string;
  /** Keys in [key, end); null: the one key. */
  readonly end?: string | null;
  readonly limit?: number;
  /** 0n: the newest. */
  readonly revision?: bigint;
  /** Answered by one member from what it has: may be stale. */
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface PutRequest {
  readonly key: string;
  readonly value: string;
  /** 0n: none. */
  readonly lease?: bigint;
}

export interface DeleteRequest {
  readonly key: string;
  /** Keys in [key, end); null: the one key. */
  readonly end?: string | null;
}

/** A comparison for equality; a key that does not exist has revision 0n. */
export interface Compare {
  readonly key: string;
  readonly target: 'create' | 'mod';
  readonly revision: bigint;
}

export type Operation =
  | ({ readonly kind: 'range' } & RangeRequest)
  | ({ readonly kind: 'put' } & PutRequest)
  | ({ readonly kind: 'delete' } & DeleteRequest);

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

/** Fields of TxnRequest. */
export const txnField = { compare: 1, success: 2, failure: 3 } as const;
/** Fields of RequestOp. */
export const operationField = { range: 1, put: 2, delete: 3, txn: 4 } as const;

const compareEqual = 0;
const compareTarget = { create: { target: 1, field: 5 }, mod: { target: 2, field: 6 } } as const;

export function encodeRange(request: RangeRequest): Buffer {
  const writer = new Writer();
  writeRange(writer, request);
  return writer.finish();
}

export function encodePut(request: PutRequest): Buffer {
  const writer = new Writer();
  writePut(writer, request.key, request.value, request.lease ?? 0n);
  return writer.finish();
}

export function encodeDelete(request: DeleteRequest): Buffer {
  const writer = new Writer();
  writeDelete(writer, request.key, request.end ?? null);
  return writer.finish();
}

export function encodeTxn(request: TxnRequest): Buffer {
  const writer = new Writer(1024);
  for (const compare of request.compare) writeCompare(writer, compare);
  for (const operation of request.success) writeOperation(writer, txnField.success, operation);
  for (const operation of request.failure ?? []) {
    writeOperation(writer, txnField.failure, operation);
  }
  return writer.finish();
}

/** Watches [key, end) from a revision on (0n: from now on), in fragments, with notes of progress. */
export function encodeWatchCreate(key: string, end: string | null, revision: bigint): Buffer {
  const writer = new Writer();
  const create = writer.open(1);
  writer.string(1, key);
  if (end !== null) writer.string(2, end);
  if (revision !== 0n) writer.int64(3, revision);
  writer.uint(4, 1); // progress_notify
  writer.uint(8, 1); // fragment: a message beyond 4 MB kills readers that limit what they receive
  writer.close(create);
  return writer.finish();
}

export function encodeLeaseGrant(ttlSeconds: number): Buffer {
  const writer = new Writer();
  writer.int64(1, BigInt(ttlSeconds));
  return writer.finish();
}

/** LeaseRevoke and LeaseKeepAlive: both have the lease's id and nothing else. */
export function encodeLeaseId(id: bigint): Buffer {
  const writer = new Writer();
  writer.int64(1, id);
  return writer.finish();
}

export function encodeAuthenticate(name: string, password: string): Buffer {
  const writer = new Writer();
  writer.string(1, name);
  writer.string(2, password);
  return writer.finish();
}

export function writeCompare(writer: Writer, compare: Compare): void {
  const { target, field } = compareTarget[compare.target];
  const start = writer.open(txnField.compare);
  writer.uint(1, compareEqual);
  writer.uint(2, target);
  writer.string(3, compare.key);
  writer.int64(field, compare.revision);
  writer.close(start);
}

/** One operation of a transaction, in its branch `success` or `failure`. */
export function writeOperation(writer: Writer, branch: number, operation: Operation): void {
  const outer = writer.open(branch);
  const inner = writer.open(operationField[operation.kind]);
  switch (operation.kind) {
    case 'range':
      writeRange(writer, operation);
      break;
    case 'put':
      writePut(writer, operation.key, operation.value, operation.lease ?? 0n);
      break;
    case 'delete':
      writeDelete(writer, operation.key, operation.end ?? null);
      break;
    default:
      operation satisfies never;
  }
  writer.close(inner);
  writer.close(outer);
}

export function writePut(writer: Writer, key: string, value: string, lease: bigint): void {
  writer.string(1, key);
  writer.string(2, value);
  if (lease !== 0n) writer.int64(3, lease);
}

export function writeDelete(writer: Writer, key: string, end: string | null): void {
  writer.string(1, key);
  if (end !== null) writer.string(2, end);
}

function writeRange(writer: Writer, request: RangeRequest): void {
  writer.string(1, request.key);
  if (request.end !== undefined && request.end !== null) writer.string(2, request.end);
  if (request.limit !== undefined) writer.int64(3, BigInt(request.limit));
  if (request.revision !== undefined) writer.int64(4, request.revision);
  if (request.serializable === true) writer.uint(7, 1);
  if (request.keysOnly === true) writer.uint(8, 1);
  if (request.countOnly === true) writer.uint(9, 1);
}
