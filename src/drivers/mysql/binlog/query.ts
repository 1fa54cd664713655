/**
 * QUERY_EVENT: a statement, with the session that it ran in. MariaDB may compress the statement.
 * Source: MySQL, "Query_event" and its table of status variables; MariaDB, `Query_log_event`.
 */
import { inflateMariadb } from './inflate.ts';
import { type ByteReader, malformed } from './reader.ts';
import { parseStatusVariables, type StatusVariables } from './status-variables.ts';
import { decodeLenient } from './values/charset.ts';

export interface Query {
  readonly type: 'query';
  /** The default database of the session; '' is none. */
  readonly schema: string;
  /** Decoded from the charset of the client; bytes that are not valid in it stand as U+FFFD. */
  readonly sql: string;
  readonly session: StatusVariables;
}

/** What comes first is of no use to a reader: the id of the thread, and how many seconds the statement ran. */
const threadAndTimeBytes = 8;
const nothing = Buffer.alloc(0);

export class QueryParser {
  /** Of the BEGIN that was read last. */
  #beginBytes = nothing;
  #begin: Query | null = null;

  /** A transaction begins like the one before, nearly always: that is parsed once. */
  parse(reader: ByteReader): Query {
    reader.skip(threadAndTimeBytes);
    const { bytes, offset, end } = reader;
    if (this.#begin !== null && this.#beginBytes.compare(bytes, offset, end) === 0) {
      reader.skip(end - offset);
      return this.#begin;
    }
    const query = parseBody(reader, false);
    if (query.sql === 'BEGIN') {
      this.#beginBytes = Buffer.from(bytes.subarray(offset, end));
      this.#begin = query;
    }
    return query;
  }

  parseCompressed(reader: ByteReader): Query {
    reader.skip(threadAndTimeBytes);
    return parseBody(reader, true);
  }
}

function parseBody(reader: ByteReader, compressed: boolean): Query {
  const schemaBytes = reader.uint8();
  reader.skip(2); // errno that the statement ended with
  const session = parseStatusVariables(reader.view(reader.uint16()));
  const schema = reader.text(schemaBytes);
  if (reader.uint8() !== 0) throw malformed('a database name without its end');
  const statement = compressed ? inflateMariadb(reader.rest()) : reader.rest();
  const sql = decodeLenient(statement, session.clientCollation);
  return { type: 'query', schema, sql, session };
}
