/** The replication slot: looked at, made with an exported snapshot, dropped. What follows from it: continuity.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WatcherError } from '../../errors.ts';
import { parseLsn } from '../../replication/position.ts';
import type { SourceConnection } from './connection.ts';
import type { Slot } from './continuity.ts';
import { refuseUnusable } from './continuity.ts';
import type { Logger } from './options.ts';
import { quoteName } from './sql-text.ts';

/** Source: PostgreSQL documentation, "pg_replication_slots"; 13 has wal_status, 16 conflicting, 17 the reason. */
function slotSql(version: number): string {
  const reasons = [
    version >= 170000 ? 'invalidation_reason' : null,
    version >= 160000 ? "CASE WHEN conflicting THEN 'conflicting' END" : null,
    version >= 130000 ? "CASE WHEN wal_status = 'lost' THEN 'its log was removed' END" : null,
    'NULL::text',
  ];
  return `
SELECT slot_name::text AS name, slot_type AS type, plugin::text AS plugin, database::text AS database,
  temporary, active_pid, restart_lsn::text AS restart, confirmed_flush_lsn::text AS confirmed,
  COALESCE(${reasons.filter((reason) => reason !== null).join(', ')}) AS lost
FROM pg_replication_slots WHERE slot_name = $1`;
}

/** How long a slot of ours may still be shown as held after its reader's connection ended. */
const releaseTimeoutMs = 2_000;

const holdPollMs = 10;

/** Waits a moment for a reader that has just gone; null when there is no such slot. */
export async function readSlot(
  connection: SourceConnection,
  version: number,
  name: string,
  waitMs = releaseTimeoutMs,
): Promise<Slot | null> {
  for (let waited = 0; ; waited += 50) {
    const [row] = await connection.query(slotSql(version), [name]);
    if (row === undefined) return null;
    if (row.active_pid !== null && waited < waitMs) {
      await sleep(50);
      continue;
    }
    return {
      name,
      type: row.type as Slot['type'],
      plugin: row.plugin as string | null,
      database: row.database as string | null,
      temporary: row.temporary === true,
      activePid: row.active_pid as number | null,
      restartLsn: row.restart === null ? null : parseLsn(String(row.restart)),
      confirmedLsn: row.confirmed === null ? null : parseLsn(String(row.confirmed)),
      lostBecause: row.lost as string | null,
    };
  }
}

/**
 * Waits until the backend holds the slot: from then on nobody else can advance it. Null when there is no such slot.
 * @param alive throws when the backend will not hold it any more.
 */
export async function readHeldSlot(
  read: () => Promise<Slot | null>,
  pid: number,
  alive: () => void,
): Promise<Slot | null> {
  for (;;) {
    alive();
    const slot = await read();
    if (slot === null || slot.activePid === pid) return slot;
    await sleep(holdPollMs);
  }
}

export interface NewSlot {
  /** Everything before is in the snapshot, everything from here on comes by the stream. */
  readonly consistentPoint: bigint;
  /** Serves until the next command on the connection that made it. */
  readonly snapshot: string;
}

export interface SlotRequest {
  readonly name: string;
  readonly database: string;
  readonly failover: boolean;
  readonly version: number;
  readonly timeoutMs: number;
}

/**
 * Drops the slot of this name if it is ours and nobody reads it, and makes it anew.
 * @param walsender holds the snapshot: keep it open, and idle, until all have imported it.
 * @throws WatcherError `slot_foreign`, `slot_in_use`, `slots_exhausted`, `slot_creation_timeout`.
 */
export async function createSlot(
  sql: SourceConnection,
  walsender: SourceConnection,
  request: SlotRequest,
  logger: Logger,
): Promise<NewSlot> {
  const old = await readSlot(sql, request.version, request.name);
  refuseUnusable(old, request.database);
  if (old !== null) {
    await sql.query('SELECT pg_drop_replication_slot($1)', [request.name]);
    logger.info({ slot: request.name }, 'replication slot dropped before a new dump');
  }
  const failover = request.failover && request.version >= 170000;
  const row = await withTimeLimit(sql, walsender, request, () =>
    create(walsender, request.name, failover, logger),
  );
  return {
    consistentPoint: parseLsn(String(row.consistent_point)),
    snapshot: String(row.snapshot_name),
  };
}

async function create(
  walsender: SourceConnection,
  name: string,
  failover: boolean,
  logger: Logger,
) {
  const command = `CREATE_REPLICATION_SLOT ${quoteName(name)} LOGICAL pgoutput`;
  const unlimited = 2 ** 31 - 1;
  if (failover) {
    try {
      const options = "(SNAPSHOT 'export', FAILOVER true)";
      return (await walsender.query(`${command} ${options}`, [], unlimited))[0] ?? {};
    } catch (error) {
      // Standbys cannot have such slots. One that cannot fail over still serves.
      if (!(error instanceof WatcherError) || !['slot_lost', 'source_error'].includes(error.code))
        throw error;
      logger.warn({ slot: name, error: error.message }, 'the slot is made without failover');
    }
  }
  return (await walsender.query(`${command} EXPORT_SNAPSHOT`, [], unlimited))[0] ?? {};
}

/**
 * Making a slot waits for the end of every transaction that has written. The walsender does not notice that its
 * client has gone while it waits, so it is ended by name.
 */
async function withTimeLimit<T>(
  sql: SourceConnection,
  walsender: SourceConnection,
  request: SlotRequest,
  make: () => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const making = make().finally(() => limit.abort());
  const late = sleep(request.timeoutMs, 'late' as const, { signal: limit.signal }).catch(
    () => null,
  );
  try {
    const first = await Promise.race([making, late]);
    if (first !== 'late') return await making;
    throw await timeoutError(sql, request, walsender.pid);
  } catch (error) {
    walsender.destroy();
    making.catch(() => {});
    await sql.query('SELECT pg_terminate_backend($1)', [walsender.pid]).catch(() => {});
    throw error;
  }
}

async function timeoutError(
  sql: SourceConnection,
  request: SlotRequest,
  ownPid: number,
): Promise<WatcherError> {
  const rows = await sql.query(
    `SELECT pid FROM pg_stat_activity
     WHERE (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) AND pid <> $1 AND pid <> pg_backend_pid()
     ORDER BY backend_xid IS NULL, xact_start`,
    [ownPid],
  );
  const prepared = await sql.query('SELECT gid FROM pg_prepared_xacts');
  const pids = rows.map((row) => Number(row.pid));
  const gids = prepared.map((row) => String(row.gid));
  const names = [
    ...(pids.length > 0 ? [`backends ${pids.join(', ')}`] : []),
    ...(gids.length > 0 ? [`prepared transactions ${gids.join(', ')}`] : []),
  ];
  const ends = [
    ...pids.map((pid) => `SELECT pg_terminate_backend(${pid});`),
    ...gids.map((gid) => `ROLLBACK PREPARED '${gid.replaceAll("'", "''")}';`),
  ];
  return new WatcherError('slot_creation_timeout', {
    message: `The replication slot ${request.name} could not be made within ${request.timeoutMs / 1000} s: it waits for running transactions (${names.join('; ') || 'none is visible to this user'})`,
    ...(ends.length > 0 && { remedy: `End them: ${ends.join(' ')}` }),
  });
}
