/** Why the log cannot be followed. The texts name verbs, files and GTIDs, never what a statement says. */
import { WatcherError } from '../../errors.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { LogEvent } from './log-event.ts';

export function outOfOrder(what: string, { file, start }: LogEvent): WatcherError {
  return new WatcherError('unsupported_event', {
    message: `The binlog is out of order: ${what} (${file}:${start})`,
  });
}

/** The log is read from a place that no server of this checkpoint has ever called the end of a transaction. */
export function amidTransaction({ file, start }: LogEvent): WatcherError {
  return new WatcherError('source_replaced', {
    message: `The position of the checkpoint lies within a transaction of the binlog (${file}:${start}): it is not a position of this server`,
  });
}

export function partialGone({ gtid, file, offset }: MysqlPosition): WatcherError {
  const which = gtid === null ? `begins at ${file}:${offset}` : `is the last of ${gtid}`;
  return new WatcherError('source_replaced', {
    message: `The transaction that was half written, which ${which}, does not come again`,
  });
}

export function incident(code: number, { file, start }: LogEvent): WatcherError {
  return new WatcherError('binlog_incident', {
    message: `The server has lost events of its binlog (incident ${code} at ${file}:${start})`,
  });
}

const rowFormat =
  'SET GLOBAL binlog_format = ROW; let the sessions of applications connect anew; then dump again: POST /v1/syncs/{name}/dump.';

/** @param schema default database of the session */
export function loggedStatement(verb: string, schema: string, at: LogEvent): WatcherError {
  const where = schema === '' ? '' : ` in the database ${schema}`;
  const article = /^[AEIOU]/.test(verb) ? 'an' : 'a';
  return new WatcherError('unsupported_event', {
    message: `The binlog holds ${article} ${verb}${where} as a statement, without the rows that it changed (${at.file}:${at.start})`,
    remedy: rowFormat,
  });
}

export function unknownStatement(sql: string, schema: string, at: LogEvent): WatcherError {
  const where = schema === '' ? '' : ` in the database ${schema}`;
  return new WatcherError('unsupported_event', {
    message: `The binlog holds a statement${verbOf(sql)}${where} that this version does not know (${at.file}:${at.start})`,
    remedy: `Report it with the message. If it changes rows: ${rowFormat}`,
  });
}

const comments = /^(?:\s|--\s[^\n]*\n|#[^\n]*\n|\/\*[\s\S]*?\*\/)*/;

/** ` ANALYZE`, or nothing when it does not begin with a word. */
function verbOf(sql: string): string {
  const start = sql.replace(comments, '');
  const word = /^[A-Za-z]{2,20}(?![A-Za-z0-9_])/.exec(start)?.[0];
  return word === undefined ? '' : ` ${word.toUpperCase()}`;
}
