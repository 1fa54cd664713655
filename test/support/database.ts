/** A PostgreSQL database of a test's own. */

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { PostgresAddress } from '../../tools/testenv/postgres.ts';
import { until } from './until.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly server: PostgresAddress;
  /** Also fit for a slot or a publication: lower-case letters, digits and `_`. */
  readonly name: string;
  /** With the superuser's name and password. */
  readonly url: string;
  /** Connected to it as the superuser. */
  readonly client: pg.Client;
  /** Runs SQL on `client` and answers the rows. Several statements only without values. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    sql: string,
    values?: unknown[],
  ): Promise<Row[]>;
  /** One more connection, which the caller ends; disposal ends it too. */
  connect(): Promise<pg.Client>;
}

async function open(server: PostgresAddress, database: string): Promise<pg.Client> {
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database });
  // Tests cut connections. The next query on it says so; without a listener the error would end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function withClient(
  server: PostgresAddress,
  database: string,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = await open(server, database);
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** Drops the slots of the database; whoever holds one is ended first, which takes the server a moment. */
async function dropSlots(client: pg.Client, name: string): Promise<void> {
  await until(
    async () => {
      await client.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
        [name],
      );
      await client.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active',
        [name],
      );
      const left = await client.query('SELECT 1 FROM pg_replication_slots WHERE database = $1', [
        name,
      ]);
      return left.rowCount === 0;
    },
    { what: `the replication slots of ${name} are dropped` },
  );
}

async function dropDatabase(server: PostgresAddress, name: string): Promise<void> {
  try {
    await withClient(server, name, (client) => dropSlots(client, name));
    await withClient(server, 'postgres', async (client) => {
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    });
  } catch (error) {
    // The test has stopped its server: the database goes with it.
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error;
  }
}

/** Makes an empty database. Its disposal ends every connection to it and drops its slots and the database. */
export async function createDatabase(server: PostgresAddress): Promise<TestDatabase> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  await withClient(server, 'postgres', async (admin) => {
    await admin.query(`CREATE DATABASE ${name}`);
  });
  const client = await open(server, name);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return {
    server,
    name,
    url: url.href,
    client,
    query: async (sql, values) => (await client.query(sql, values)).rows,
    connect: () => open(server, name),
    async [Symbol.asyncDispose]() {
      await client.end();
      await dropDatabase(server, name);
    },
  };
}
