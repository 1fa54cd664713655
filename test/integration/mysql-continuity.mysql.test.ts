/** Whether the log can be followed, on servers whose logs are purged, reset and exchanged. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import { readFileCreated } from '../../src/drivers/mysql/log-file-header.ts';
import type { ResumePoint } from '../../src/replication/driver.ts';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { collect, mysqlOptions, openMysqlDriver } from '../support/mysql-driver.ts';
import { missing } from '../support/servers.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;

/** Dumps, and tells where a stream would begin. */
async function checkpoint(options: MysqlDriverOptions): Promise<ResumePoint> {
  await using driver = openMysqlDriver(options);
  await driver.prepare(null, signal);
  const dump = await driver.dump(signal);
  await collect(dump);
  return { position: dump.position, identity: dump.identity, partial: null };
}

async function judge(options: MysqlDriverOptions, resume: ResumePoint): Promise<string> {
  await using driver = openMysqlDriver(options);
  const { continuity } = await driver.prepare(resume, signal);
  return continuity.kind === 'resume' ? 'resume' : (continuity.cause?.code ?? 'dump');
}

/** Another binlog file, with a transaction in it. */
async function rotate(database: MysqlTestDatabase): Promise<string> {
  await database.query('INSERT INTO t VALUES ()');
  await database.query('FLUSH BINARY LOGS');
  await database.query('INSERT INTO t VALUES ()');
  const files = await database.query('SHOW BINARY LOGS');
  return files.at(-1)?.Log_name;
}

/** MariaDB keeps files for a moment that a crash of its engine could ask for. */
async function purge(database: MysqlTestDatabase, file: string): Promise<void> {
  await until(
    async () => {
      await database.query(`PURGE BINARY LOGS TO '${file}'`);
      return (await database.query('SHOW BINARY LOGS'))[0]?.Log_name === file;
    },
    { what: `the binlogs before ${file} are purged` },
  );
}

function suite(start: () => Promise<MysqlServer>, withGtids: boolean): void {
  let server: MysqlServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function prepared() {
    const database = await createMysqlDatabase(server);
    await database.query('CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)');
    await database.query('INSERT INTO t VALUES ()');
    return database;
  }

  test('goes on from a checkpoint, through new files', async () => {
    await using database = await prepared();
    const options = mysqlOptions(database);
    const resume = await checkpoint(options);
    expect(resume.position).toMatchObject({
      kind: 'mysql',
      gtid: withGtids ? expect.any(String) : null,
    });
    expect(await judge(options, resume)).toBe('resume');
    await rotate(database);
    expect(await judge(options, resume)).toBe('resume');
  });

  test('purged: the sync dumps again', async () => {
    await using database = await prepared();
    const options = mysqlOptions(database);
    const resume = await checkpoint(options);
    await rotate(database);
    await purge(database, await rotate(database));
    expect(await judge(options, resume)).toBe('binlog_purged');
  });

  test('purged up to the checkpoint: nothing is missing', async () => {
    await using database = await prepared();
    const options = mysqlOptions(database);
    const file = await rotate(database);
    const resume = await checkpoint(options);
    await purge(database, file);
    expect(await judge(options, resume)).toBe('resume');
  });

  test('reset: the file of the checkpoint exists again, but is another one', async () => {
    await using database = await prepared();
    const options = mysqlOptions(database);
    const reset = async () => {
      const statement = server.version.startsWith('9')
        ? 'RESET BINARY LOGS AND GTIDS'
        : 'RESET MASTER';
      await database.query(statement);
    };
    await reset();
    await database.query('INSERT INTO t VALUES ()');
    const resume = await checkpoint(options);
    const target = { ...options, applicationName: 'test', connectTimeoutMs: 5_000 };
    const created = await readFileCreated(target, 'binlog.000001', signal);
    // The files are told apart by the second in which they were begun.
    while (Math.floor(Date.now() / 1000) <= created) await database.query('SELECT SLEEP(0.1)');
    await reset();
    for (let row = 0; row < 5; row += 1) await database.query('INSERT INTO t VALUES ()');
    // GTIDs are counted from 1 again: those of the checkpoint are there once more.
    expect(await judge(options, resume)).toBe('source_replaced');
  });

  test('past the end: the server was set back', async () => {
    await using database = await prepared();
    const options = mysqlOptions(database);
    const resume = await checkpoint(options);
    if (resume.position.kind !== 'mysql') throw new Error('another kind');
    const { position } = resume;
    const later =
      position.gtid === null
        ? { ...position, offset: position.offset + 1_000_000 }
        : { ...position, gtid: position.gtid.replace(/\d+$/, '99999999') };
    expect(await judge(options, { ...resume, position: later })).toBe('source_replaced');
  });

  test('prepared XA transactions hold a dump up, and are named', async () => {
    await using database = await prepared();
    if (server.version.startsWith('5.6')) return;
    const other = await database.connect();
    const xid = `'${database.name}'`;
    await other.query(`XA START ${xid}`);
    await other.query('INSERT INTO t VALUES ()');
    await other.query(`XA END ${xid}`);
    await other.query(`XA PREPARE ${xid}`);
    const hex = Buffer.from(database.name).toString('hex');
    const options = mysqlOptions(database, { xaTimeoutMs: 100 });
    await expect(checkpoint(options)).rejects.toMatchObject({
      code: 'source_busy',
      remedy: expect.stringContaining(`XA COMMIT X'${hex}'`),
    });
    const waiting = checkpoint(mysqlOptions(database, { xaTimeoutMs: 30_000 }));
    await other.query(`XA COMMIT X'${hex}',X'',1`);
    await expect(waiting).resolves.toBeDefined();
  });
}

describe.skipIf(missing('mysql') !== undefined)('MySQL with GTIDs', () => {
  suite(() => startMysql({ version: '9.7' }), true);
});
describe.skipIf(missing('mysql') !== undefined)('MySQL without GTIDs', () => {
  suite(() => startMysql({ version: '9.7', gtid: false }), false);
});
describe.skipIf(missing('mysql56') !== undefined)('MySQL 5.6 without GTIDs', () => {
  suite(() => startMysql({ version: '5.6', gtid: false }), false);
});
describe('MariaDB', () => {
  suite(() => startMariadb({ version: '10.11' }), true);
});
