/** Whether etcd and the table agree at the end: every row, in the order of its key, by PostgreSQL's own JSON. */

import { isDeepStrictEqual } from 'node:util';
import { listKeys } from '../../src/etcd/rows.ts';
import type { Database, Etcd } from './lab.ts';
import { tableName } from './rows.ts';
import { keyPrefix } from './sink-alone.ts';

const pageRows = 10_000;

interface Row {
  readonly key: string;
  readonly value: string;
}

async function* sourceRows({ client }: Database): AsyncGenerator<Row> {
  await client.query('BEGIN');
  await client.query(
    `DECLARE rows NO SCROLL CURSOR FOR SELECT id::text AS key, row_to_json(t)::text AS value
     FROM ${tableName} t ORDER BY id::text COLLATE "C"`,
  );
  try {
    for (;;) {
      const { rows } = await client.query<Row>(`FETCH ${pageRows} FROM rows`);
      if (rows.length === 0) return;
      yield* rows;
    }
  } finally {
    await client.query('ROLLBACK');
  }
}

async function* storedRows({ client }: Etcd): AsyncGenerator<Row> {
  const never = new AbortController().signal;
  for await (const page of listKeys(client, keyPrefix, never)) {
    for (const { key, value } of page) yield { key: key.slice(keyPrefix.length), value };
  }
}

/** The first difference, in words; null: none. */
export async function firstDifference(database: Database, etcd: Etcd): Promise<string | null> {
  const stored = storedRows(etcd);
  let count = 0;
  for await (const row of sourceRows(database)) {
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
