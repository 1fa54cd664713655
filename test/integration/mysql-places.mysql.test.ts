/** Where reading begins: within a transaction, and behind any of several servers' and tags' GTIDs. */
import { randomInt, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { LogEvent } from '../../src/drivers/mysql/log-event.ts';
import { comparePlaces, type LogPlace } from '../../src/drivers/mysql/log-place.ts';
import { mysqlPosition } from '../../src/drivers/mysql/snapshot-mark.ts';
import { WatcherError } from '../../src/errors.ts';
import type { Change, StreamMessage, TransactionPart } from '../../src/replication/change.ts';
import { logEnd, readEvents, readerOptions } from '../support/binlog-reader.ts';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import { changeLines, streamed } from '../support/mysql-oracle-stream.ts';
import { describeMysql } from '../support/servers.ts';

const readerId = 3_930_000_001;

describeMysql(['mysql', 'mariadb', 'mysql56'], (server) => {
  test('a position within a transaction, at and between its events: an error, or the right rows', async () => {
    await using database = await createMysqlDatabase(server());
    const { query } = database;
    const options = await readerOptions(server(), readerId);
    await query(
      'CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)); CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MyISAM',
    );
    const begin = { ...(await logEnd(options)), gtid: null };
    await query(
      `BEGIN; INSERT INTO t VALUES (1, 'a'), (2, 'b'); SAVEPOINT s; UPDATE t SET v = 'c' WHERE id = 1; DELETE FROM t WHERE id = 2; COMMIT`,
    );
    await query(`INSERT INTO m VALUES (1)`);
    await query(`INSERT INTO t VALUES (3, 'd')`);
    const end = await logEnd(options);
    const all = changeLines(await streamed(database, begin, end));
    expect(all).toHaveLength(6);
    const events = await readEvents(options, begin, end);
    const lastMap = events.findLast(
      ({ event }) => event.type === 'table_map' && event.schema === database.name,
    );
    const between = new Set<string>();
    // Others write into the same log.
    for (const { file, start, end: next } of events.slice(0, 60)) {
      for (const offset of [start, Math.floor((start + next) / 2)]) {
        const from = { ...begin, file, offset };
        const outcome = await streamed(database, from, end).then(changeLines, codeOf);
        if (typeof outcome !== 'string') {
          // Whole transactions: of four changes, of one and of one; and none behind the last of them.
          const isBehind = lastMap !== undefined && comparePlaces(from, toPlace(lastMap)) > 0;
          expect(isBehind ? [0] : [6, 2, 1]).toContain(outcome.length);
          expect(outcome).toEqual(all.slice(all.length - outcome.length));
        } else if (offset === start) between.add(outcome);
        else expect(insideEvent).toContain(outcome);
      }
    }
    expect([...between]).toEqual(['source_replaced']);
  });
});

/** By what the server takes the bytes there for. */
const insideEvent = ['source_replaced', 'binlog_setting', 'binlog_incident', 'unsupported_event'];

/** New ones in each run: what has a GTID that the server knows is not executed. */
const [one, two] = [randomUUID(), randomUUID()];
const domain = randomInt(1_000, 4_000_000_000);
const untagged = [`${one}:1`, `${two}:5`, `${one}:3`, 'AUTOMATIC', `${two}:4`, `${one}:2`];
const tagged = [`${one}:orders:1`, `${two}:orders:7`, 'AUTOMATIC:orders', 'AUTOMATIC:stock'];
const next = (gtid: string) => `SET gtid_next = '${gtid}'`;

/** What sets where the next transaction is from: numbers go up and down, and some are left out. */
const sources = {
  mysql: [
    ...untagged,
    ...tagged,
    ...untagged.map((gtid) => gtid.replace(/\d+$/, '9')),
    `${two}:orders:6`,
  ]
    .filter((gtid, index, all) => gtid === 'AUTOMATIC' || all.indexOf(gtid) === index)
    .map(next),
  mysql56: untagged.map(next),
  mariadb: [
    ...['1, server_id = 71', '2, server_id = 72', '0, server_id = 71', '2, server_id = 71'],
    ...['1, server_id = 73, gtid_seq_no = 500', '2, server_id = 73', '1, server_id = 71'],
  ].map((source) => `SET gtid_domain_id = ${domain} + ${source}`),
};

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, flavour) => {
  test('GTIDs of several servers, domains and tags: reading goes on behind each of them', async () => {
    await using database = await createMysqlDatabase(server());
    const { query } = database;
    const options = await readerOptions(server(), readerId);
    await query('CREATE TABLE t (id INT PRIMARY KEY)');
    const begin = await logEnd(options);
    for (const [id, source] of sources[flavour].entries()) {
      await query(`${source}; BEGIN; INSERT INTO t VALUES (${id}); COMMIT`);
      if (id % 4 === 3) await query(`${automatic[flavour]}; FLUSH BINARY LOGS`);
    }
    await query(automatic[flavour]);
    const end = await logEnd(options);
    const all = (await streamed(database, begin, end)).filter(isTransaction);
    const ids = all.map(({ changes }) => changes.map((change) => idOf(change)));
    expect(ids).toEqual(sources[flavour].map((_, id) => [`${id}`]));
    expect(new Set(all.map(({ xid }) => xid)).size).toBe(all.length);
    for (const [index, { position }] of all.slice(0, -1).entries()) {
      const rest = (await streamed(database, mysqlPosition(position), end)).filter(isTransaction);
      expect(rest.map(({ xid }) => xid)).toEqual(all.slice(index + 1).map(({ xid }) => xid));
      expect(rest.at(-1)?.position).toEqual(all.at(-1)?.position);
    }
  });
});

const automatic = {
  mysql: `SET gtid_next = 'AUTOMATIC'`,
  mysql56: `SET gtid_next = 'AUTOMATIC'`,
  mariadb: 'SET gtid_domain_id = DEFAULT, server_id = DEFAULT',
};

function isTransaction(message: StreamMessage): message is TransactionPart {
  return message.type === 'transaction';
}

function idOf(change: Change): string {
  return change.op === 'insert' ? (change.row[0] ?? '') : change.op;
}

function toPlace({ file, start }: LogEvent): LogPlace {
  return { file, offset: start };
}

function codeOf(error: unknown): string {
  if (error instanceof WatcherError) return error.code;
  throw error;
}
