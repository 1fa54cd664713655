/** Where a MySQL or MariaDB is, and what it is. */

import mysql from 'mysql2/promise';

export type MysqlFlavour = 'mysql' | 'mariadb';

/** Where a MySQL or MariaDB is, and how its superuser logs in. Plain data. */
export interface MysqlAddress {
  /** `mysql://…`, with user and password, without a database. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly flavour: MysqlFlavour;
  /** As the server tells it: `9.7.4-2`, `5.6.24-log`, `10.11.19-MariaDB-…`. */
  readonly version: string;
}

/** Logs in, and asks the server what it is. */
export async function findMysql(url: string, ssl?: { readonly ca: string }): Promise<MysqlAddress> {
  const parsed = new URL(url);
  const login = {
    host: parsed.hostname,
    port: Number(parsed.port || 3306),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
  };
  const connection = await mysql.createConnection({ ...login, ...(ssl && { ssl }) });
  try {
    const [rows] = await connection.query<mysql.RowDataPacket[]>('SELECT VERSION() AS version');
    const version: string = rows[0]?.version;
    return { url, ...login, version, flavour: /mariadb/i.test(version) ? 'mariadb' : 'mysql' };
  } finally {
    await connection.end();
  }
}
