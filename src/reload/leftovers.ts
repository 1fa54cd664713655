/** What stays on the source and in etcd of a sync that is no longer configured, or not in that way. */

import { isDeepStrictEqual } from 'node:util';
import type { SyncConfig } from '../config/config.ts';
import type { Leftover } from '../config/control.ts';
import type { ChangedSync } from '../config/diff.ts';
import { dropStatements, sourceObjects } from '../drivers/drop-statements.ts';
import type { TableRecords } from '../replication/sink.ts';

/**
 * @param records Null: etcd could not be asked.
 * @param state Prefix of Watcher's own keys of the sync.
 */
export function removedLeftover(
  sync: SyncConfig,
  records: TableRecords | null,
  state: string,
): Leftover {
  const objects = sourceObjects(sync);
  const sql = dropStatements(objects);
  const keys =
    records === null
      ? null
      : [...new Set(Object.values(records).flatMap(({ prefixes }) => prefixes))].sort();
  const source = sql.length === 0 ? '' : `Its slot goes on retaining log. Run sql ${place(sync)}. `;
  return {
    name: sync.name,
    keys,
    state,
    ...objects,
    sql,
    etcdctl: [...(keys ?? []), state].map(deleteCommand),
    remedy: `${source}Run etcdctl to remove its keys and its state. Or put the sync back into the file, reload, stop it, and DELETE /v1/syncs/${sync.name} drops what it is told to; a sync that is not in the file is unknown to it.`,
  };
}

/**
 * What a changed sync does not use any more on the server that it had; null: nothing. Another host may be another
 * name of the same server, where the slot is in use: nothing is said of that.
 */
export function replacedLeftover({ before, after }: ChangedSync): Leftover | null {
  const old = sourceObjects(before);
  const now = sourceObjects(after);
  const stays =
    isDeepStrictEqual(before.database.names, after.database.names) &&
    before.driver === after.driver;
  const unused = {
    slot: stays && old.slot === now.slot ? null : old.slot,
    publication: stays && usesPublication(after, old.publication) ? null : old.publication,
  };
  const sql = dropStatements(unused);
  if (sql.length === 0) return null;
  const retains = unused.slot === null ? '' : ', and the slot goes on retaining log';
  return {
    name: before.name,
    keys: [],
    state: null,
    ...unused,
    sql,
    etcdctl: [],
    remedy: `The sync does not use them any more${retains}. Run sql ${place(before)}.`,
  };
}

/** Also one that it does not manage any more. */
function usesPublication({ postgres }: SyncConfig, publication: string | null): boolean {
  return postgres.publication === publication;
}

function place({ database }: SyncConfig): string {
  return `in the database ${database.names.join(', ')} of ${database.host}:${database.port}`;
}

function deleteCommand(prefix: string): string {
  return `etcdctl del --prefix '${prefix.replaceAll("'", `'\\''`)}'`;
}
