/**
 * What stays on the source and in etcd of a sync that is no longer configured, or not in that way. What a sync of the
 * new configuration uses is no leftover: a sync that was renamed in the file, or two that swapped their slots.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Config, SyncConfig } from '../config/config.ts';
import type { Leftover } from '../config/control.ts';
import { serverOf } from '../config/cross-checks.ts';
import type { ChangedSync } from '../config/diff.ts';
import { isShared } from '../config/key-spaces.ts';
import { dropStatements, type SourceObjects, sourceObjects } from '../drivers/drop-statements.ts';
import type { TableRecords } from '../replication/sink.ts';

/**
 * @param records Null: etcd could not be asked.
 * @param state Prefix of Watcher's own keys of the sync.
 */
export function removedLeftover(
  sync: SyncConfig,
  records: TableRecords | null,
  state: string,
  next: Config,
): Leftover {
  const had = sourceObjects(sync);
  const objects = unusedOf(had, sync, next);
  const sql = dropStatements(objects);
  const prefixes = records === null ? null : prefixesOf(records);
  const keys = prefixes?.filter((prefix) => !isShared(prefix, sync.name, next)) ?? null;
  const retains = objects.slot === null ? '' : 'Its slot goes on retaining log. ';
  const source = sql.length === 0 ? '' : `${retains}Run sql ${place(sync)}. `;
  const isWhole = isDeepStrictEqual([had, prefixes], [objects, keys]);
  const further = isWhole
    ? `Or put the sync back into the file, reload, stop it, and DELETE /v1/syncs/${sync.name} drops what it is told to; a sync that is not in the file is unknown to it.`
    : 'What another sync of the file uses by now is not named here, and must stay.';
  return {
    name: sync.name,
    keys,
    state,
    ...objects,
    sql,
    etcdctl: [...(keys ?? []), state].map(deleteCommand),
    remedy: `${source}Run etcdctl to remove ${keys?.length === 0 ? '' : 'its keys and '}its state. ${further}`,
  };
}

/**
 * What a changed sync does not use any more on the server that it had; null: nothing. Another host may be another
 * name of the same server, where the slot is in use: nothing is said of that.
 */
export function replacedLeftover({ before, after }: ChangedSync, next: Config): Leftover | null {
  const old = sourceObjects(before);
  const now = sourceObjects(after);
  const stays =
    isDeepStrictEqual(before.database.names, after.database.names) &&
    before.driver === after.driver;
  const given = {
    slot: stays && old.slot === now.slot ? null : old.slot,
    publication: stays && usesPublication(after, old.publication) ? null : old.publication,
  };
  const unused = unusedOf(given, before, next);
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

/** Without those that a sync of the new configuration uses. A slot is of one database as well. */
function unusedOf(
  { slot, publication }: SourceObjects,
  sync: SyncConfig,
  { syncs }: Config,
): SourceObjects {
  const users = syncs.filter(
    (other) =>
      other.driver === 'pgx' &&
      serverOf(other) === serverOf(sync) &&
      isDeepStrictEqual(other.database.names, sync.database.names),
  );
  return {
    slot: users.some(({ postgres }) => postgres.slot === slot) ? null : slot,
    publication: users.some((other) => usesPublication(other, publication)) ? null : publication,
  };
}

function prefixesOf(records: TableRecords): readonly string[] {
  return [...new Set(Object.values(records).flatMap(({ prefixes }) => prefixes))].sort();
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
