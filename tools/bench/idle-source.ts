/** Servers with a table for each of many syncs. */

import mysql from 'mysql2/promise';
import pg from 'pg';
import { startMariadb, startMysql } from '../testenv/mysql.ts';
import { startPostgres } from '../testenv/postgres.ts';
import type { LabOptions } from './lab.ts';

export interface IdleSource extends AsyncDisposable {
  readonly pid: number;
  readonly password: string;
  /** Of Watcher's configuration, for the table of this number. The password is `${BENCH_PASSWORD}`. */
  sync(table: number): Readonly<Record<string, unknown>>;
}

export const rowsEach = 3;
const ids = Array.from({ length: rowsEach }, (_, index) => index + 1);
const insert = (table: number) =>
  `INSERT INTO t${table} (id, v) VALUES ${ids.map((id) => `(${id}, 'v')`).join(', ')}`;

/** One of its own: so many slots and connections are set at start, and cost every server that has them. */
export function openIdleSource({ source, major }: LabOptions, tables: number): Promise<IdleSource> {
  return source === 'postgres' ? openPostgres(major, tables) : openMysql(source, tables);
}

async function openPostgres(major: LabOptions['major'], tables: number): Promise<IdleSource> {
  const server = await startPostgres({
    major,
    settings: {
      max_replication_slots: tables + 10,
      max_wal_senders: tables + 10,
      // Each sync has one for the log and one for everything else, and two more while it dumps.
      max_connections: 5 * tables + 50,
      // It would look after the catalog that was just filled, in the middle of the measurement.
      autovacuum: false,
    },
  });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  for (let table = 1; table <= tables; table += 1) {
    await client.query(`CREATE TABLE t${table} (id int PRIMARY KEY, v text); ${insert(table)}`);
  }
  await client.query('VACUUM ANALYZE');
  await client.end();
  const { host, port, user, pid, password } = server;
  const database = { host, port, name: 'postgres', user, password: `\${BENCH_PASSWORD}` };
  return {
    pid,
    password,
    sync: (table) => ({ driver: 'pgx', database, tables: { include: [`public.t${table}`] } }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function openMysql(flavour: 'mysql' | 'mariadb', tables: number): Promise<IdleSource> {
  const settings = { max_connections: 5 * tables + 50, open_files_limit: 20 * tables + 5_000 };
  const server =
    flavour === 'mysql'
      ? await startMysql({ version: '9.7', settings })
      : await startMariadb({ version: '10.11', settings });
  const { host, port, user, pid, password } = server;
  const client = await mysql.createConnection({ host, port, user, password });
  await client.query('CREATE DATABASE idle');
  await client.query('USE idle');
  for (let table = 1; table <= tables; table += 1) {
    await client.query(`CREATE TABLE t${table} (id INT PRIMARY KEY, v VARCHAR(10))`);
    await client.query(insert(table));
  }
  await client.end();
  const database = { host, port, name: 'idle', user, password: `\${BENCH_PASSWORD}` };
  return {
    pid,
    password,
    sync: (table) => ({ driver: 'mysql', database, tables: { include: [`idle.t${table}`] } }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
