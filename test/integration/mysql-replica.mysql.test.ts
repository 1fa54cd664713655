/** Servers that apply the changes of others, and do not log them: their log looks like that of an idle server. */
import { expect, test } from 'vitest';
import { startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { createAccount, mysqlOptions, openMysqlDriver } from '../support/mysql-driver.ts';
import { missing } from '../support/servers.ts';

const signal = new AbortController().signal;

async function findings(
  database: MysqlTestDatabase,
  name: string,
  account: { user: string; password: string } | object = {},
): Promise<string[]> {
  await using driver = openMysqlDriver(mysqlOptions(database, account));
  const found = await driver.check(signal);
  return found.filter(({ subject }) => subject === name).map(({ level }) => level);
}

async function withTable(database: MysqlTestDatabase): Promise<void> {
  await database.query('CREATE TABLE t (id INT PRIMARY KEY)');
}

test('MariaDB, where log_slave_updates is OFF by default', async () => {
  await using server = await startMariadb({ version: '10.11', settings: {} });
  await using database = await createMysqlDatabase(server);
  await withTable(database);
  const account = await createAccount(database, 'r', [
    `SELECT ON ${database.name}.*`,
    'BINLOG MONITOR, REPLICATION SLAVE ON *.*',
  ]);
  const name = 'log_slave_updates';
  expect(await findings(database, name)).toEqual([]);
  expect(await findings(database, name, account)).toEqual([]);
  // Nobody answers there: it is a replica all the same.
  await database.query(
    "CHANGE MASTER TO master_host='127.0.0.1', master_port=1, master_user='x', master_password='x'",
  );
  expect(await findings(database, name)).toEqual(['failure']);
  await using driver = openMysqlDriver(mysqlOptions(database));
  await expect(driver.prepare(null, signal)).rejects.toMatchObject({ code: 'binlog_setting' });
  // Without SLAVE MONITOR only what runs, and what it has left, is seen.
  await database.query('START SLAVE');
  expect(await findings(database, name, account)).toEqual(['failure']);
  await database.query('STOP SLAVE');
  await database.query("SET GLOBAL gtid_slave_pos = '7-1-1'");
  expect(await findings(database, name, account)).toEqual(['warning']);
  await database.query('RESET SLAVE ALL');
  expect(await findings(database, name)).toEqual([]);
});

test.skipIf(missing('mysql') !== undefined)('MySQL with log_replica_updates = OFF', async () => {
  await using server = await startMysql({
    version: '9.7',
    settings: { log_replica_updates: 'OFF' },
  });
  await using database = await createMysqlDatabase(server);
  await withTable(database);
  const name = 'log_replica_updates';
  expect(await findings(database, name)).toEqual([]);
  await database.query(
    "CHANGE REPLICATION SOURCE TO source_host='127.0.0.1', source_port=1, source_user='x', source_password='x'",
  );
  expect(await findings(database, name)).toEqual(['failure']);
});
