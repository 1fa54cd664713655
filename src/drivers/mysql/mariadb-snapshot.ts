/**
 * Consistent snapshots of MariaDB, which know their own place in the log.
 * Source: MariaDB Knowledge Base, "Enhancements for START TRANSACTION WITH CONSISTENT SNAPSHOT".
 */
import { setTimeout } from 'node:timers/promises';
import { WatcherError } from '../../errors.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { MariadbGtidSet } from './binlog/mariadb-gtid-set.ts';
import type { SourceConnection } from './connection.ts';
import type { LogEnd, LogPlace } from './log-place.ts';
import { comparePlaces } from './log-place.ts';
import type { Logger } from './options.ts';

const statusSql = `SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')`;

/** Somebody commits between two snapshots again and again: fewer connections read the dump then. */
const attempts = 50;
/** For what is in the log and still commits; a disk may take that long. */
const commitAttempts = 500;
const pauseMs = 20;

/**
 * Begins transactions on the connections until they stand at one place; else on as many as do.
 * @param end where the log ended before: what is in it up to there is in the snapshots. (It is written to the log before
 *   it is committed, and a snapshot knows only what is committed.)
 * @throws WatcherError `source_busy` when that does not come.
 */
export async function openAgreeing(
  readers: readonly SourceConnection[],
  end: LogEnd,
  logger: Logger,
): Promise<{
  readonly connections: readonly SourceConnection[];
  readonly position: MysqlPosition;
}> {
  const [first] = readers;
  if (first === undefined) throw new WatcherError('internal');
  await awaitCommitted(first, end);
  let agreeing: readonly SourceConnection[] = [];
  let place: LogPlace = { file: '', offset: 0 };
  for (let attempt = 0; attempt < attempts && agreeing.length < readers.length; attempt += 1) {
    const places = await Promise.all(readers.map(begin));
    place = places[0] as LogPlace;
    agreeing = readers.filter((_, index) => isSame(places[index], place));
  }
  if (agreeing.length < readers.length) {
    logger.info({ connections: agreeing.length }, 'the source is too busy for equal snapshots');
  }
  return { connections: agreeing, position: await positionAt(first, place) };
}

/** Snapshots that begin later have all that one of now has. */
async function awaitCommitted(reader: SourceConnection, end: LogEnd): Promise<void> {
  for (let attempt = 0; attempt < commitAttempts; attempt += 1) {
    if (attempt > 0) await setTimeout(pauseMs);
    const place = await begin(reader);
    if (comparePlaces(place, end) >= 0) return;
    // The log may end with events that are nobody's transaction.
    const { gtid } = await positionAt(reader, place);
    if (gtid !== null && end.gtid !== null && sameGtids(gtid, end.gtid)) return;
  }
  throw new WatcherError('source_busy', {
    message: 'The last transactions of the binlog are still not committed',
    remedy: 'None needed: the dump begins again.',
  });
}

/** Which of two is the later, their numbers do not say (server.ts). */
function sameGtids(a: string, b: string): boolean {
  return MariadbGtidSet.parse(a).format() === MariadbGtidSet.parse(b).format();
}

/** A statement that begins a transaction ends the one before. */
async function begin(connection: SourceConnection): Promise<LogPlace> {
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  const rows = await connection.query(statusSql);
  const value = (name: string) =>
    rows.find((row) => row.Variable_name?.toLowerCase() === name)?.Value ?? '';
  return {
    file: value('binlog_snapshot_file'),
    offset: Number(value('binlog_snapshot_position')),
  };
}

function isSame(a: LogPlace | undefined, b: LogPlace): boolean {
  return a !== undefined && a.file === b.file && a.offset === b.offset;
}

async function positionAt(connection: SourceConnection, place: LogPlace): Promise<MysqlPosition> {
  if (place.file === '') {
    throw new WatcherError('binlog_setting', {
      message: 'The snapshot has no place in the binlog',
      remedy: 'Set log_bin in the option file of the server and restart it.',
    });
  }
  const [row] = await connection.query('SELECT BINLOG_GTID_POS(?, ?) AS gtid', [
    place.file,
    place.offset,
  ]);
  return { kind: 'mysql', gtid: row?.gtid ?? null, ...place };
}
