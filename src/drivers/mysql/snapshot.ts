/**
 * Connections that see one state of the tables, and the place of that state in the log. DESIGN §5: a position that is
 * read before the snapshot loses rows, one that is read after it repeats them.
 *
 * What holds the log still while snapshots are taken; each gives way to the next when the account may not, or when its
 * lock does not come in `lock_wait_timeout`:
 *   mariadb   MariaDB: nothing. A consistent snapshot knows its own place in the log (binlog_snapshot_*). Several are
 *             taken until their places agree.
 *   lock      LOCK TABLES … READ of the tables alone. It waits for transactions that have written to them, and lets
 *             all others pass while it waits. MySQL before 5.7 does not wait for open transactions: not used there.
 *   log       MySQL 5.7 and later with GTIDs: nothing. G1, the GTIDs that are executed before the first snapshot, and
 *             G2, where the log ends after the last; the log in between is read (catch-up.ts). MySQL 5.6 adds a GTID to
 *             gtid_executed before its engine commits.
 *   ftwrl     FLUSH TABLES WITH READ LOCK. Last on MySQL: behind a long statement it keeps all who write waiting, and
 *             when it gives up, the tables of that statement stay closed for everybody until the statement ends.
 */
import { WatcherError } from '../../errors.ts';
import type { RowChunk } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { SourceConnection } from './connection.ts';
import { isDenied, isLockTimeout } from './errors.ts';
import type { LogContext, StreamBinlog } from './log-access.ts';
import { positionOf, readLogEnd } from './log-place.ts';
import { withCatchUp } from './log-snapshot.ts';
import { openAgreeing } from './mariadb-snapshot.ts';
import { readOccupied } from './occupied.ts';
import {
  beginSnapshot,
  Group,
  lockPlain,
  lockTables,
  lockTimeoutMs,
  required,
} from './snapshot-readers.ts';
import { quoteAccount, quoteTable } from './sql-text.ts';
import type { TableDefinition } from './tables.ts';
import { refusePrepared } from './xa.ts';

export interface SnapshotRequest {
  readonly context: LogContext;
  readonly streamBinlog: StreamBinlog;
  readonly tables: readonly TableDefinition[];
  readonly connections: number;
  /** A stream runs, which knows what is prepared (xa.ts). */
  readonly besideStream: boolean;
  /** Runs while nothing can be written, for what takes a snapshot of its own; it needs a method with a lock. */
  readonly whileLocked?: () => Promise<void>;
  readonly signal: AbortSignal;
}

export interface Snapshot {
  readonly method: 'mariadb' | 'ftwrl' | 'lock' | 'log';
  /** In a transaction each; all see the same. */
  readonly connections: readonly SourceConnection[];
  /** Holds the tables without transactions locked until it is closed; null: there are none. */
  readonly locker: SourceConnection | null;
  readonly position: MysqlPosition;
  /** Ids of the tables that had rows; null: the server protects the snapshot from TRUNCATE, or says that it did not. */
  readonly occupied: ReadonlySet<string> | null;
  /** Brings what was read up to `position`. */
  settle(chunks: AsyncIterable<RowChunk>): AsyncIterable<RowChunk>;
}

/** @returns null when it did not come to an end. */
type Method = (request: SnapshotRequest) => Promise<Snapshot | null>;

export async function openSnapshot(request: SnapshotRequest): Promise<Snapshot> {
  const reasons: string[] = [];
  let denied = true;
  for (const method of methodsFor(request)) {
    try {
      const snapshot = await method(request);
      if (snapshot !== null) return snapshot;
      denied = false;
      reasons.push('tables were altered, or XA transactions were committed, each time');
    } catch (error) {
      if (!(error instanceof WatcherError) || !(isDenied(error) || isLockTimeout(error)))
        throw error;
      request.context.options.logger.info({ reason: error.message }, 'another way to a snapshot');
      if (isLockTimeout(error)) denied = false;
      reasons.push(error.message);
    }
  }
  throw noWay(request, denied, reasons);
}

function methodsFor({ context, whileLocked }: SnapshotRequest): readonly Method[] {
  const { flavour, version, gtids } = context.facts;
  if (flavour === 'mariadb') {
    // Its FTWRL (10.4 and later) does not wait for statements that only read.
    return whileLocked === undefined ? [withoutLock] : [withGlobalLock, withTableLocks];
  }
  if (version < 50700) return [withGlobalLock];
  if (gtids && whileLocked === undefined) return [withTableLocks, withCatchUp, withGlobalLock];
  return [withTableLocks, withGlobalLock];
}

function noWay(
  { context, whileLocked }: SnapshotRequest,
  denied: boolean,
  reasons: readonly string[],
): WatcherError {
  const because = [...new Set(reasons)].join('; ');
  if (!denied) {
    return new WatcherError('source_busy', {
      message: `The tables could not be locked for the moment that a dump begins: ${because}`,
      remedy: 'End the long statements: SHOW PROCESSLIST; then KILL QUERY …;',
    });
  }
  const account = quoteAccount(context.facts.account);
  const other =
    whileLocked !== undefined
      ? ' Or set dump.method: native.'
      : context.facts.flavour === 'mysql'
        ? ' With gtid_mode = ON no lock is needed (MySQL 5.7 and later).'
        : '';
  return new WatcherError('privilege_missing', {
    message: `A dump needs a lock for the moment that it begins, and the account may take none: ${because}`,
    remedy: `GRANT RELOAD ON *.* TO ${account};${other}`,
  });
}

const asRead = (chunks: AsyncIterable<RowChunk>) => chunks;

function withGlobalLock(request: SnapshotRequest): Promise<Snapshot> {
  return locked(request, 'ftwrl', async (connection) => {
    await connection.query('FLUSH TABLES WITH READ LOCK', [], lockTimeoutMs);
  });
}

function withTableLocks(request: SnapshotRequest): Promise<Snapshot> {
  const tables = request.tables.map(quoteTable);
  return locked(request, 'lock', (connection) =>
    lockTables(connection, [...tables, ...parentsToLock(request)]),
  );
}

/**
 * Before MySQL 8.0 a transaction that changes a table by way of a foreign key does not hold it: to wait for that
 * transaction is to lock the table whose rows it did change.
 */
function parentsToLock({ context, tables }: SnapshotRequest): readonly string[] {
  const { flavour, version } = context.facts;
  if (flavour === 'mariadb' || version >= 80000) return [];
  const ids = new Set(tables.map(({ id }) => id));
  return [...context.selection().cascades]
    .filter(([, { onDelete, onKeyUpdate }]) =>
      [...onDelete, ...onKeyUpdate].some((child) => ids.has(child)),
    )
    .map(([parent]) => parent)
    .filter((parent) => !ids.has(parent));
}

/**
 * While the lock is held nobody commits a change of the tables: what the log has of them is in the snapshots, and what
 * is in the snapshots is in the log. Of transactions on other tables some may be between the two; nobody asks for them.
 */
function locked(
  request: SnapshotRequest,
  method: 'ftwrl' | 'lock',
  lock: (connection: SourceConnection) => Promise<void>,
): Promise<Snapshot> {
  const group = new Group(request);
  return group.or(async () => {
    const readers = await group.readers();
    const guard = await group.connect();
    await lock(guard);
    const locker = await lockPlain(group, request);
    await Promise.all(readers.map((reader) => reader.query(beginSnapshot)));
    await request.whileLocked?.();
    const occupied = await readOccupied(guard, request.context.facts, request.tables);
    if (!request.besideStream) await refusePrepared(guard, request.context.facts);
    const end = await readLogEnd(guard, request.context.facts);
    await guard.query('UNLOCK TABLES');
    await guard.close();
    return {
      method,
      connections: readers,
      locker,
      position: positionOf(required(end)),
      occupied,
      settle: asRead,
    };
  });
}

/** Method `mariadb`. */
function withoutLock(request: SnapshotRequest): Promise<Snapshot> {
  const group = new Group(request);
  return group.or(async () => {
    const readers = await group.readers();
    const locker = await lockPlain(group, request);
    const { facts, options } = request.context;
    const end = required(await readLogEnd(readers[0] as SourceConnection, facts));
    const { connections, position } = await openAgreeing(readers, end, options.logger);
    for (const reader of readers) if (!connections.includes(reader)) await reader.close();
    const [first] = connections;
    if (first !== undefined && !request.besideStream) await refusePrepared(first, facts);
    return { method: 'mariadb', connections, locker, position, occupied: null, settle: asRead };
  });
}
