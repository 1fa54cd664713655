/** Which keys of etcd are whose: those of each sync, and Watcher's own. */
import type { Config, SyncConfig } from './config.ts';
import { type KeyShape, keyShapes, mayMeet, prefixShape, startShape } from './overlap.ts';

/** The keys that the sync may write. Its template and its globs are valid ones. */
export function syncShapes({ name, keys, database, tables }: SyncConfig): readonly KeyShape[] {
  const { template } = keys;
  const { include } = tables;
  return keyShapes({ template, sync: name, database: database.names[0] ?? '', include });
}

/**
 * Whether keys that begin with `prefix` could be those of another sync, or Watcher's own: then nobody may count, delete
 * or name all that is under it as if it were his.
 * @param sync Whose keys do not count; it need not be in the configuration any more.
 */
export function isShared(
  prefix: string,
  sync: string,
  { syncs, etcd }: Pick<Config, 'syncs' | 'etcd'>,
): boolean {
  const others = syncs.filter(({ name }) => name !== sync).flatMap(syncShapes);
  return mayMeet([startShape(prefix)], [prefixShape(etcd.statePrefix), ...others]);
}
