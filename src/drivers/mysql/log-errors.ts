/**
 * Error 1236 and its like: why the server does not send the log. It has one errno for many causes, and only its text
 * tells them apart; the texts are constants of the servers (MySQL 5.6 to 9.7, MariaDB 10.2 to 11), never translated.
 * Pure.
 */
import type { ErrorCode } from '../../errors.ts';
import { WatcherError } from '../../errors.ts';

/** ER_MASTER_FATAL_ERROR_READING_BINLOG */
const fatalReadingLog = 1236;
/** ER_SOURCE_HAS_PURGED_REQUIRED_GTIDS, raised by itself in some versions. */
const purgedGtids = 1789;
/** ER_SLAVE_SAME_ID (MariaDB) */
const sameServerId = 4052;

interface Cause {
  readonly text: RegExp;
  readonly code: ErrorCode;
  readonly what: string;
  readonly remedy?: string;
}

/** The first that matches counts. */
const causes: readonly Cause[] = [
  {
    text: /same server_uuid\/server_id/,
    code: 'server_id_clash',
    what: 'Another reader with the same server id has connected',
  },
  {
    text: /purged (?:required )?binary logs|have been purged|purged binary logs containing GTIDs/,
    code: 'binlog_purged',
    what: 'The server has purged binlogs that are not read yet',
  },
  {
    text: /Could not find first log file name/,
    code: 'binlog_purged',
    what: 'The binlog of the checkpoint is not on the server any more',
  },
  {
    text: /Could not find GTID state requested/,
    code: 'binlog_purged',
    what: 'The server has purged the binlog that follows the GTIDs of the checkpoint',
  },
  {
    text: /has more GTIDs than the/,
    code: 'source_replaced',
    what: 'The checkpoint has GTIDs that the server does not have: it was set back, or is another one',
  },
  {
    text: /not in the master's binlog|is missing the GTID|errant GTID/,
    code: 'source_replaced',
    what: 'The server does not have the GTID of the checkpoint: it was set back, or is another one',
  },
  {
    text: /position > file size|impossible position|beyond the end/,
    code: 'source_replaced',
    what: 'The binlog ends before the position of the checkpoint: the server was set back, or is another one',
  },
  {
    text: /GTID_MODE is (?:not ON|OFF)|GTID_MODE = OFF|GTID mode is OFF/i,
    code: 'binlog_setting',
    what: 'The checkpoint has GTIDs, and gtid_mode of the server is not ON any more',
    remedy:
      'SET GLOBAL gtid_mode = ON (by way of OFF_PERMISSIVE and ON_PERMISSIVE), or dump again.',
  },
  {
    text: /max_allowed_packet/,
    code: 'binlog_setting',
    what: 'An event of the binlog is larger than max_allowed_packet of the server',
    remedy: 'SET GLOBAL max_allowed_packet = 1073741824;',
  },
  {
    text: /server_id was not set|Misconfigured (?:master|source)/,
    code: 'binlog_setting',
    what: 'The server has no server_id',
    remedy: 'SET GLOBAL server_id = 1; and the same in its option file.',
  },
  {
    text: /Binary log is not open|log_bin/,
    code: 'binlog_setting',
    what: 'The server writes no binlog',
    remedy: 'Set log_bin in the option file of the server and restart it.',
  },
  {
    text: /crc check|checksum|bogus data|truncated in the middle|corrupt|memory allocation failed/i,
    code: 'binlog_incident',
    what: 'The server cannot read its own binlog',
  },
];

/** @returns null when the error is about something else. */
export function fromLogError(errno: number, text: string): WatcherError | null {
  if (![fatalReadingLog, purgedGtids, sameServerId].includes(errno)) return null;
  const cause = causes.find((candidate) => candidate.text.test(text));
  const said = `the server says: ${text} (error ${errno})`;
  if (cause === undefined) {
    return new WatcherError(errno === purgedGtids ? 'binlog_purged' : 'source_error', {
      message: `The binlog cannot be read; ${said}`,
    });
  }
  const { code, what, remedy } = cause;
  return new WatcherError(code, {
    message: `${what}; ${said}`,
    ...(remedy !== undefined && { remedy }),
  });
}
