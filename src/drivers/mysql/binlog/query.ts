/**
 * QUERY_EVENT: a statement, with the session that it ran in. MariaDB may compress the statement.
 * Source: MySQL, "Query_event" and its table of status variables; MariaDB, `Query_log_event`.
 */
import { inflateMariadb } from './inflate.ts';
import { type ByteReader, malformed } from './reader.ts';
import type { SessionParser, StatusVariables } from './status-variables.ts';
import { decodeLenient } from './values/charset.ts';

export interface Query {
  readonly type: 'query';
  readonly threadId: number;
  /** errno that the statement ended with on the server; 0: none. */
  readonly errorCode: number;
  /** The default database of the session; '' is none. */
  readonly schema: string;
  /** Decoded from the charset of the client; bytes that are not valid in it stand as U+FFFD. */
  readonly sql: string;
  readonly session: StatusVariables;
}

/** By far the most frequent statement. */
const begin = Buffer.from('BEGIN');

export function parseQuery(
  reader: ByteReader,
  sessions: SessionParser,
  compressed: boolean,
): Query {
  const threadId = reader.uint32();
  reader.skip(4); // how long it ran, in seconds
  const schemaBytes = reader.uint8();
  const errorCode = reader.uint16();
  const session = sessions.parse(reader, reader.uint16());
  const schema = reader.text(schemaBytes);
  if (reader.uint8() !== 0) throw malformed('a database name without its end');
  const statement = compressed ? inflateMariadb(reader.rest()) : reader.rest();
  const sql = statement.equals(begin) ? 'BEGIN' : decodeLenient(statement, session.clientCollation);
  return { type: 'query', threadId, errorCode, schema, sql, session };
}
