/** Looking at what a sync has in etcd without leading it. */
import type { TableRecords } from '../replication/sink.ts';
import { decodeTables } from './checkpoint.ts';
import type { EtcdClient } from './client.ts';
import { countKeys } from './rows.ts';
import { stateKeys } from './state-keys.ts';

export interface RowKeys {
  /** Empty: the sync has never written. @throws WatcherError `etcd_unavailable`, `checkpoint_unreadable`. */
  records(sync: string, signal?: AbortSignal): Promise<TableRecords>;
  /** The number of keys under a prefix. @throws WatcherError `etcd_unavailable`. */
  count(prefix: string, signal: AbortSignal): Promise<number>;
}

export function createRowKeys(client: EtcdClient, statePrefix: string): RowKeys {
  return {
    async records(sync, signal) {
      const { tables: key } = stateKeys(statePrefix, sync);
      const [stored] = (await client.range({ key }, { signal })).kvs;
      return stored === undefined ? {} : decodeTables(key, stored.value);
    },
    count: (prefix, signal) => countKeys(client, prefix, signal),
  };
}
