/** Looking at what a sync has in etcd without leading it. */
import type { TableRecords } from '../replication/sink.ts';
import { decodeTables } from './checkpoint.ts';
import type { EtcdClient } from './client.ts';
import { countKeys } from './rows.ts';
import { prefixEnd, stateKeys, syncsPrefix } from './state-keys.ts';

export interface RowKeys {
  /** Empty: the sync has never written. @throws WatcherError `etcd_unavailable`, `checkpoint_unreadable`. */
  records(sync: string, signal?: AbortSignal): Promise<TableRecords>;
  /**
   * Prefixes under which other syncs have written, also those that are not configured any more.
   * @throws WatcherError `etcd_unavailable`, `checkpoint_unreadable`.
   */
  othersPrefixes(sync: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The number of keys under a prefix. @throws WatcherError `etcd_unavailable`. */
  count(prefix: string, signal: AbortSignal): Promise<number>;
}

export function createRowKeys(client: EtcdClient, statePrefix: string): RowKeys {
  const records: RowKeys['records'] = async (sync, signal) => {
    const { tables: key } = stateKeys(statePrefix, sync);
    const [stored] = (await client.range({ key }, { signal })).kvs;
    return stored === undefined ? {} : decodeTables(key, stored.value);
  };
  return {
    records,
    async othersPrefixes(sync, signal) {
      const found: string[] = [];
      for await (const other of syncNames(client, syncsPrefix(statePrefix), signal)) {
        if (other === sync) continue;
        const known = Object.values(await records(other, signal));
        found.push(...known.flatMap(({ prefixes }) => prefixes));
      }
      return found;
    },
    count: (prefix, signal) => countKeys(client, prefix, signal),
  };
}

/** From name to name, whatever each of them has there: prepared transactions may be many. */
async function* syncNames(
  client: EtcdClient,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const end = prefixEnd(prefix);
  for (let key = prefix; ; ) {
    const { kvs } = await client.range({ key, end, limit: 1, keysOnly: true }, { signal });
    const [first] = kvs;
    if (first === undefined) return;
    const [name = ''] = first.key.slice(prefix.length).split('/', 1);
    yield name;
    key = prefixEnd(`${prefix}${name}/`);
  }
}
