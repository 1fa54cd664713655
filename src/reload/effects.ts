/** What a changed configuration does to the tables of a sync that are known from its records in etcd. */

import { isDeepStrictEqual } from 'node:util';
import type { SyncConfig } from '../config/config.ts';
import type { ChangedSync } from '../config/diff.ts';
import { columnMatcher, splitTable, tableMatcher } from '../config/tables.ts';
import type { PrefixOf } from '../replication/key-template.ts';
import type { TableRecords } from '../replication/sink.ts';

export interface TableEffects {
  /** `schema.table`, sorted. */
  readonly removed: readonly string[];
  readonly dumped: readonly string[];
  /** Prefixes under which keys are deleted: all of them, or those that no row stands for any more. */
  readonly clearedPrefixes: readonly string[];
}

/** @param prefixOf Of the new configuration. */
export function tableEffects(
  { before, after }: ChangedSync,
  records: TableRecords,
  prefixOf: PrefixOf,
): TableEffects {
  const stays = tableMatcher(after.tables);
  const tables = Object.values(records).map((record) => ({
    ...record,
    ...splitTable(record.table),
    name: record.table,
  }));
  const kept = tables.filter(({ schema, table }) => stays(schema, table));
  const removed = tables.filter(({ schema, table }) => !stays(schema, table));
  const current = new Set(kept.map(({ schema, table }) => prefixOf(schema, table)));
  const rewritten = rewrites(before, after);
  const dumped = kept.filter(
    ({ name, prefixes }) => prefixes.some((prefix) => !current.has(prefix)) || rewritten(name),
  );
  const rekeyed = kept.filter(({ name }) => hasOtherKey(before, after, name));
  const old = [...removed, ...dumped].flatMap(({ prefixes }) => prefixes);
  const cleared = [
    ...old.filter((prefix) => !current.has(prefix)),
    ...rekeyed.flatMap(({ prefixes }) => prefixes),
  ];
  return {
    removed: namesOf(removed),
    dumped: namesOf(dumped),
    clearedPrefixes: [...new Set(cleared)],
  };
}

/** Whether the rows of a table are written otherwise, or may be: its types are not known here. */
function rewrites(before: SyncConfig, after: SyncConfig): (table: string) => boolean {
  const everything =
    before.values.numbers !== after.values.numbers ||
    before.driver !== after.driver ||
    !isDeepStrictEqual(before.database.names, after.database.names);
  const oldColumns = new Set(before.columns.exclude);
  const newColumns = new Set(after.columns.exclude);
  const columns = [
    ...before.columns.exclude.filter((glob) => !newColumns.has(glob)),
    ...after.columns.exclude.filter((glob) => !oldColumns.has(glob)),
  ];
  // With any column: the globs of tables alone.
  const touched = columnMatcher(columns.map((glob) => `${glob.slice(0, glob.lastIndexOf('.'))}.*`));
  return (name) => {
    const { schema, table } = splitTable(name);
    return everything || touched(schema, table, '') || hasOtherKey(before, after, name);
  };
}

function hasOtherKey(before: SyncConfig, after: SyncConfig, table: string): boolean {
  return JSON.stringify(before.keys.columns[table]) !== JSON.stringify(after.keys.columns[table]);
}

function namesOf(tables: readonly { readonly name: string }[]): readonly string[] {
  return tables.map(({ name }) => name).sort();
}
