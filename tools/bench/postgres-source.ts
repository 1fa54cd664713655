/** The source without a sink: how fast the log and the table can be read by somebody who does nothing with them. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { createPostgresDriver } from '../../src/drivers/postgres/driver.ts';
import type { RowChunk } from '../../src/replication/driver.ts';
import { parseLsn } from '../../src/replication/position.ts';
import type { PostgresServer } from '../testenv/postgres.ts';
import { nothingStaged, silent, tableName } from './database.ts';
import { type Figure, measure } from './figures.ts';

export interface PostgresSource {
  readonly server: PostgresServer;
  /** The database. */
  readonly name: string;
  readonly client: pg.Client;
}

function driverOf({ server, name }: PostgresSource, slot: string) {
  return createPostgresDriver({
    sync: 'bench',
    host: server.host,
    port: server.port,
    database: name,
    user: server.user,
    password: server.password,
    tls: { mode: 'disable', ca: null },
    publication: 'watcherpub_bench',
    slot,
    managePublication: true,
    failover: false,
    matches: (schema) => schema === 'public',
    excludesColumn: () => false,
    keyColumns: {},
    numbers: 'number',
    parallel: 2,
    statusIntervalMs: 10_000,
    logger: silent,
  });
}

/** Debian's program of the newest version that is there; undefined: none. */
export function findRecvlogical(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((major) => join(root, major, 'bin/pg_recvlogical'))
    .find((program) => existsSync(program));
}

/** Drains a slot by PostgreSQL's own program, up to `end`. */
export async function drainByRecvlogical(
  program: string,
  database: PostgresSource,
  slot: string,
  rows: number,
  end: string,
): Promise<Figure> {
  const { server, name } = database;
  const args = [
    ...['-h', server.host, '-p', String(server.port), '-U', server.user, '-d', name],
    ...['--slot', slot, '--start', '--endpos', end, '--no-loop', '--fsync-interval', '0'],
    ...['-f', '/dev/null', '-o', 'proto_version=1', '-o', 'publication_names=watcherpub_bench'],
  ];
  return measure(rows, { source: server.pid }, async () => {
    const child = spawn(program, args, {
      env: { ...process.env, PGPASSWORD: server.password },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`pg_recvlogical ended with ${code}`);
  });
}

/** Drains a slot by Watcher's driver, and counts the changes. */
export async function drainByDriver(
  database: PostgresSource,
  slot: string,
  rows: number,
  from: string,
): Promise<Figure> {
  const driver = driverOf(database, slot);
  const never = new AbortController().signal;
  try {
    const { identity } = await driver.prepare(null, never);
    const start = { position: { kind: 'postgres', lsn: parseLsn(from) }, identity } as const;
    return await measure(rows, { source: database.server.pid }, async () => {
      let seen = 0;
      const from = { ...start, partial: null };
      for await (const batch of driver.stream(from, never, nothingStaged)) {
        for (const message of batch) {
          if (message.type === 'transaction') seen += message.changes.length;
        }
        if (seen > rows) break;
      }
    });
  } finally {
    await driver.close();
  }
}

/** Reads the table as the dump does; `take` gets the rows. */
export async function dumpByDriver(
  database: PostgresSource,
  rows: number,
  take: (chunk: RowChunk) => void,
): Promise<Figure> {
  const slot = 'bench_dump';
  const driver = driverOf(database, slot);
  const never = new AbortController().signal;
  try {
    await driver.prepare(null, never);
    return await measure(rows, { source: database.server.pid }, async () => {
      for await (const chunk of (await driver.dump(never)).chunks) take(chunk);
    });
  } finally {
    await driver.close();
    await dropSlot(database, slot);
  }
}

/** COPY … TO STDOUT over `pg`, every row thrown away as it comes. */
export async function copyToNothing(database: PostgresSource, rows: number): Promise<Figure> {
  return measure(rows, { source: database.server.pid }, async () => {
    await new Promise<void>((resolve, reject) => {
      const ignore = () => {};
      const discard = {
        submit: (connection: { query(sql: string): void }) =>
          connection.query(`COPY ${tableName} TO STDOUT`),
        handleCopyData: ignore,
        handleReadyForQuery: () => resolve(),
        handleError: reject,
        handleCommandComplete: ignore,
        handleRowDescription: ignore,
        handleDataRow: ignore,
        handleEmptyQuery: ignore,
        handlePortalSuspended: ignore,
        handleCopyInResponse: ignore,
      };
      database.client.query(discard as never);
    });
  });
}

/** A logical slot for pgoutput; answers where it begins. */
export async function createSlot({ client }: PostgresSource, slot: string): Promise<string> {
  const { rows } = await client.query<{ lsn: string }>(
    `SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')`,
    [slot],
  );
  return rows[0]?.lsn ?? '';
}

export async function dropSlot({ client }: PostgresSource, slot: string): Promise<void> {
  await client.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  );
}
