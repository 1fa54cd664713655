/** Transactions of all kinds at random, over two tables of plain types, `p` and `q`. */
import type { MysqlTestDatabase } from './mysql-database.ts';
import { oracleColumns } from './mysql-oracle-columns.ts';
import type { Random } from './random.ts';

const names = oracleColumns.map(({ name }) => name);
const maxId = 400;

export const workloadTables = ['p', 'q']
  .map(
    (table) =>
      `CREATE TABLE ${table} (id INT PRIMARY KEY, ${oracleColumns.map(({ name, type }) => `${name} ${type}`).join(', ')});`,
  )
  .join('');

/** The key of the last row of `p`, which says that nothing follows. */
export const lastId = 999_999;

/** @returns how many statements there were. One statement may change several rows, and one may change none. */
export async function runWorkload(
  { query }: Pick<MysqlTestDatabase, 'query'>,
  random: Random,
  transactions: number,
): Promise<void> {
  await query(`SET sql_mode = ''`);
  for (let count = 0; count < transactions; count += 1) await query(transaction(random));
  await query(`INSERT INTO p (id) VALUES (${lastId})`);
}

function transaction(random: Random): string {
  const size = random.chance(0.1) ? 12 : 1 + random.below(4);
  const statements: string[] = ['START TRANSACTION'];
  let savepoint = false;
  for (let at = 0; at < size; at += 1) {
    if (random.chance(0.08)) {
      statements.push(savepoint && random.chance(0.5) ? 'ROLLBACK TO s' : 'SAVEPOINT s');
      savepoint = true;
    }
    statements.push(statement(random));
  }
  statements.push(random.chance(0.05) ? 'ROLLBACK' : 'COMMIT');
  return statements.join('; ');
}

function statement(random: Random): string {
  const table = random.chance(0.8) ? 'p' : 'q';
  const dice = random.next();
  const low = random.below(maxId);
  const range = `id BETWEEN ${low} AND ${low + random.below(12)}`;
  if (dice < 0.5) {
    const rows = Array.from({ length: 1 + random.below(6) }, () => row(random));
    const verb = random.chance(0.2) ? 'REPLACE INTO' : 'INSERT IGNORE INTO';
    return `${verb} ${table} (id, ${names.join(', ')}) VALUES ${rows.join(', ')}`;
  }
  if (dice < 0.75) {
    const sets = Array.from({ length: 1 + random.below(4) }, () => random.pick(oracleColumns));
    const list = [...new Set(sets)].map((column) => `${column.name} = ${value(random, column)}`);
    return `UPDATE ${table} SET ${list.join(', ')} WHERE ${range}`;
  }
  // Of several rows, in an order in which none meets another.
  if (dice < 0.85)
    return `UPDATE ${table} SET id = id + ${maxId} WHERE id < 1e5 AND id % 50 = ${low % 50} ORDER BY id DESC`;
  if (dice < 0.95) return `DELETE FROM ${table} WHERE ${range} ORDER BY id`;
  return `DELETE FROM ${table} WHERE id BETWEEN ${2 * maxId} AND 100000 ORDER BY id`;
}

function row(random: Random): string {
  const values = oracleColumns.map((column) => value(random, column));
  return `(${random.below(maxId)}, ${values.join(', ')})`;
}

function value(random: Random, column: (typeof oracleColumns)[number]): string {
  return random.chance(0.1) ? 'NULL' : column.literal(random);
}
