/** The checkpoint and the table records as JSON in etcd (SPEC §7). */
import { WatcherError } from '../errors.ts';
import type { Checkpoint, TableRecords } from '../replication/sink.ts';

/** Which write left a checkpoint: what tells one's own write, whose answer was lost, from another's. */
export interface WriterMark {
  /** Unique for each time that a sink was loaded. */
  readonly id: string;
  /** Counts the writes since then. */
  readonly batch: number;
}

export interface StoredCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly writer: WriterMark;
}

const version = 1;

export function encodeCheckpoint(checkpoint: Checkpoint, writer: WriterMark): string {
  return JSON.stringify({ ...checkpoint, writer });
}

/** @throws WatcherError `checkpoint_unreadable`. */
export function decodeCheckpoint(key: string, text: string): StoredCheckpoint {
  const stored = parseObject(key, text);
  const { writer, ...checkpoint } = stored;
  const { id, batch } = isObject(writer) ? writer : {};
  if (checkpoint.version !== version || typeof id !== 'string' || typeof batch !== 'number') {
    throw unreadable(key, null);
  }
  return { checkpoint: checkpoint as unknown as Checkpoint, writer: { id, batch } };
}

/** @throws WatcherError `checkpoint_unreadable`. */
export function decodeTables(key: string, text: string): TableRecords {
  return parseObject(key, text) as TableRecords;
}

function parseObject(key: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(key, error);
  }
  if (!isObject(value)) throw unreadable(key, null);
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(key: string, cause: unknown): WatcherError {
  return new WatcherError('checkpoint_unreadable', {
    message: `The key ${key} in etcd was not written by a version that this one understands`,
    remedy: `Run the version that wrote it, or dump again: etcdctl del ${key}`,
    cause,
  });
}
