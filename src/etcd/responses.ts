/**
 * Responses of the etcd v3 API, as far as Watcher reads them. Field numbers are those of etcd's rpc.proto and
 * kv.proto: https://etcd.io/docs/latest/learning/api/ Unknown fields are skipped.
 */
import { Reader } from './wire.ts';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
}

export interface RangeResponse {
  /** The store's revision when this was answered. */
  readonly revision: bigint;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
  /** Size of the message. */
  readonly bytes: number;
}

export interface DeleteResponse {
  readonly revision: bigint;
  readonly deleted: number;
}

export interface TxnResponse {
  /** That of every key written by it. */
  readonly revision: bigint;
  readonly succeeded: boolean;
  /** What the ranges on the top level read, in order; other operations have nothing to say. */
  readonly ranges: readonly RangeResponse[];
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Empty for a delete. */
  readonly value: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
}

export interface WatchResponse {
  readonly revision: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancelReason: string;
  /** Not 0n: the revision asked for is compacted; the oldest that can be watched from. */
  readonly compactRevision: bigint;
  /** True: more events of the same revisions follow in the next message. */
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

export interface LeaseResponse {
  readonly id: bigint;
  /** 0 or less: the lease has expired. */
  readonly ttlSeconds: number;
}

export interface StatusResponse {
  readonly version: string;
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  /** Alarms, for example NOSPACE, as etcd words them. */
  readonly errors: readonly string[];
}

export function decodeRange(buffer: Buffer): RangeResponse {
  return readRange(new Reader(buffer), buffer.length);
}

export function decodeHeaderOnly(buffer: Buffer): { readonly revision: bigint } {
  const reader = new Reader(buffer);
  let revision = 0n;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) revision = readHeader(reader.message());
    else reader.skip();
  }
  return { revision };
}

export function decodeDelete(buffer: Buffer): DeleteResponse {
  const reader = new Reader(buffer);
  let revision = 0n;
  let deleted = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) revision = readHeader(reader.message());
    else if (field === 2) deleted = reader.uint();
    else reader.skip();
  }
  return { revision, deleted };
}

export function decodeTxn(buffer: Buffer): TxnResponse {
  const reader = new Reader(buffer);
  let revision = 0n;
  let succeeded = false;
  const ranges: RangeResponse[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) revision = readHeader(reader.message());
    else if (field === 2) succeeded = reader.bool();
    else if (field === 3) readResponseOp(reader.message(), ranges);
    else reader.skip();
  }
  return { revision, succeeded, ranges };
}

export function decodeWatch(buffer: Buffer): WatchResponse {
  const reader = new Reader(buffer);
  const response = {
    revision: 0n,
    created: false,
    canceled: false,
    cancelReason: '',
    compactRevision: 0n,
    fragment: false,
  };
  const events: WatchEvent[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    switch (field) {
      case 1:
        response.revision = readHeader(reader.message());
        break;
      case 3:
        response.created = reader.bool();
        break;
      case 4:
        response.canceled = reader.bool();
        break;
      case 5:
        response.compactRevision = reader.int64();
        break;
      case 6:
        response.cancelReason = reader.string();
        break;
      case 7:
        response.fragment = reader.bool();
        break;
      case 11:
        events.push(readEvent(reader.message()));
        break;
      default:
        reader.skip();
    }
  }
  return { ...response, events };
}

/** LeaseGrant and LeaseKeepAlive: id and TTL have the same numbers in both. */
export function decodeLease(buffer: Buffer): LeaseResponse {
  const reader = new Reader(buffer);
  let id = 0n;
  let ttl = 0n;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) id = reader.int64();
    else if (field === 3) ttl = reader.int64();
    else reader.skip();
  }
  return { id, ttlSeconds: Number(ttl) };
}

/** The token. */
export function decodeAuthenticate(buffer: Buffer): string {
  const reader = new Reader(buffer);
  let token = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) token = reader.string();
    else reader.skip();
  }
  return token;
}

export function decodeStatus(buffer: Buffer): StatusResponse {
  const reader = new Reader(buffer);
  let version = '';
  let dbSizeBytes = 0;
  let dbSizeInUseBytes = 0;
  const errors: string[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) version = reader.string();
    else if (field === 3) dbSizeBytes = reader.uint();
    else if (field === 8) errors.push(reader.string());
    else if (field === 9) dbSizeInUseBytes = reader.uint();
    else reader.skip();
  }
  return { version, dbSizeBytes, dbSizeInUseBytes, errors };
}

function readHeader(reader: Reader): bigint {
  let revision = 0n;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 3) revision = reader.int64();
    else reader.skip();
  }
  return revision;
}

function readRange(reader: Reader, bytes: number): RangeResponse {
  let revision = 0n;
  let more = false;
  let count = 0;
  const kvs: KeyValue[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) revision = readHeader(reader.message());
    else if (field === 2) kvs.push(readKeyValue(reader.message()));
    else if (field === 3) more = reader.bool();
    else if (field === 4) count = reader.uint();
    else reader.skip();
  }
  return { revision, kvs, more, count, bytes };
}

function readResponseOp(reader: Reader, ranges: RangeResponse[]): void {
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) {
      const range = reader.message();
      ranges.push(readRange(range, range.remaining));
    } else reader.skip();
  }
}

function readKeyValue(reader: Reader): KeyValue {
  let key = '';
  let value = '';
  let createRevision = 0n;
  let modRevision = 0n;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) key = reader.string();
    else if (field === 2) createRevision = reader.int64();
    else if (field === 3) modRevision = reader.int64();
    else if (field === 5) value = reader.string();
    else reader.skip();
  }
  return { key, value, createRevision, modRevision };
}

function readEvent(reader: Reader): WatchEvent {
  let type: WatchEvent['type'] = 'put';
  let kv: KeyValue = { key: '', value: '', createRevision: 0n, modRevision: 0n };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) type = reader.uint() === 1 ? 'delete' : 'put';
    else if (field === 2) kv = readKeyValue(reader.message());
    else reader.skip();
  }
  return { type, ...kv };
}
