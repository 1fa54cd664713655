/** Dumps under writers: what was read is exactly what the log, by mysqlbinlog, makes of the table at the position. */
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import type { StreamBinlog } from '../../src/drivers/mysql/log-access.ts';
import type { Position } from '../../src/replication/position.ts';
import { readLog, stateAt } from '../support/binlog-oracle.ts';
import { fileLog } from '../support/file-log.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import {
  collect,
  createAccount,
  mysqlOptions,
  openMysqlDriver,
  replicationGrants,
} from '../support/mysql-driver.ts';
import { describeMysql, external } from '../support/servers.ts';

const signal = new AbortController().signal;
const rounds = 12;

/** Writers that never stop, each on rows of its own, until the work is done. */
async function underWriters<T>(database: MysqlTestDatabase, work: () => Promise<T>): Promise<T> {
  let writing = true;
  const writer = async (number: number) => {
    const connection = await database.connect();
    for (let n = 1; writing; n += 1) {
      const id = n * 10 + number;
      if (n % 3 === 0) await connection.query('BEGIN');
      await connection.query(`INSERT INTO w VALUES (${id}, ${n}, 'new')`);
      await connection.query(
        `UPDATE w SET n = n + 1, word = 'old' WHERE id = ${(n >> 1) * 10 + number}`,
      );
      await connection.query('COMMIT');
      if (n % 5 === 0) await connection.query(`DELETE FROM w WHERE id = ${(n - 4) * 10 + number}`);
      if (n % 7 === 0) await connection.query(`UPDATE w SET id = -id WHERE id = ${id}`);
    }
  };
  const writers = [1, 2, 3, 4].map(writer);
  try {
    return await work();
  } finally {
    writing = false;
    await Promise.all(writers);
  }
}

/** Of each dump: where it stands, and the table. */
async function dumpAgainAndAgain(
  options: MysqlDriverOptions,
  log?: StreamBinlog,
): Promise<{ readonly position: Position; readonly rows: ReadonlyMap<string, string> }[]> {
  const dumps = [];
  for (let round = 0; round < rounds; round += 1) {
    await using driver = openMysqlDriver(options, log);
    await driver.prepare(null, signal);
    const dump = await driver.dump(signal);
    const tables = await collect(dump);
    dumps.push({ position: dump.position, rows: tables.get('w') ?? new Map() });
  }
  return dumps;
}

describe.skipIf(external().mysql || external().mariadb)('dump under writers', () => {
  describeMysql(['mysql', 'mariadb'], (server, flavour) => {
    type Case = readonly [title: string, grants: readonly string[], Partial<MysqlDriverOptions>];
    const withoutLock: Case = [
      'SELECT alone',
      ['SELECT ON DB.*', ...replicationGrants],
      { parallel: 2 },
    ];
    const cases: readonly Case[] = [
      ['all privileges', ['ALL ON *.*'], { parallel: 3 }],
      ['LOCK TABLES alone', ['SELECT, LOCK TABLES ON DB.*', ...replicationGrants], { parallel: 2 }],
      [
        'mysqldump',
        ['SELECT ON DB.*', 'RELOAD, PROCESS ON *.*', ...replicationGrants],
        {
          dumpMethod: 'mysqldump',
        },
      ],
      withoutLock,
    ];
    test.each(cases)('loses and repeats nothing: %s', async (_title, grants, changes) => {
      await using database = await createMysqlDatabase(server());
      await database.query(
        'CREATE TABLE w (id INT PRIMARY KEY, n INT NOT NULL, word VARCHAR(9) NOT NULL)',
      );
      const wanted = grants.map((grant) => grant.replace('DB', database.name));
      const account = await createAccount(database, 'd', wanted);
      const path = dirname(server().programs?.dump ?? '');
      const statement =
        server().flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
      const [start] = await database.query(statement);
      const options = mysqlOptions(database, { ...account, path: `${path}:/bin`, ...changes });
      let caughtUp = 0;
      const inBetween = fileLog(server(), (changes) => {
        caughtUp += changes;
      });
      const dumps = await underWriters(database, () => dumpAgainAndAgain(options, inBetween));
      const log = await readLog(server(), `${database.name}.w`, {
        file: start?.File,
        offset: start?.Position,
      });
      for (const { position, rows } of dumps) {
        if (position.kind !== 'mysql') throw new Error('a position of another kind');
        const expected = stateAt(log, position);
        const found = new Map(
          [...rows].map(([key, json]) => {
            const { id, n, word } = JSON.parse(json);
            return [key, `${id}|${n}|'${word}'`];
          }),
        );
        expect(found).toEqual(expected);
      }
      expect(dumps.at(-1)?.rows.size).toBeGreaterThan(10);
      // Only this method reads the log, and in twelve dumps there was something in it.
      const readsLog = grants === withoutLock[1] && flavour === 'mysql';
      expect(caughtUp > 0).toBe(readsLog);
    });
  });
});
