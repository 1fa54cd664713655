/** Whether etcd and the table agree at the end: every row, in the order of its key, by the server's own text. */

import { isDeepStrictEqual } from 'node:util';
import { listKeys } from '../../src/etcd/rows.ts';
import type { Database, Row } from './database.ts';
import type { Etcd } from './lab.ts';

async function* storedRows({ client }: Etcd, keyPrefix: string): AsyncGenerator<Row> {
  const never = new AbortController().signal;
  for await (const page of listKeys(client, keyPrefix, never)) {
    for (const { key, value } of page) yield { key: key.slice(keyPrefix.length), value };
  }
}

/** The first difference, in words; null: none. */
export async function firstDifference(database: Database, etcd: Etcd): Promise<string | null> {
  const stored = storedRows(etcd, database.keyPrefix);
  let count = 0;
  for await (const row of database.rows()) {
    const next = await stored.next();
    if (next.done === true) return `row ${row.key} and what follows it are not in etcd`;
    const { key, value } = next.value;
    if (key !== row.key) return `row ${row.key} is expected in etcd, and ${key} is there`;
    if (value !== row.value && !isDeepStrictEqual(JSON.parse(value), JSON.parse(row.value))) {
      return `row ${key} differs`;
    }
    count += 1;
  }
  const extra = await stored.next();
  if (extra.done !== true) return `${extra.value.key} is in etcd, and no row after ${count} others`;
  return null;
}
