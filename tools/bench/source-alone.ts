/** The source without a sink: how fast the log and the table can be read by somebody who does nothing with them. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createPostgresDriver } from '../../src/drivers/postgres/driver.ts';
import type { RowChunk } from '../../src/replication/driver.ts';
import { parseLsn } from '../../src/replication/position.ts';
import { type Figure, measure } from './figures.ts';
import type { Database } from './lab.ts';
import { tableName } from './rows.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

function driverOf({ server, name }: Database, slot: string) {
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
  database: Database,
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
  return measure(rows, { postgres: server.pid }, async () => {
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
  database: Database,
  slot: string,
  rows: number,
  from: string,
): Promise<Figure> {
  const driver = driverOf(database, slot);
  const never = new AbortController().signal;
  try {
    const { identity } = await driver.prepare(null, never);
    const start = { position: { kind: 'postgres', lsn: parseLsn(from) }, identity } as const;
    return await measure(rows, { postgres: database.server.pid }, async () => {
      let seen = 0;
      for await (const message of driver.stream(
        { ...start, partial: null },
        never,
        nothingStaged,
      )) {
        if (message.type === 'transaction') seen += message.changes.length;
        if (seen > rows) break;
      }
    });
  } finally {
    await driver.close();
  }
}

/** Reads the table as the dump does; `take` gets the rows. */
export async function dumpByDriver(
  database: Database,
  rows: number,
  take: (chunk: RowChunk) => void,
): Promise<Figure> {
  const slot = 'bench_dump';
  const driver = driverOf(database, slot);
  const never = new AbortController().signal;
  try {
    await driver.prepare(null, never);
    return await measure(rows, { postgres: database.server.pid }, async () => {
      for await (const chunk of (await driver.dump(never)).chunks) take(chunk);
    });
  } finally {
    await driver.close();
    await database.dropSlot(slot);
  }
}

/** COPY … TO STDOUT over `pg`, every row thrown away as it comes. */
export async function copyToNothing(database: Database, rows: number): Promise<Figure> {
  return measure(rows, { postgres: database.server.pid }, async () => {
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

const nothingStaged = { async *read() {} };
