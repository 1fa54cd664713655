/** What is said to the server before it sends its log, and how it is asked for. */
import { WatcherError } from '../../errors.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { GtidSet } from './binlog/gtid-set.ts';
import type { ChecksumAlgorithm } from './binlog/header.ts';
import type { SourceConnection } from './connection.ts';
import { dumpCommand, dumpGtidCommand, largestRequestOffset, startOfFile } from './log-commands.ts';
import type { LogPlace } from './log-place.ts';
import type { ServerFacts } from './server-facts.ts';

export interface LogRequest {
  readonly command: Buffer;
  /** Of what comes before the first FORMAT_DESCRIPTION. */
  readonly checksum: ChecksumAlgorithm;
  /** Where the server begins to send; by GTIDs it says so itself. */
  readonly start: LogPlace;
  /** What lies before is to be passed over; null: nothing is. */
  readonly skipTo: LogPlace | null;
}

/** In nanoseconds. */
const heartbeatPeriod = 1_000_000_000;

/**
 * As replicas do:
 * - `binlog_checksum`: that we know checksums. A server that has none sends none.
 * - `heartbeat_period`: a sign of life for each second in which nothing happens.
 * - `mariadb_slave_capability` 4: MariaDB's own GTID events, not what older replicas understand.
 * MySQL 8.0.26 and later read the names with `source`, all others those with `master`.
 */
const settings = `SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @source_binlog_checksum = @@GLOBAL.binlog_checksum,
 @master_heartbeat_period = ${heartbeatPeriod}, @source_heartbeat_period = ${heartbeatPeriod},
 @mariadb_slave_capability = 4`;

/**
 * Prepares the session for reading after `from`:
 * 1. MySQL, with GTIDs: the server leaves out the transactions that `from` has.
 * 2. MariaDB, with GTIDs: the same by `@slave_connect_state`; strict, so that a GTID that is missing from its log is an
 *    error and not a gap.
 * 3. Else file and offset. An empty set of GTIDs names no place, and so does one of a server that has them off by now.
 */
export async function requestLog(
  connection: SourceConnection,
  facts: Pick<ServerFacts, 'flavour' | 'version' | 'gtids'>,
  serverId: number,
  from: MysqlPosition,
): Promise<LogRequest> {
  await connection.query(settings);
  const [row] = await connection.query('SELECT @master_binlog_checksum AS checksum');
  const checksum = row?.checksum?.toUpperCase() === 'CRC32' ? 'crc32' : 'none';
  const flags = { heartbeatV2: facts.flavour === 'mysql' && facts.version >= 80026 };
  const begin = { checksum, start: { file: '', offset: startOfFile }, skipTo: null } as const;
  if (!facts.gtids || from.gtid === null || from.gtid === '') {
    const far = from.offset > largestRequestOffset;
    const start = { file: from.file, offset: far ? startOfFile : from.offset };
    const command = dumpCommand(serverId, start, flags);
    return { command, checksum, start, skipTo: far ? from : null };
  }
  if (facts.flavour === 'mysql') {
    return { ...begin, command: dumpGtidCommand(serverId, parseSet(from.gtid), flags) };
  }
  await connection.query(
    'SET @slave_connect_state = ?, @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0',
    [from.gtid],
  );
  return { ...begin, command: dumpCommand(serverId, begin.start, flags) };
}

function parseSet(gtid: string): GtidSet {
  try {
    return GtidSet.parse(gtid);
  } catch (cause) {
    throw new WatcherError('checkpoint_unreadable', { cause });
  }
}
