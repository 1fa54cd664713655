/** The table of the benchmark on PostgreSQL, and how its rows come into the log. */

import type pg from 'pg';
import { markers, tableName } from './database.ts';

/** The values of row `i`: about 170 bytes as COPY has them, and 235 as JSON. */
const values = `
  i, (i % 9973)::integer, (ARRAY['new', 'paid', 'shipped', 'closed'])[abs(i) % 4 + 1],
  (i % 1000000) / 100.0, timestamptz '2024-01-01 00:00:00+00' + i * interval '1 second',
  repeat(md5(i::text), 4)`;

const schema = `
CREATE TABLE ${tableName} (
  id bigint PRIMARY KEY,
  customer integer NOT NULL,
  state text NOT NULL,
  total numeric(12,2) NOT NULL,
  placed_at timestamptz NOT NULL,
  note text NOT NULL
);
CREATE PROCEDURE fill(total bigint, per bigint) LANGUAGE plpgsql AS $$
BEGIN
  FOR at IN 0 .. total / per - 1 LOOP
    INSERT INTO ${tableName} SELECT ${values} FROM generate_series(at * per + 1, at * per + per) AS i;
    COMMIT;
  END LOOP;
END $$;
`;

export async function createTable(client: pg.Client): Promise<void> {
  await client.query(schema);
}

/**
 * Commits `total` rows in transactions of `per`, then the markers.
 * @returns where the log stands after the first marker, and before the second.
 */
export async function writeLog(client: pg.Client, total: number, per: number): Promise<string> {
  // Waiting for the disk a million times says nothing about reading the log later; the markers wait for it.
  await client.query('SET synchronous_commit = off');
  await client.query('CALL fill($1, $2)', [total, per]);
  await client.query('SET synchronous_commit = on');
  await insertRow(client, markers.last);
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
  await insertRow(client, markers.beyond);
  await client.query('CHECKPOINT');
  return rows[0]?.lsn ?? '';
}

/** The row `id` in a statement: outside of a transaction, one of its own. */
export async function insertRow(client: pg.Client, id: number): Promise<void> {
  await client.query(
    `INSERT INTO ${tableName} SELECT ${values} FROM (SELECT $1::bigint AS i) AS one`,
    [id],
  );
}
