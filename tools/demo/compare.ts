/** Whether etcd and the database agree: every row of every table against its key, by PostgreSQL's own JSON. */

import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';

export interface Difference {
  readonly key: string;
  readonly what: 'missing in etcd' | 'not in the database' | 'differs';
}

interface Table {
  readonly name: string;
  readonly key: readonly string[];
}

const tablesSql = `
SELECT c.relname AS name, array_agg(a.attname ORDER BY k.ord)::text[] AS key
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, ord) ON true
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
GROUP BY c.relname`;

/** @param keys All keys under the sync's prefix, with their values. */
export async function compare(
  client: pg.Client,
  prefix: string,
  keys: ReadonlyMap<string, string>,
): Promise<Difference[]> {
  const unseen = new Set(keys.keys());
  const differences: Difference[] = [];
  const { rows: tables } = await client.query<Table>(tablesSql);
  for (const table of tables) {
    const parts = table.key.map((column) => `t.${column}`).join(" || '/' || ");
    const { rows } = await client.query<{ key: string; value: unknown }>(
      `SELECT (${parts})::text AS key, row_to_json(t) AS value FROM ${table.name} t`,
    );
    for (const row of rows) {
      const key = `${prefix}public/${table.name}/${row.key}`;
      const value = keys.get(key);
      unseen.delete(key);
      if (value === undefined) differences.push({ key, what: 'missing in etcd' });
      else if (!isDeepStrictEqual(JSON.parse(value), row.value)) {
        differences.push({ key, what: 'differs' });
      }
    }
  }
  for (const key of unseen) differences.push({ key, what: 'not in the database' });
  return differences;
}
