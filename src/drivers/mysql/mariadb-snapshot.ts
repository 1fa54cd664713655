/**
 * Consistent snapshots of MariaDB, which know their own place in the log.
 * Source: MariaDB Knowledge Base, "Enhancements for START TRANSACTION WITH CONSISTENT SNAPSHOT".
 */
import { WatcherError } from '../../errors.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { SourceConnection } from './connection.ts';
import type { LogPlace } from './log-place.ts';
import type { Logger } from './options.ts';

const statusSql = `SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')`;

/** Somebody commits between two snapshots again and again: fewer connections read the dump then. */
const attempts = 50;

/** Begins transactions on the connections until they stand at one place; else on as many as do. */
export async function openAgreeing(
  readers: readonly SourceConnection[],
  logger: Logger,
): Promise<{
  readonly connections: readonly SourceConnection[];
  readonly position: MysqlPosition;
}> {
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
  const [first] = agreeing;
  if (first === undefined) throw new WatcherError('internal');
  return { connections: agreeing, position: await positionAt(first, place) };
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
