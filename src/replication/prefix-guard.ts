/**
 * Refuses to write between keys of somebody else (SPEC §4), unless they are to be taken over (`keys.adopt`).
 *
 *   1. a first dump         nothing may be under the prefix of the sync; where that is not its alone, under those of
 *                           its tables: keys of another sync that begins alike are in order
 *   2. another template     nothing may be under the new prefix of a table but keys of this sync
 * From then on what is there is Watcher's, and keys that no row stands for are deleted.
 */
import { WatcherError } from '../errors.ts';
import type { PipelineOptions } from './attempt.ts';
import type { StoredState } from './sink.ts';
import type { Tables } from './tables.ts';

export interface PrefixGuardOptions
  extends Pick<
    PipelineOptions,
    'sink' | 'syncPrefix' | 'isShared' | 'adopt' | 'mapping' | 'signal'
  > {
  readonly state: StoredState;
  readonly tables: Tables;
}

/** @throws WatcherError `prefix_not_empty`. */
export async function refuseForeignKeys(options: PrefixGuardOptions): Promise<void> {
  const { sink, signal, adopt } = options;
  if (adopt) return;
  for (const prefix of newPrefixes(options)) {
    const count = await sink.count(prefix, signal);
    if (count === 0) continue;
    throw new WatcherError('prefix_not_empty', {
      message: `There are ${count} other keys under ${prefix}`,
      remedy: `Choose another keys.template, delete those keys (etcdctl del --prefix '${prefix}'), or set keys.adopt: true, which makes the prefix Watcher's: keys that no row stands for are deleted.`,
    });
  }
}

function newPrefixes(options: PrefixGuardOptions): Iterable<string> {
  const { state, tables, syncPrefix, isShared, mapping } = options;
  const { checkpoint } = state;
  const current = tables.currentPrefixes();
  if (checkpoint === null) {
    return hasOwnName(syncPrefix) && !isShared(syncPrefix) ? [syncPrefix] : current;
  }
  if (checkpoint.options.template === mapping.template) return [];
  const known = new Set(Object.values(state.tables).flatMap(({ prefixes }) => prefixes));
  return [...current].filter((prefix) => !known.has(prefix));
}

/** Whether the prefix of a sync has a part that is not empty. */
export function hasOwnName(prefix: string): boolean {
  return prefix.replaceAll('/', '') !== '';
}
