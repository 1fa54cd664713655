/** The log over the wire is the log in the files, wherever reading begins. */
import { expect, test } from 'vitest';
import { ZSTDDecoder } from 'zstddec';
import type { BinlogEvent } from '../../src/drivers/mysql/binlog/decode.ts';
import { BinlogDecoder } from '../../src/drivers/mysql/binlog/decode.ts';
import { GtidSet } from '../../src/drivers/mysql/binlog/gtid-set.ts';
import { parseHeader } from '../../src/drivers/mysql/binlog/header.ts';
import { MariadbGtidSet } from '../../src/drivers/mysql/binlog/mariadb-gtid-set.ts';
import type { LogEvent } from '../../src/drivers/mysql/log-event.ts';
import type { MysqlPosition } from '../../src/replication/position.ts';
import { logEnd, readEvents, readerOptions, textOf } from '../support/binlog-reader.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import type { SharedMysqlServer } from '../support/mysql-global-setup.ts';
import { type HeadedEvent, readBinlog } from '../support/raw-binlog.ts';
import { describeMysql, mariadb } from '../support/servers.ts';

/** Transactions of all kinds, over two rotations. */
async function work(database: MysqlTestDatabase, compresses: boolean): Promise<void> {
  const { query } = database;
  await query('CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)');
  await query('CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MyISAM');
  await query(
    "BEGIN; INSERT INTO t VALUES (1, 'one'), (2, 'two'); DELETE FROM t WHERE id = 1; COMMIT",
  );
  await query('FLUSH BINARY LOGS');
  await query('INSERT INTO m VALUES (1), (2)');
  if (compresses) await query('SET binlog_transaction_compression = ON');
  await query("INSERT INTO t VALUES (3, REPEAT('x', 3000))");
  await query(
    "BEGIN; INSERT INTO t VALUES (4, 'x'), (5, REPEAT('y', 1000000)); INSERT INTO t SELECT id + 100, v FROM t; UPDATE t SET v = 'z'; COMMIT",
  );
  await query('FLUSH BINARY LOGS');
  await query("UPDATE t SET v = CONCAT(v, '!') WHERE id > 3");
  await query('TRUNCATE t');
}

/** The events of a file with their places; those of compressed transactions unpacked by another way than the reader's. */
async function inFile(server: SharedMysqlServer, file: string): Promise<LogEvent[]> {
  const zstd = new ZSTDDecoder();
  await zstd.init();
  const decoder = new BinlogDecoder('none');
  let start = 4;
  const programs = server.programs ?? mariadb().programs;
  return (await readBinlog(server, file, programs)).flatMap((event) => {
    const end = start + event.header.sizeBytes;
    const place = { file, start, end };
    start = end;
    return unpack(event, zstd, decoder).map((inner) => ({ ...place, ...inner }));
  });
}

type Headed = Pick<LogEvent, 'event' | 'header'>;

function unpack(event: HeadedEvent, zstd: ZSTDDecoder, decoder: BinlogDecoder): Headed[] {
  if (event.type !== 'transaction_payload') {
    const { header, ...body } = event;
    return [{ event: body as BinlogEvent, header }];
  }
  const bytes = Buffer.from(zstd.decode(event.payload, event.uncompressedBytes));
  const events: Headed[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at + 9);
    const inner = bytes.subarray(at, at + size);
    events.push({ event: decoder.decodeInner(inner), header: parseHeader(inner) });
    at += size;
  }
  return events;
}

/** MariaDB does not send its annotations to who does not ask; a file that is written to is marked so. */
function comparable(events: readonly LogEvent[]): string[] {
  return events
    .filter(({ event }) => event.type !== 'notice')
    .map((each) => textOf(each).replace(/("type":15,.*"flags":)1\}/, '$10}'));
}

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, name) => {
  const readerId = 3_900_000_001;

  async function recorded(database: MysqlTestDatabase) {
    const options = await readerOptions(server(), readerId);
    await database.query('FLUSH BINARY LOGS');
    const begin = await logEnd(options);
    await work(database, name === 'mysql');
    return { options, begin, end: await logEnd(options) };
  }

  test('what is read is what mysqlbinlog writes into files, event by event', async () => {
    await using database = await createMysqlDatabase(server());
    const { options, begin, end } = await recorded(database);
    const from = { ...begin, gtid: null, offset: 4 };
    const read = await readEvents(options, from, end);
    const files = [...new Set(read.map(({ file }) => file))];
    expect(files).toHaveLength(3);
    const written = (await Promise.all(files.map((file) => inFile(server(), file)))).flat();
    const upToEnd = written.slice(
      0,
      written.findIndex(({ file, start }) => file === end.file && start >= end.offset) >>> 0,
    );
    expect(comparable(read)).toEqual(comparable(upToEnd));
    expect(read.some(({ event }) => event.type === 'rotate')).toBe(true);
  });

  test('from each commit on the rest is read, by GTIDs and by file and offset', async () => {
    await using database = await createMysqlDatabase(server());
    const { options, begin, end } = await recorded(database);
    const all = (await readEvents(options, begin, end)).filter(isContent);
    const commits = positionsBetween(all, begin);
    expect(commits.length).toBeGreaterThan(6);
    for (const { position, rest } of commits.slice(0, -1)) {
      for (const from of [position, { ...position, gtid: null }]) {
        const read = (await readEvents(options, from, end)).filter(isContent);
        expect(read.map(textOf)).toEqual(rest.map(textOf));
      }
    }
  });
});

/** Not what each file begins and ends with: it is sent again, or not. */
function isContent({ event: { type } }: LogEvent): boolean {
  return ![
    'format_description',
    'previous_gtids',
    'mariadb_gtid_list',
    'rotate',
    'notice',
  ].includes(type);
}

/** Before each transaction: the position of the end of the one before, and what follows. */
function positionsBetween(all: readonly LogEvent[], begin: MysqlPosition) {
  let mysql = GtidSet.parse('');
  let mariadbSet = MariadbGtidSet.empty;
  if (begin.gtid?.includes(':')) mysql = GtidSet.parse(begin.gtid);
  else mariadbSet = MariadbGtidSet.parse(begin.gtid ?? '');
  let last = begin;
  return all.flatMap(({ event, file, end }, index) => {
    const before = all[index - 1];
    const place = before === undefined ? begin : { file: before.file, offset: before.end };
    const position = { ...last, file: place.file, offset: place.offset };
    if (event.type === 'gtid') mysql = mysql.add(event, event.gno);
    else if (event.type === 'mariadb_gtid') mariadbSet = mariadbSet.add(event);
    else return [];
    last = { kind: 'mysql', gtid: mysql.format() || mariadbSet.format(), file, offset: end };
    return [{ position, rest: all.slice(index) }];
  });
}
