/** A server whose names of tables have no case: statements name tables in any. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MysqlServer, startMariadb } from '../../tools/testenv/mysql.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { missing } from '../support/servers.ts';

const setup = `
CREATE TABLE orders (id INT PRIMARY KEY, v INT); INSERT INTO orders VALUES (1, 1), (2, 2);
CREATE TABLE item (id INT PRIMARY KEY, v INT); INSERT INTO item VALUES (1, 1), (2, 2);
`;

describe.skipIf(missing('mariadb') !== undefined)('lower_case_table_names = 1', () => {
  let server: MysqlServer;
  let sync: MysqlTestSync;
  beforeAll(async () => {
    server = await startMariadb({ version: '10.11', settings: { lower_case_table_names: 1 } });
    const tables = { include: ['*.orders', '*.item', '*.new'] };
    sync = await startMysqlSync({ server, setup, config: { tables } });
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test.each([
    ['ALTER TABLE Orders ADD w INT DEFAULT 7', 'orders'],
    ['UPDATE ORDERS SET v = 3', 'orders'],
    ['TRUNCATE TABLE Orders; INSERT INTO oRDERS VALUES (3, 3, 3)', 'orders'],
    ['CREATE TABLE NEW (id INT PRIMARY KEY); INSERT INTO New VALUES (1)', 'new'],
    ['TRUNCATE TABLE @.ITEM', 'item'],
    [
      'INSERT INTO item VALUES (4, 4); RENAME TABLE Item TO Away; RENAME TABLE AWAY TO ITEM',
      'item',
    ],
  ])('%s', async (sql, table) => {
    await sync.sql(sql.replace('@', sync.database.name.toUpperCase()));
    await sync.agrees(table);
    await sync.caughtUp();
    expect((await sync.status()).last_error).toBeNull();
  });

  test('DROP TABLE Orders', async () => {
    await sync.sql('DROP TABLE Orders');
    await expect.poll(async () => (await sync.keys('orders')).size, { timeout: 30_000 }).toBe(0);
  });
});
