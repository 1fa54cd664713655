/**
 * What the etcd servers take: learned, not assumed (DESIGN §3 rule 10). One object serves all syncs of a process.
 */
import { WatcherError } from '../errors.ts';
import type { EtcdClient } from './client.ts';
import { reasonOf } from './errors.ts';
import { treeCapacity } from './txn.ts';

/** A transaction is a tree, so that it holds this many also where `--max-txn-ops` is small. */
const maxOpsPerTxn = 4_096;
/** 1.5 MiB is the server's default; 1.49 passes. The rest is for the request's own bytes. */
const initialRequestBytes = Math.floor(1.46 * 1024 * 1024);
const maxRowBytes = Math.floor(1.4 * 1024 * 1024);
const minRequestBytes = 64 * 1024;
const defaultTxnOps = 128;
const largerTxnOps = [1_024, 8_192] as const;
/** Checkpoint and tables flat, and the comparison and the delete inside a sweep. */
const spareOps = 3;

export interface ServerLimits {
  /** `--max-txn-ops`, or less than it. */
  readonly maxTxnOps: number;
  /** How many keys one batch may name: a clear may add a range between any two of them. */
  readonly maxOps: number;
  /** @param stateBytes Size of the checkpoint and the tables, which travel with each batch. */
  maxBytes(stateBytes: number): number;
  /**
   * Finds `--max-txn-ops` by transactions that only read; later calls do nothing.
   * @param key A key that may be read; it need not exist.
   */
  learn(client: EtcdClient, key: string, signal: AbortSignal): Promise<void>;
  /**
   * After etcd refused a request for its size: half of it, from now on.
   * @returns false when it cannot be less.
   */
  refused(requestBytes: number): boolean;
  /** After etcd refused a request for its operations (another member, or a new setting): half as many. */
  refusedOperations(): void;
}

export function createServerLimits(): ServerLimits {
  let maxTxnOps = defaultTxnOps;
  let maxOps = maxOpsFor(maxTxnOps);
  let requestBytes = initialRequestBytes;
  let learned = false;
  return {
    get maxTxnOps() {
      return maxTxnOps;
    },
    get maxOps() {
      return maxOps;
    },
    maxBytes(stateBytes) {
      return Math.max(minRequestBytes / 2, Math.min(maxRowBytes, requestBytes - stateBytes));
    },
    async learn(client, key, signal) {
      if (learned) return;
      maxTxnOps = await learnTxnOps(client, key, signal);
      maxOps = maxOpsFor(maxTxnOps);
      learned = true;
    },
    refused(refusedBytes) {
      const half = Math.max(minRequestBytes, Math.floor(refusedBytes / 2));
      if (requestBytes <= minRequestBytes) return false;
      requestBytes = Math.min(requestBytes, half);
      return true;
    },
    refusedOperations() {
      maxTxnOps = Math.floor(maxTxnOps / 2);
      maxOps = maxOpsFor(maxTxnOps);
    },
  };
}

/** Asked for with every operation, so computed only when the server's limit is another. */
function maxOpsFor(maxTxnOps: number): number {
  return Math.min(maxOpsPerTxn, Math.floor(treeCapacity(maxTxnOps, spareOps) / 2));
}

async function learnTxnOps(client: EtcdClient, key: string, signal: AbortSignal): Promise<number> {
  if (await takes(client, key, defaultTxnOps, signal)) {
    let found = defaultTxnOps;
    for (const larger of largerTxnOps) {
      if (!(await takes(client, key, larger, signal))) break;
      found = larger;
    }
    return found;
  }
  for (let smaller = defaultTxnOps / 2; smaller > spareOps; smaller /= 2) {
    if (await takes(client, key, smaller, signal)) return smaller;
  }
  throw new WatcherError('internal', {
    message: 'etcd takes no transaction of more than a few operations',
    remedy: 'Raise --max-txn-ops of etcd, for example to its default of 128.',
  });
}

/** etcd refuses too many operations before it looks at them, and writes nothing. */
async function takes(
  client: EtcdClient,
  key: string,
  operations: number,
  signal: AbortSignal,
): Promise<boolean> {
  const range = { kind: 'range', key, serializable: true, countOnly: true } as const;
  try {
    await client.txn({ compare: [], success: Array(operations).fill(range) }, { signal });
    return true;
  } catch (error) {
    if (reasonOf(error) === 'too_many_operations') return false;
    throw error;
  }
}
