/** The connections of a dump: those that read, and those that keep tables locked. */
import { WatcherError } from '../../errors.ts';
import type { SourceConnection } from './connection.ts';
import { connect } from './connection.ts';
import { assertServer } from './server.ts';
import type { SnapshotRequest } from './snapshot.ts';
import { quoteTable } from './sql-text.ts';
import type { TableDefinition } from './tables.ts';

export const beginSnapshot = 'START TRANSACTION WITH CONSISTENT SNAPSHOT';

/** FTWRL waits for running statements, and everybody who writes waits for it: lock_wait_timeout is 5 s. */
export const lockTimeoutMs = 30_000;

/** Connections that are ended together when something fails. */
export class Group {
  readonly #open: SourceConnection[] = [];
  readonly #request: SnapshotRequest;

  constructor(request: SnapshotRequest) {
    this.#request = request;
  }

  async connect(): Promise<SourceConnection> {
    const { context, signal } = this.#request;
    const connection = await connect(context.target, signal);
    this.#open.push(connection);
    await assertServer(connection, context.facts);
    return connection;
  }

  readers(): Promise<readonly SourceConnection[]> {
    const count = Math.max(1, this.#request.connections);
    return Promise.all(Array.from({ length: count }, () => this.connect()));
  }

  async or<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.end();
      throw error;
    }
  }

  end(): void {
    for (const connection of this.#open) connection.destroy();
  }
}

function plainTables({ tables }: SnapshotRequest): readonly TableDefinition[] {
  return tables.filter(({ transactional }) => !transactional);
}

/** @param tables their names, quoted */
export async function lockTables(
  connection: SourceConnection,
  tables: readonly string[],
): Promise<void> {
  const list = tables.map((table) => `${table} READ`).join(', ');
  await connection.query(`LOCK TABLES ${list}`, [], lockTimeoutMs);
}

/** Tables without transactions stay locked while they are read. */
export async function lockPlain(
  group: Group,
  request: SnapshotRequest,
): Promise<SourceConnection | null> {
  const tables = plainTables(request);
  if (tables.length === 0) return null;
  const locker = await group.connect();
  await lockTables(locker, tables.map(quoteTable));
  return locker;
}

export function required<T>(end: T | null): T {
  if (end !== null) return end;
  throw new WatcherError('binlog_setting', {
    message: 'The server writes no binlog',
    remedy: 'Set log_bin in the option file of the server and restart it.',
  });
}
