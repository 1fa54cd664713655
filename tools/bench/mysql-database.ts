/** MySQL or MariaDB as a source of the benchmark. */

import callbacks from 'mysql2';
import mysql from 'mysql2/promise';
import { connect } from '../../src/drivers/mysql/connection.ts';
import { positionOf, readLogFiles } from '../../src/drivers/mysql/log-place.ts';
import { readServerFacts } from '../../src/drivers/mysql/server-facts.ts';
import type { MysqlPosition } from '../../src/replication/position.ts';
import { type MysqlServer, startMariadb, startMysql } from '../testenv/mysql.ts';
import type { Database, LogShape, Row, SourceServer, Writer } from './database.ts';
import { tableName } from './database.ts';
import { createTable, insertRow, readRows, writeRows } from './mysql-rows.ts';
import type { MysqlSource } from './mysql-source.ts';
import { dumpByDriver, dumpByProgram, readByDriver, readByProgram } from './mysql-source.ts';

type Flavour = 'mysql' | 'mariadb';

/** Each commit waits for the disk, as in production. */
const settings = {
  innodb_flush_log_at_trx_commit: 1,
  sync_binlog: 1,
  innodb_buffer_pool_size: '512M',
  max_binlog_size: '1G',
};
const redoLog = {
  mysql: { innodb_redo_log_capacity: '2G' },
  mariadb: { innodb_log_file_size: '2G' },
} as const;

export async function openMysqlServer(name: Flavour): Promise<SourceServer> {
  const all = { ...settings, ...redoLog[name] };
  const server =
    name === 'mysql'
      ? await startMysql({ version: '9.7', settings: all })
      : await startMariadb({ version: '10.11', settings: all });
  const program = name === 'mysql' ? 'mysqlbinlog' : 'mariadb-binlog';
  let databases = 0;
  return {
    name,
    title: `${name === 'mysql' ? 'MySQL' : 'MariaDB'} ${server.version}`,
    plain: `${program} --read-from-remote-server, --raw and -vv`,
    database: () => {
      databases += 1;
      return createDatabase(server, `bench_${databases}`);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function createDatabase(server: MysqlServer, name: string): Promise<Database> {
  const { host, port, user } = server;
  const client = await login(server);
  await client.query(`CREATE DATABASE ${name}`);
  await client.query(`USE ${name}`);
  await createTable(client);
  const keyPrefix = `/bench/${name}/${tableName}/`;
  const source: MysqlSource = { server, database: name, keyPrefix };
  let mark: MysqlPosition | null = null;
  const marked = () => {
    if (mark === null) throw new Error('markLog comes first');
    return mark;
  };
  return {
    server,
    sync: {
      driver: 'mysql',
      database: { host, port, name, user, password: `\${BENCH_PASSWORD}` },
      tables: { include: [`${name}.${tableName}`] },
    },
    keyPrefix,
    async markLog() {
      await client.query('FLUSH BINARY LOGS');
      mark = (await logOf(server)).end;
    },
    writeLog: (shape) => writeLog(client, server, shape),
    async plainLog(rows) {
      const { files } = await logOf(server);
      const first = files.indexOf(marked().file);
      return await readByProgram(source, files.slice(first), rows);
    },
    driverLog: (rows) => readByDriver(source, marked(), rows),
    settle: async () => {
      await client.query(`ANALYZE TABLE ${tableName}`);
    },
    plainDump: (rows) => dumpByProgram(source, rows),
    driverDump: (rows, take) => dumpByDriver(source, rows, take),
    rows: () => rowsOf(server, name),
    writer: () => writerOf(server, name),
    async [Symbol.asyncDispose]() {
      await client.query(`DROP DATABASE ${name}`);
      await client.query('FLUSH BINARY LOGS');
      const { end } = await logOf(server);
      await client.query('PURGE BINARY LOGS TO ?', [end.file]);
      await client.end();
    },
  };
}

function loginOf({ host, port, user, password }: MysqlServer, database?: string) {
  return { host, port, user, password, ...(database !== undefined && { database }) };
}

async function login(server: MysqlServer, database?: string): Promise<mysql.Connection> {
  const client = await mysql.createConnection(loginOf(server, database));
  await client.query(`SET time_zone = '+00:00'`);
  return client;
}

/** Where the log ends, and its files. */
async function logOf({ host, port, user, password }: MysqlServer) {
  const target = { host, port, user, password, tls: { mode: 'disable', ca: null } } as const;
  const connection = await connect(
    { ...target, applicationName: 'bench', connectTimeoutMs: 15_000 },
    new AbortController().signal,
  );
  try {
    const { logEnd } = await readServerFacts(connection);
    if (logEnd === null) throw new Error('the server writes no log');
    const files = await readLogFiles(connection);
    return { end: positionOf(logEnd), files: files.map((file) => file.name) };
  } finally {
    await connection.close();
  }
}

/** The setting of MySQL is one of the session, that of MariaDB one of the server. */
async function writeLog(
  client: mysql.Connection,
  { flavour }: MysqlServer,
  shape: LogShape,
): Promise<void> {
  const switched = shape.compressed ? 'ON' : 'OFF';
  if (flavour === 'mysql') await client.query(`SET binlog_transaction_compression = ${switched}`);
  else await client.query(`SET GLOBAL log_bin_compress = ${switched}`);
  // Waiting for the disk a million times says nothing about reading the log later.
  await client.query('SET GLOBAL sync_binlog = 0, GLOBAL innodb_flush_log_at_trx_commit = 2');
  await writeRows(client, shape);
  await client.query('SET GLOBAL sync_binlog = 1, GLOBAL innodb_flush_log_at_trx_commit = 1');
}

async function* rowsOf(server: MysqlServer, name: string): AsyncGenerator<Row> {
  const client = callbacks.createConnection(loginOf(server, name));
  try {
    await new Promise<void>((resolve, reject) =>
      client.query(`SET time_zone = '+00:00'`, (error) => (error ? reject(error) : resolve())),
    );
    yield* client.query(readRows).stream({ highWaterMark: 1000 });
  } finally {
    client.destroy();
  }
}

async function writerOf(server: MysqlServer, name: string): Promise<Writer> {
  const client = await login(server, name);
  return {
    begin: () => client.beginTransaction(),
    insert: (id) => insertRow(client, id),
    commit: () => client.commit(),
    end: () => client.end(),
  };
}
