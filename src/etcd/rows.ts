/** Reading rows back from etcd: by key, by prefix, and their number. */
import { WatcherError } from '../errors.ts';
import type { ListedKey } from '../replication/sink.ts';
import type { EtcdClient } from './client.ts';
import { reasonOf } from './errors.ts';
import type { RangeResponse } from './responses.ts';
import { keyAfter, prefixEnd } from './state-keys.ts';

/** A page costs etcd about the same whatever its size, because it counts all that follows: so few large ones. */
const maxPageKeys = 10_000;
/** The first one tells how large the values are. */
const firstPageKeys = 200;
const pageBytes = 16 * 1024 * 1024;
const maxReadKeys = 128;
/** A page may be long on the way. */
const readTimeoutMs = 30_000;

/** Values of keys, linearizable for each chunk; missing keys are absent. */
export async function readKeys(
  client: EtcdClient,
  keys: readonly string[],
  maxTxnOps: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  const chunkKeys = Math.min(maxTxnOps, maxReadKeys);
  for (let start = 0; start < keys.length; start += chunkKeys) {
    const success = keys
      .slice(start, start + chunkKeys)
      .map((key) => ({ kind: 'range', key }) as const);
    const call = { signal, timeoutMs: readTimeoutMs };
    const { ranges } = await client.txn({ compare: [], success }, call);
    for (const { kvs } of ranges) {
      for (const { key, value } of kvs) values.set(key, value);
    }
  }
  return values;
}

/**
 * Keys under a prefix in the order of their bytes, in pages, all of one revision. A page has about 16 MiB.
 * @throws WatcherError `etcd_unavailable` also when that revision is compacted meanwhile.
 */
export async function* listKeys(
  client: EtcdClient,
  prefix: string,
  signal: AbortSignal,
): AsyncIterable<readonly ListedKey[]> {
  const end = prefixEnd(prefix);
  let key = prefix;
  let revision = 0n;
  let limit = firstPageKeys;
  for (;;) {
    const request = { key, end, limit, revision };
    const page = await client.range(request, { signal, timeoutMs: readTimeoutMs }).catch(compacted);
    if (revision === 0n) revision = page.revision;
    const last = page.kvs.at(-1);
    if (last === undefined) return;
    yield page.kvs;
    if (!page.more) return;
    key = keyAfter(last.key);
    limit = nextLimit(page);
  }
}

/** The number of keys under a prefix; linearizable. */
export async function countKeys(
  client: EtcdClient,
  prefix: string,
  signal: AbortSignal,
): Promise<number> {
  const request = { key: prefix, end: prefixEnd(prefix), countOnly: true };
  const { count } = await client.range(request, { signal, timeoutMs: readTimeoutMs });
  return count;
}

function nextLimit({ bytes, kvs }: RangeResponse): number {
  const keyBytes = Math.max(1, bytes / kvs.length);
  return Math.max(1, Math.min(maxPageKeys, Math.floor(pageBytes / keyBytes)));
}

function compacted(error: unknown): never {
  if (reasonOf(error) !== 'compacted') throw error;
  throw new WatcherError('etcd_unavailable', {
    message: 'etcd compacted the revision at which the keys of a table were being listed',
    remedy: 'None needed: the listing begins again. Compact less often if this repeats.',
    cause: error,
  });
}
