/** Events that are large or packed, and servers that are set up otherwise: of the tests' own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogEvent } from '../../src/drivers/mysql/log-event.ts';
import { readLog } from '../../src/drivers/mysql/log-reader.ts';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { follow, logEnd, readEvents, readerOptions } from '../support/binlog-reader.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { missing } from '../support/servers.ts';
import { until } from '../support/until.ts';

const readerId = 3_920_000_000;
const longestPacket = 0xff_ffff;

/** A row of one text, whose event has this size. */
async function insertEvent(
  { query }: MysqlTestDatabase,
  id: number,
  sizeBytes: number,
  overhead: number,
): Promise<void> {
  await query(`INSERT INTO t VALUES (${id}, REPEAT('x', ${sizeBytes - overhead}))`);
}

function rowEvents(events: readonly LogEvent[]): Buffer[] {
  return events.flatMap(({ event }) => (event.type === 'rows' ? [event.rows] : []));
}

const settings = { max_allowed_packet: 67_108_864, binlog_checksum: 'NONE' };
const starts = {
  mysql: () => startMysql({ version: '9.7', gtid: false, tls: 'allowed', settings }),
  mysql56: () => startMysql({ version: '5.6', gtid: false, settings }),
  mariadb: () => startMariadb({ version: '10.11', tls: 'allowed', settings }),
};

describe.each(['mysql', 'mariadb', 'mysql56'] as const)('%s', (name) => {
  const skipped = missing(name) !== undefined;
  let server: MysqlServer;
  beforeAll(async () => {
    if (!skipped) server = await starts[name]();
  });
  afterAll(async () => {
    if (!skipped) await server[Symbol.asyncDispose]();
  });

  test.skipIf(skipped)(
    'events of one packet, of several, and of exactly as much as fits',
    async () => {
      await using database = await createMysqlDatabase(server);
      const options = await readerOptions(server, readerId);
      await database.query('CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT) ENGINE = MyISAM');
      const first = await logEnd(options);
      await database.query("INSERT INTO t VALUES (0, REPEAT('x', 100000))");
      const isRows = ({ event }: LogEvent) => event.type === 'rows';
      const small = (await readEvents(options, first, isRows)).find(isRows);
      const overhead = (small?.header.sizeBytes ?? 0) - 100_000;

      // A packet has a byte before the event.
      const sizes = [-3, -2, -1, 0, 1].map((more) => longestPacket + more);
      sizes.push(20_000_000, 2 * longestPacket - 1, 2 * longestPacket);
      const from = await logEnd(options);
      for (const [id, size] of sizes.entries()) await insertEvent(database, id + 1, size, overhead);
      const events = await readEvents(options, from, await logEnd(options));
      const read = events.filter(isRows);
      expect(read.map(({ header }) => header.sizeBytes)).toEqual(sizes);
      const content = Buffer.alloc(2 * longestPacket, 'x');
      for (const [index, rows] of rowEvents(events).entries()) {
        const length = (sizes[index] ?? 0) - overhead;
        expect(rows.subarray(-length).equals(content.subarray(0, length))).toBe(true);
      }
    },
  );

  test.skipIf(skipped)('checksums that come and go', async () => {
    await using database = await createMysqlDatabase(server);
    const { query } = database;
    const options = await readerOptions(server, readerId);
    const from = await logEnd(options);
    await query('CREATE TABLE t (id INT PRIMARY KEY)');
    const live = follow(options, from);
    await live.heartbeat();
    for (const [index, checksum] of ['CRC32', 'NONE', 'CRC32'].entries()) {
      await query(`SET GLOBAL binlog_checksum = ${checksum}`);
      await query(`INSERT INTO t VALUES (${index})`);
      if (index < 2) await live.heartbeat();
    }
    const end = await logEnd(options);
    const isEnd = ({ file, end: offset }: LogEvent) => file === end.file && offset >= end.offset;
    await until(() => live.events.some(isEnd), { what: 'all is read', failure: live.ended });
    await live.stop();
    expect(rowEvents(live.events)).toHaveLength(3);
    expect(rowEvents(await readEvents(options, from, end))).toHaveLength(3);
    expect(live.events.map(({ file }) => file)).not.toContain('');
  });

  test.skipIf(skipped || name === 'mysql56')('an encrypted connection', async () => {
    await using database = await createMysqlDatabase(server);
    const plain = await readerOptions(server, readerId);
    const target = { ...plain.target, tls: { mode: 'require', ca: null } } as const;
    const from = await logEnd(plain);
    await database.query('CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)');
    await database.query("INSERT INTO t VALUES (1, REPEAT('x', 5000000))");
    const options = { ...plain, target };
    expect(rowEvents(await readEvents(options, from, await logEnd(plain)))).toHaveLength(1);
    const reader = follow(options, from);
    await reader.heartbeat();
    await reader.stop();
    const threads = async () =>
      (await database.query('SHOW PROCESSLIST')).filter(({ Command }) => /Dump/.test(Command));
    await until(async () => (await threads()).length === 0, { what: 'the thread is gone' });
  });

  test.skipIf(skipped)('what the server says when it cannot send what is asked for', async () => {
    await using database = await createMysqlDatabase(server);
    const options = await readerOptions(server, readerId);
    const first = await logEnd(options);
    await database.query('CREATE TABLE t (id INT PRIMARY KEY); FLUSH BINARY LOGS');
    await database.query('INSERT INTO t VALUES (1)');
    const end = await logEnd(options);
    const codeOf = async (from: typeof end) =>
      ((await follow(options, from).ended) as { code?: string }).code;
    expect(await codeOf({ ...end, gtid: null, offset: end.offset + 1000 })).toBe('source_replaced');
    expect(await codeOf({ ...end, gtid: null, file: 'binlog.000077' })).toBe('binlog_purged');
    await database.query(`PURGE BINARY LOGS TO '${end.file}'`);
    expect(await codeOf({ ...first, gtid: null })).toBe('binlog_purged');
    const reader = follow(options, end);
    await reader.heartbeat();
    // MySQL takes ten seconds to stop while somebody reads.
    await (name === 'mariadb' ? server.stop() : server.kill());
    expect(await reader.ended).toMatchObject({ code: 'source_unavailable' });
  });
});

test.skipIf(missing('mysql') !== undefined)(
  'a large compressed transaction is never whole in memory',
  async () => {
    await using server = await startMysql({
      version: '9.7',
      settings: { binlog_transaction_compression: 'ON' },
    });
    await using database = await createMysqlDatabase(server);
    const { query } = database;
    const options = await readerOptions(server, readerId);
    await query('CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGTEXT)');
    const from = await logEnd(options);
    const rowBytes = 1_000_000;
    await query('SET max_execution_time = 0; BEGIN');
    await query(`INSERT INTO t (v) VALUES ${Array(30).fill(`(REPEAT('x', ${rowBytes}))`)}`);
    await query(`INSERT INTO t (v) SELECT v FROM t`);
    await query('COMMIT');
    const batches: number[] = [];
    let last = '';
    for await (const batch of readLog(options, from, new AbortController().signal)) {
      batches.push(batch.reduce((sum, { header }) => sum + header.sizeBytes, 0));
      last = batch.at(-1)?.event.type ?? '';
      if (batch.some(({ event }) => event.type === 'xid')) break;
    }
    expect(last).toBe('xid');
    const total = batches.reduce((sum, bytes) => sum + bytes, 0);
    expect(total).toBeGreaterThan(60 * rowBytes);
    expect(Math.max(...batches)).toBeLessThan(4 * rowBytes);
  },
);
