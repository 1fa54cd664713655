import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import mysql2, { type ConnectionOptions } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import type { MysqlAddress } from '../../tools/testenv/mysql-address.ts';
import type { MysqlClientPrograms } from '../../tools/testenv/mysql-programs.ts';
import { run } from '../../tools/testenv/run.ts';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import type { SharedMysqlServer } from '../support/mysql-global-setup.ts';
import { describeMysql, external, missing, mysql } from '../support/servers.ts';
import { until } from '../support/until.ts';

const noMysql = missing('mysql') !== undefined || external().mysql;
const noMysql56 = missing('mysql56') !== undefined;
const noMariadb = external().mariadb;

async function variables(address: MysqlAddress, ...names: string[]) {
  await using database = await createMysqlDatabase(address);
  const rows = await database.query('SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)', [names]);
  return Object.fromEntries(rows.map(({ Variable_name, Value }) => [Variable_name, Value]));
}

function login(address: MysqlAddress, extra: ConnectionOptions = {}) {
  const { host, port, user, password } = address;
  return mysql2.createConnection({ host, port, user, password, ...extra });
}

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, name) => {
  test('writes whole rows to its binary log', async () => {
    const metadata = name === 'mysql56' ? undefined : 'FULL';
    const settings = {
      log_bin: 'ON',
      binlog_format: 'ROW',
      binlog_row_image: 'FULL',
      binlog_row_metadata: metadata,
      binlog_checksum: 'CRC32',
      gtid_mode: name === 'mariadb' ? undefined : 'ON',
    };
    const found = await variables(server(), ...Object.keys(settings), 'server_id');
    expect(found).toMatchObject(JSON.parse(JSON.stringify(settings)));
    expect(Number(found.server_id)).toBeGreaterThan(0);
  });

  test('is what it says', () => {
    const { flavour, version } = server();
    expect(flavour).toBe(name === 'mariadb' ? 'mariadb' : 'mysql');
    if (name === 'mysql56') expect(version).toMatch(/^5\.6\./);
  });

  test.each([
    ['root', 'wrong'],
    ['root', ''],
    ['', ''],
    ['mysql', ''],
  ])('refuses user "%s" with the password "%s"', async (user, password) => {
    const attempt = login(server(), { user, password });
    await expect(attempt).rejects.toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' });
  });

  test('a database goes with its connections, even one that holds a lock', async () => {
    const database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE held (id INT PRIMARY KEY)');
    const other = await database.connect();
    await other.query('LOCK TABLES held WRITE');
    await database[Symbol.asyncDispose]();
    await using witness = await createMysqlDatabase(server());
    expect(await witness.query('SHOW DATABASES LIKE ?', [database.name])).toEqual([]);
  });

  test('values come as the server writes them', async () => {
    await using database = await createMysqlDatabase(server());
    const [row] = await database.query(
      `SELECT 9223372036854775807 AS large, 7 AS small, 1.50 AS exact, DATE '2020-01-31' AS day, @@time_zone AS zone`,
    );
    expect(row).toEqual({
      large: '9223372036854775807',
      small: 7,
      exact: '1.50',
      day: '2020-01-31',
      zone: '+00:00',
    });
  });
});

const own: readonly (readonly [string, boolean, () => Promise<MysqlServer>])[] = [
  ['MySQL', noMysql, () => startMysql({ version: '9.7' })],
  ['MariaDB', noMariadb, () => startMariadb({ version: '10.11' })],
  ['MySQL 5.6', noMysql56, () => startMysql({ version: '5.6' })],
];

describe.each(own)('a %s of one test', (_, skipped, start) => {
  test.skipIf(skipped)('keeps its data over a restart and a kill', async () => {
    await using server = await start();
    await using database = await createMysqlDatabase(server);
    await database.query('CREATE TABLE kept (id INT PRIMARY KEY) ENGINE = InnoDB');
    await database.query('INSERT INTO kept VALUES (1)');
    const ids = async () => {
      const connection = await database.connect();
      const [rows] = await connection.query('SELECT id FROM kept ORDER BY id');
      return rows;
    };
    await server.restart();
    expect(await ids()).toEqual([{ id: 1 }]);
    const connection = await database.connect();
    for (let id = 2; id < 50; id += 1) await connection.query('INSERT INTO kept VALUES (?)', [id]);
    await server.kill();
    expect(() => server.pid).toThrow('stopped');
    await server.start();
    expect(await ids()).toHaveLength(49);
  });
});

/** What the programs need to log in. */
function loginArguments(server: SharedMysqlServer, programs: MysqlClientPrograms): string[] {
  return [`--defaults-file=${server.optionFile}`, `--plugin-dir=${programs.plugins}`];
}

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, name) => {
  // MySQL 5.6 has no programs of its own; those of the newest MySQL read it.
  const skipped = name === 'mariadb' ? noMariadb : noMysql;
  test.skipIf(skipped)('its programs log in, dump, and read the binary log', async () => {
    const programs = server().programs ?? mysql().programs;
    if (programs === undefined) throw new Error('no programs');
    const login = loginArguments(server(), programs);
    await using database = await createMysqlDatabase(server());
    // From here, because other tests may have written gigabytes into the same file.
    const [status] = await database.query(
      name === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
    );
    const from = [`--start-position=${status?.Position}`];
    await database.query('CREATE TABLE t (id INT PRIMARY KEY, name TEXT)');
    await database.query('INSERT INTO t VALUES (7, ?)', ['ä']);
    const flags = ['--read-from-remote-server', '--verbose', '--verbose', ...from, status?.File];
    const log = await run(programs.binlog, [...login, ...flags]);
    const found = log.slice(log.indexOf(`### INSERT INTO \`${database.name}\`.\`t\``));
    expect(found).toMatch(/^.*\n### SET\n### {3}@1=7 .*\n### {3}@2='ä'/);
    const dump = await run(programs.dump, [...login, '--compact', database.name]);
    expect(dump).toMatch(/INSERT INTO `t` VALUES\s*\(7,'ä'\)/);
    const version = await run(programs.client, [...login, '-Ne', 'SELECT VERSION()']);
    expect(version).toBe(`${server().version}\n`);
  });
});

test.skipIf(noMysql)(
  'GTIDs are off when they are not wanted, and settings are replaced',
  async () => {
    const settings = { binlog_row_metadata: 'MINIMAL', performance_schema: true };
    await using server = await startMysql({ version: '9.7', gtid: false, settings });
    expect(
      await variables(server, 'gtid_mode', 'binlog_row_metadata', 'performance_schema'),
    ).toEqual({ gtid_mode: 'OFF', binlog_row_metadata: 'MINIMAL', performance_schema: 'ON' });
  },
);

test.skipIf(noMysql56)('a MySQL 5.6 without a binary log', async () => {
  const settings = { log_bin: false, log_slave_updates: false };
  await using server = await startMysql({ version: '5.6', gtid: false, settings });
  expect(await variables(server, 'log_bin')).toEqual({ log_bin: 'OFF' });
});

describe.each([
  [
    'MySQL',
    noMysql,
    () => startMysql({ version: '9.7', tls: 'required' }),
    'ER_SECURE_TRANSPORT_REQUIRED',
  ],
  // MariaDB 10.11 does not say why.
  [
    'MariaDB',
    noMariadb,
    () => startMariadb({ version: '10.11', tls: 'required' }),
    'ER_ACCESS_DENIED_ERROR',
  ],
] as const)('a %s with TLS', (_, skipped, start, refusal) => {
  test.skipIf(skipped)('refuses connections without', async () => {
    await using server = await start();
    await expect(login(server)).rejects.toMatchObject({ code: refusal });
    const ca = readFileSync(server.certificates?.ca ?? '', 'utf8');
    const connection = await login(server, { ssl: { ca } });
    const [rows] = await connection.query(`SHOW STATUS LIKE 'Ssl_version'`);
    expect(rows).toMatchObject([{ Value: expect.stringMatching(/^TLSv1\.[23]$/) }]);
    await connection.end();
    const flags = [`--defaults-file=${server.optionFile}`, '-Ne', 'SELECT 1'];
    expect(await run(server.programs?.client ?? '', flags)).toBe('1\n');
  });
});

test.skipIf(noMysql)('caching_sha2_password needs no TLS, and is really asked for', async () => {
  await using database = await createMysqlDatabase(mysql());
  const account = `'${database.name}'@'%'`;
  await database.query(`CREATE USER ${account} IDENTIFIED WITH caching_sha2_password BY 'right'`);
  try {
    const as = (password: string) => login(mysql(), { user: database.name, password });
    await expect(as('wrong')).rejects.toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' });
    await (await as('right')).end();
  } finally {
    await database.query(`DROP USER ${account}`);
  }
});

test.skipIf(noMariadb)(
  'end, with their data, when the process that started them is killed',
  async () => {
    const program = `
    import { startMariadb } from './tools/testenv/mysql.ts';
    const { pid, dir } = await startMariadb({ version: '10.11' });
    console.log(JSON.stringify({ pid, dir }));`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const starter = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(starter.stdout, 'data');
    const { pid, dir }: { pid: number; dir: string } = JSON.parse(String(line));
    const owner = execFileSync('ps', ['-o', 'uid=', '-p', String(pid)], { encoding: 'utf8' });
    expect(Number(owner)).not.toBe(0);
    starter.kill('SIGKILL');
    await until(() => !existsSync(dir), { what: 'the folder is gone' });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  },
);
