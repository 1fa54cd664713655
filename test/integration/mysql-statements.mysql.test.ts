/** DELETE FROM t as a statement: of the server itself, and of a session. It stops every sync that reads it. */
import { describe, expect, test } from 'vitest';
import { startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { startMysqlSync } from '../support/mysql-sync.ts';
import { missing } from '../support/servers.ts';

const setup = `
CREATE TABLE item (id INT PRIMARY KEY, v INT); INSERT INTO item VALUES (1, 1), (2, 2);
CREATE TABLE audit (id INT PRIMARY KEY);
CREATE TRIGGER t AFTER DELETE ON item FOR EACH ROW INSERT INTO audit VALUES (OLD.id);
CREATE VIEW v AS SELECT * FROM item;
CREATE TABLE mem (id INT PRIMARY KEY) ENGINE = MEMORY; INSERT INTO mem VALUES (1);
`;

const starts = {
  mysql56: () => startMysql({ version: '5.6' }),
  mariadb: () => startMariadb({ version: '10.11' }),
};

describe.each(['mysql56', 'mariadb'] as const)('%s', (name) => {
  test.skipIf(missing(name) !== undefined)('a DELETE of all rows', async () => {
    await using server = await starts[name]();
    await using sync = await startMysqlSync({ server, setup });
    await sync.agrees('item');
    // At once, not after all who read its log.
    await server.kill();
    await server.start();
    const session = await sync.database.connect();
    // The server finds it empty, and says so in the log.
    await session.query('SELECT * FROM mem');
    await session.query('UPDATE item SET v = 3 WHERE id = 1');
    const values = async () => [...(await sync.keys('item')).values()];
    await expect.poll(values, { timeout: 30_000 }).toContain('{"id":1,"v":3}');
    await session.query('SET SESSION binlog_format = STATEMENT');
    // Of a view, whose table has a trigger: it must not be taken for a TRUNCATE of either.
    await session.query('DELETE FROM v');
    const { last_error } = await sync.until('it fails', ({ state }) => state === 'failed');
    expect(last_error).toMatchObject({
      code: 'unsupported_event',
      message: expect.stringContaining(`a DELETE in the database ${sync.database.name}`),
    });
    expect(await values()).toContain('{"id":1,"v":3}');
  });
});
