/** The table of the benchmark on MySQL and MariaDB, and how its rows come into the log: as rows.ts for PostgreSQL. */

import type { Connection } from 'mysql2/promise';
import { type LogShape, markers, tableName } from './database.ts';

/** The values of row `i`: about 170 bytes as text, and 235 as JSON. */
const values = `
  i, i MOD 9973, ELT(1 + ABS(i) MOD 4, 'new', 'paid', 'shipped', 'closed'),
  (i MOD 1000000) / 100, FROM_UNIXTIME(1704067200 + i), REPEAT(SHA2(i, 256), 2)`;

/** Numbers from 0 up: what MySQL has no generate_series for. */
const numbers = 1000;

const schema = [
  `CREATE TABLE ${tableName} (
    id bigint PRIMARY KEY,
    customer int NOT NULL,
    state varchar(20) NOT NULL,
    total decimal(12,2) NOT NULL,
    placed_at timestamp NOT NULL,
    note text NOT NULL
  )`,
  'CREATE TABLE numbers (n int PRIMARY KEY)',
  `INSERT INTO numbers WITH RECURSIVE up AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM up WHERE n < ${numbers - 1}) SELECT n FROM up`,
  // A transaction of its own: each statement commits.
  `CREATE PROCEDURE fill(total bigint, per bigint)
  BEGIN
    DECLARE done bigint DEFAULT 0;
    WHILE done < total DO
      IF per = 1 THEN
        INSERT INTO ${tableName} SELECT ${values} FROM (SELECT done + 1 AS i) AS one;
      ELSEIF per <= ${numbers} THEN
        INSERT INTO ${tableName} SELECT ${values} FROM (SELECT done + n + 1 AS i FROM numbers WHERE n < per) AS some;
      ELSE
        INSERT INTO ${tableName} SELECT ${values} FROM (
          SELECT done + a.n * ${numbers} + b.n + 1 AS i FROM numbers AS a, numbers AS b WHERE a.n * ${numbers} + b.n < per
        ) AS many;
      END IF;
      SET done = done + per;
    END WHILE;
  END`,
];

export async function createTable(client: Connection): Promise<void> {
  for (const statement of schema) await client.query(statement);
}

/** The most rows that `fill` puts into one transaction. */
export const mostPerTransaction = numbers ** 2;

export async function writeRows(client: Connection, { rows, per }: LogShape): Promise<void> {
  if (per > mostPerTransaction) throw new RangeError(`at most ${mostPerTransaction} rows at once`);
  await client.query('CALL fill(?, ?)', [rows, per]);
  await insertRow(client, markers.last);
  await insertRow(client, markers.beyond);
}

/** The row `id` in a statement: outside of a transaction, one of its own. */
export async function insertRow(client: Connection, id: number): Promise<void> {
  await client.query(
    `INSERT INTO ${tableName} SELECT ${values} FROM (SELECT CAST(? AS SIGNED) AS i) AS one`,
    [id],
  );
}

/** JSON by the server's own text of each value; none of them needs an escape. */
const json = `CONCAT('{"id":', id, ',"customer":', customer, ',"state":"', state, '","total":', total,
  ',"placed_at":"', DATE_FORMAT(placed_at, '%Y-%m-%dT%H:%i:%s+00:00'), '","note":"', note, '"}')`;

export const readRows = `SELECT CAST(id AS CHAR) AS \`key\`, ${json} AS value FROM ${tableName} ORDER BY BINARY CAST(id AS CHAR)`;
