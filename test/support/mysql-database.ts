/** A MySQL or MariaDB database of a test's own. */

import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import type { MysqlAddress } from '../../tools/testenv/mysql-address.ts';

export interface MysqlTestDatabase extends AsyncDisposable {
  readonly server: MysqlAddress;
  /** Lower-case letters, digits and `_`: also fit for the name of an account. */
  readonly name: string;
  /** With the superuser's name and password. */
  readonly url: string;
  /** Connected to it as the superuser. */
  readonly connection: mysql.Connection;
  /**
   * Runs SQL on `connection` and answers the rows; of several statements, those of each. Integers beyond 2^53, decimals, dates
   * and times are strings, exactly as the server writes them, in UTC.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a row is what the test says it is
  query<Row = Record<string, any>>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** One more connection, which the caller ends; disposal ends it too. */
  connect(options?: mysql.ConnectionOptions): Promise<mysql.Connection>;
}

const exact: mysql.ConnectionOptions = {
  supportBigNumbers: true,
  bigNumberStrings: false,
  decimalNumbers: false,
  dateStrings: true,
  jsonStrings: true,
  timezone: 'Z',
  charset: 'utf8mb4',
  multipleStatements: true,
};

async function open(
  server: MysqlAddress,
  options: mysql.ConnectionOptions,
): Promise<mysql.Connection> {
  const { host, port, user, password } = server;
  const connection = await mysql.createConnection({
    host,
    port,
    user,
    password,
    ...exact,
    ...options,
  });
  // Tests cut connections. The next query on it says so; without a listener the error would end the process.
  connection.on('error', () => {});
  if (options.timezone === undefined) await connection.query(`SET time_zone = '+00:00'`);
  return connection;
}

async function dropDatabase(server: MysqlAddress, name: string): Promise<void> {
  try {
    const admin = await open(server, {});
    try {
      await admin.query(`DROP DATABASE IF EXISTS ${name}`);
    } finally {
      await admin.end();
    }
  } catch (error) {
    // The test has stopped its server: the database goes with it.
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error;
  }
}

/** Makes an empty database. Its disposal ends the connections that it gave out, and drops it. */
export async function createMysqlDatabase(server: MysqlAddress): Promise<MysqlTestDatabase> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  const connection = await open(server, {});
  await connection.query(`CREATE DATABASE ${name}`);
  await connection.query(`USE ${name}`);
  const given = [connection];
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return {
    server,
    name,
    url: url.href,
    connection,
    // biome-ignore lint/suspicious/noExplicitAny: mysql2 has a type of its own for each kind of answer
    query: async (sql, values) => (await connection.query<any>(sql, values))[0],
    async connect(options = {}) {
      const another = await open(server, { database: name, ...options });
      given.push(another);
      return another;
    },
    async [Symbol.asyncDispose]() {
      // Not `end`: one that holds a lock would keep the database from being dropped.
      for (const each of given) each.destroy();
      await dropDatabase(server, name);
    },
  };
}
