/** Where the server's log ends now. */
import { parseLsn } from '../../replication/position.ts';
import type { Row, SourceConnection } from './connection.ts';

/** What `walPosition` needs of a row. */
export const walColumns = `
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS lsn,
  current_setting('wal_block_size') AS page, pg_size_bytes(current_setting('wal_segment_size')) AS segment`;

/** The end of the last record that is in the log, flushed or not. */
export async function readWalPosition(connection: SourceConnection): Promise<bigint> {
  const [row] = await connection.query(`SELECT ${walColumns}`);
  return walPosition(row ?? {});
}

/** @param row with `walColumns`. */
export function walPosition({ lsn, page, segment }: Row): bigint {
  return recordEnd(parseLsn(String(lsn)), BigInt(String(page)), BigInt(String(segment)));
}

/**
 * pg_current_wal_insert_lsn() is where the next record goes, which is behind the header of a page that has just
 * begun. No record ends there, and an idle stream would never reach it.
 * Source: XLogPageHeaderData, XLogLongPageHeaderData in src/include/access/xlog_internal.h.
 */
export function recordEnd(insert: bigint, pageBytes: bigint, segmentBytes: bigint): bigint {
  const shortHeader = 24n;
  const longHeader = 40n;
  if (insert % segmentBytes === longHeader) return insert - longHeader;
  const firstPage = insert % segmentBytes < pageBytes;
  return !firstPage && insert % pageBytes === shortHeader ? insert - shortHeader : insert;
}
