/** XA transactions that were prepared before a place where reading begins. */
import { expect, test } from 'vitest';
import { tableIdOf } from '../../src/drivers/mysql/sql-text.ts';
import { streamBinlog } from '../../src/drivers/mysql/stream.ts';
import type { StreamMessage } from '../../src/replication/change.ts';
import type { ResumePoint } from '../../src/replication/driver.ts';
import { startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { messagesOf } from '../support/messages.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import {
  collect,
  createAccount,
  mysqlOptions,
  openMysqlDriver,
  replicationGrants,
} from '../support/mysql-driver.ts';
import { missing } from '../support/servers.ts';

const signal = new AbortController().signal;
const staged = { async *read() {} };

/** Where the log ends, as a checkpoint. */
async function here(
  database: MysqlTestDatabase,
  options: ReturnType<typeof mysqlOptions>,
): Promise<ResumePoint> {
  await using driver = openMysqlDriver(options);
  const { identity } = await driver.prepare(null, signal);
  const { position } = await driver.probe(null, signal);
  if (position === null) throw new Error(`${database.name} has no log`);
  return { position, identity, partial: null };
}

for (const [title, open] of [
  ['MariaDB', () => startMariadb({ version: '10.11' })],
  ['MySQL', () => startMysql({ version: '9.7' })],
] as const) {
  test.skipIf(title === 'MySQL' && missing('mysql') !== undefined)(
    `${title}: XA COMMIT of what is not known dumps the tables again, and the stream goes on`,
    async () => {
      await using server = await open();
      await using database = await createMysqlDatabase(server);
      await database.query(
        'CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT PRIMARY KEY)',
      );
      await database.query(`XA START 'a'; INSERT INTO t VALUES (1); XA END 'a'; XA PREPARE 'a'`);
      const warnings: object[] = [];
      const logger = {
        debug() {},
        info() {},
        warn: (fields: object) => warnings.push(fields),
        error() {},
      };
      const options = mysqlOptions(database, { logger });
      const from = await here(database, options);
      await database.query(`XA COMMIT 'a'; INSERT INTO u VALUES (2)`);
      await using driver = openMysqlDriver(options, streamBinlog);
      await driver.prepare(from, signal);
      const messages: StreamMessage[] = [];
      for await (const message of messagesOf(driver.stream(from, signal, staged))) {
        messages.push(message);
        if (message.type === 'transaction' && message.changes.length > 0) break;
      }
      const told = messages.find(({ type }) => type === 'catalog');
      if (told?.type !== 'catalog') throw new Error('no table is dumped again');
      const names = ['t', 'u'].map((table) => `${database.name}.${table}`);
      expect(told.events.map((event) => 'table' in event && event.table).sort()).toEqual(names);
      expect(told.events.map(({ kind }) => kind)).toEqual(['redump', 'redump']);
      expect(warnings).toMatchObject([{ xid: "X'61',X'',1" }]);
      const { chunks } = await driver.redump([tableIdOf(database.name, 't')], signal);
      expect([...((await collect({ chunks })).get('t')?.keys() ?? [])]).toEqual(['1']);
    },
  );
}

test.skipIf(missing('mysql') !== undefined)(
  'MySQL, tables that are dumped beside the stream without a lock: it comes to an end, however many XA transactions there are',
  async () => {
    await using server = await startMysql({ version: '9.7' });
    await using database = await createMysqlDatabase(server);
    await database.query(
      'CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT PRIMARY KEY)',
    );
    const account = await createAccount(database, 'x', [
      `SELECT ON ${database.name}.*`,
      'XA_RECOVER_ADMIN ON *.*',
      ...replicationGrants,
    ]);
    const options = mysqlOptions(database, account);
    const from = await here(database, options);
    let over = false;
    let number = 0;
    const load = [1, 2, 3, 4].map(async () => {
      const connection = await database.connect();
      while (!over) {
        number += 1;
        const xid = `'${number}'`;
        await connection.query(
          `XA START ${xid}; INSERT INTO t VALUES (${number}); XA END ${xid}; XA PREPARE ${xid}`,
        );
        await connection.query(`XA COMMIT ${xid}`);
      }
    });
    try {
      await using driver = openMysqlDriver(options, streamBinlog);
      await driver.prepare(from, signal);
      for (let round = 0; round < 5; round += 1) {
        const before = number;
        const { chunks, mark } = await driver.redump([tableIdOf(database.name, 't')], signal);
        const keys = (await collect({ chunks })).get('t');
        expect(keys?.size).toBeGreaterThan(before - 5);
        expect(mark.until).toMatchObject({ kind: 'mysql' });
      }
    } finally {
      over = true;
      await Promise.all(load);
    }
  },
);
