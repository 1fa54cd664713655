/**
 * MariaDB's GTIDs whose numbers are not those of the log's order (gtid_strict_mode is OFF by default), logs that were cut
 * by a crash of the host, and positions that are another server's.
 */
import { readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import { tableIdOf } from '../../src/drivers/mysql/sql-text.ts';
import { streamBinlog } from '../../src/drivers/mysql/stream.ts';
import type { ResumePoint } from '../../src/replication/driver.ts';
import { positionToJson } from '../../src/replication/position.ts';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { messagesOf } from '../support/messages.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { collect, mysqlOptions, openMysqlDriver } from '../support/mysql-driver.ts';
import { logEnd } from '../support/mysql-sync.ts';
import { missing } from '../support/servers.ts';

const signal = new AbortController().signal;
const staged = { async *read() {} };

async function checkpoint(options: MysqlDriverOptions): Promise<ResumePoint> {
  await using driver = openMysqlDriver(options);
  await driver.prepare(null, signal);
  const dump = await driver.dump(signal);
  await collect(dump);
  return { position: dump.position, identity: dump.identity, partial: null };
}

interface Followed {
  /** Ids of inserted rows. */
  readonly ids: readonly string[];
  /** As the core would write it. */
  readonly resume: ResumePoint;
}

/** What a restart finds: an error's code, or the rows up to where the log ends now. */
async function follow(
  database: MysqlTestDatabase,
  options: MysqlDriverOptions,
  resume: ResumePoint,
): Promise<Followed> {
  const end = await logEnd(database);
  await using driver = openMysqlDriver(options, streamBinlog);
  const { identity, continuity } = await driver.prepare(resume, signal);
  expect(continuity).toEqual({ kind: 'resume' });
  const ids: string[] = [];
  for await (const message of messagesOf(driver.stream(resume, signal, staged))) {
    if (message.type === 'catalog') continue;
    if (message.type === 'transaction') {
      for (const change of message.changes)
        if (change.op === 'insert') ids.push(change.row[0] ?? '');
    }
    const { position } = message;
    if (position.kind !== 'mysql' || position.file < end.file) continue;
    if (position.file > end.file || position.offset >= end.offset) {
      return { ids, resume: { position, identity, partial: null } };
    }
  }
  throw new Error('the stream has ended');
}

async function judge(options: MysqlDriverOptions, resume: ResumePoint): Promise<string> {
  await using driver = openMysqlDriver(options);
  const { continuity } = await driver.prepare(resume, signal);
  return continuity.kind === 'resume' ? 'resume' : (continuity.cause?.code ?? 'dump');
}

async function withTable(server: MysqlServer): Promise<MysqlTestDatabase> {
  const database = await createMysqlDatabase(server);
  await database.query('CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)');
  return database;
}

const insert = 'INSERT INTO t VALUES ();';

test('MariaDB: numbers that were given out before, and several sources in one domain', async () => {
  await using server = await startMariadb({ version: '10.11' });
  await using database = await withTable(server);
  const options = mysqlOptions(database);
  await database.query(insert.repeat(6));
  const start = await checkpoint(options);
  await database.query(`SET SESSION gtid_seq_no = 5; ${insert}`);
  const first = await follow(database, options, start);
  expect(first.ids).toEqual(['7']);
  expect(positionToJson(first.resume.position)).toMatchObject({
    gtid: expect.stringMatching(/^0-\d+-5$/),
  });
  // Behind this GTID the server has more than behind its place: the old 0-1-5 is there, too.
  const again = await follow(database, options, first.resume);
  expect(again.ids).toEqual([]);
  await database.query(`SET SESSION server_id = 21, gtid_seq_no = 1000005; ${insert}`);
  const high = await follow(database, options, again.resume);
  expect(high.ids).toEqual(['8']);
  await database.query(`SET SESSION server_id = 22, gtid_seq_no = 502; ${insert}`);
  expect(await judge(options, high.resume)).toBe('resume');
  const low = await follow(database, options, high.resume);
  expect(low.ids).toEqual(['9']);
});

test('MariaDB: a table that is dumped beside the stream has what is before its place, by no number', async () => {
  await using server = await startMariadb({ version: '10.11' });
  await using database = await withTable(server);
  const options = mysqlOptions(database);
  const start = await checkpoint(options);
  await using driver = openMysqlDriver(options, streamBinlog);
  await driver.prepare(start, signal);
  await database.query(`SET SESSION gtid_seq_no = 1000005; ${insert}`);
  const { tables, mark, chunks } = await driver.redump([tableIdOf(database.name, 't')], signal);
  expect(tables).toHaveLength(1);
  await collect({ chunks });
  await database.query(`SET SESSION server_id = 22, gtid_seq_no = 502; ${insert}`);
  const contained: boolean[] = [];
  for await (const message of messagesOf(driver.stream(start, signal, staged))) {
    if (message.type === 'transaction') contained.push(driver.contains(mark, message));
    if (contained.length < 2) continue;
    if (message.type === 'transaction') expect(driver.isPassed(mark, message.position)).toBe(true);
    break;
  }
  expect(contained).toEqual([true, false]);
});

/** The end of the last binlog is lost, as when a host loses its power. */
function cut(server: MysqlServer, offset: number): void {
  const data = join(server.dir, 'data');
  const last = readdirSync(data)
    .filter((name) => /^binlog\.\d+$/.test(name))
    .sort()
    .at(-1);
  const file = join(data, last ?? '');
  expect(statSync(file).size).toBeGreaterThan(offset);
  truncateSync(file, offset);
  expect(readFileSync(file).length).toBe(offset);
}

for (const [title, open] of [
  ['MariaDB', () => startMariadb({ version: '10.11' })],
  ['MySQL', () => startMysql({ version: '9.7' })],
] as const) {
  test.skipIf(title === 'MySQL' && missing('mysql') !== undefined)(
    `${title}: a log that lost its end in a crash, and gave the GTIDs out again`,
    async () => {
      await using server = await open();
      await using database = await withTable(server);
      const options = mysqlOptions(database);
      await database.query(insert);
      const start = await checkpoint(options);
      const { offset } = await logEnd(database);
      await database.query(insert.repeat(2));
      const { resume } = await follow(database, options, start);
      await server.kill();
      cut(server, offset);
      await server.start();
      await using after = await createMysqlDatabase(server);
      await after.query(`USE ${database.name}; ${insert.repeat(4)}`);
      expect(await judge(options, resume)).toBe('source_replaced');
      // Of before the cut all is there. (MySQL's engine knows GTIDs that its log has lost: they count as purged.)
      const before = title === 'MariaDB' ? 'resume' : 'binlog_purged';
      expect(await judge(options, start)).toBe(before);
    },
  );
}

test('MariaDB: over to a replica, whose places are others, and back to places there', async () => {
  await using one = await startMariadb({ version: '10.11', settings: { log_slave_updates: 'ON' } });
  await using two = await startMariadb({ version: '10.11', settings: { log_slave_updates: 'ON' } });
  await using database = await withTable(one);
  await database.query(`SET SESSION gtid_domain_id = 0; ${insert}`);
  const { host, port, user, password } = one;
  // biome-ignore lint/suspicious/noExplicitAny: what a server says
  const at = async (server: MysqlServer, sql: string): Promise<any[]> => {
    await using other = await createMysqlDatabase(server);
    return other.query(sql);
  };
  await at(
    two,
    `CHANGE MASTER TO master_host='${host}', master_port=${port}, master_user='${user}', master_password='${password}', master_use_gtid=slave_pos; SET GLOBAL gtid_slave_pos=''; START SLAVE`,
  );
  const options = mysqlOptions(database);
  const start = await checkpoint(options);
  await database.query(`SET SESSION gtid_domain_id = 7; ${insert}`);
  const first = await follow(database, options, start);
  expect(first.ids).toEqual(['2']);
  await database.query(`SET SESSION gtid_domain_id = 0; ${insert}`);
  const [{ gtid }] = (await database.query('SELECT @@gtid_binlog_pos AS gtid')) as [
    { gtid: string },
  ];
  expect(await at(two, `SELECT MASTER_GTID_WAIT('${gtid}', 20) AS r`)).toEqual([{ r: 0 }]);
  const there = { ...options, ...two };
  // It connects, moves nothing, and ends: the position is still that of the first server.
  await using idle = openMysqlDriver(there, streamBinlog);
  const { identity, continuity } = await idle.prepare(first.resume, signal);
  expect(continuity).toEqual({ kind: 'resume' });
  const unmoved = { ...first.resume, identity };
  const replica = { ...database, ...(await follower(two, database.name)) };
  const over = await follow(replica, there, unmoved);
  expect(over.ids).toEqual(['3']);
  await replica.query(`STOP SLAVE; ${insert}`);
  expect(over.resume.identity).toMatchObject({ foreign: unmoved.position });
  const next = await follow(replica, there, over.resume);
  expect(next.ids).toEqual(['4']);
  expect(next.resume.identity).not.toHaveProperty('foreign');
  await replica.connection.end();
});

/** The database as it has come to the replica. */
async function follower(server: MysqlServer, name: string) {
  const scratch = await createMysqlDatabase(server);
  const connection = await scratch.connect({ database: name });
  return {
    connection,
    // biome-ignore lint/suspicious/noExplicitAny: what a server says
    query: async (sql: string): Promise<any[]> => (await connection.query<any>(sql))[0],
  };
}
