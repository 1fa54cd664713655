/** The session variables in a QUERY_EVENT: a code, then a value whose length the code fixes. */
import { ByteReader, malformed } from './reader.ts';

export interface StatusVariables {
  /** Bits of sql_mode. null: the event does not say. */
  readonly sqlMode: bigint | null;
  /** "a" is an identifier, not text: how the statement is to be read. */
  readonly ansiQuotes: boolean;
  /** Of the bytes of the statement. */
  readonly clientCollation: number | null;
  readonly timeZone: string | null;
  /** A DDL statement that ends its transaction by itself carries the xid of it. */
  readonly ddlXid: bigint | null;
}

const ansiQuotesBit = 4n;

interface Draft {
  sqlMode: bigint | null;
  clientCollation: number | null;
  timeZone: string | null;
  ddlXid: bigint | null;
}

/** undefined: of no use to a reader. */
type Parse = (reader: ByteReader) => Partial<Draft> | undefined;

const skip =
  (length: number): Parse =>
  (reader) => {
    reader.skip(length);
    return undefined;
  };

const skipShortText: Parse = (reader) => {
  reader.skip(reader.uint8());
  return undefined;
};

/** With a zero byte at its end. */
const skipCatalog: Parse = (reader) => {
  reader.skip(reader.uint8() + 1);
  return undefined;
};

const skipInvoker: Parse = (reader) => {
  skipShortText(reader); // user
  return skipShortText(reader); // host
};

const readCharsets: Parse = (reader) => {
  const clientCollation = reader.uint16();
  reader.skip(4); // of the connection, of the server
  return { clientCollation };
};

const skipCharsetCollations: Parse = (reader) => {
  reader.skip(reader.uint8() * 4);
  return undefined;
};

/** More databases than fit: no list follows. */
const tooManyDatabases = 254;

const skipDatabases: Parse = (reader) => {
  const count = reader.uint8();
  if (count === tooManyDatabases) return undefined;
  for (let index = 0; index < count; index++) reader.zeroTerminated();
  return undefined;
};

const alterFlags = 4 | 8; // COMMIT ALTER, ROLLBACK ALTER

const skipGtidFlags: Parse = (reader) => {
  if ((reader.uint8() & alterFlags) !== 0) reader.skip(8);
  return undefined;
};

/** By code. MariaDB's own start at 128. */
const variables: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [0, skip(4)], // flags2
  [1, (reader) => ({ sqlMode: reader.uint64() })],
  [2, skipCatalog],
  [3, skip(4)], // auto_increment_increment and _offset
  [4, readCharsets],
  [5, (reader) => ({ timeZone: reader.text(reader.uint8()) })],
  [6, skipShortText], // catalog
  [7, skip(2)], // lc_time_names
  [8, skip(2)], // collation_database
  [9, skip(8)], // tables of a multi-table update
  [10, skip(4)], // size at the source
  [11, skipInvoker],
  [12, skipDatabases],
  [13, skip(3)], // microseconds
  [16, skip(1)], // explicit_defaults_for_timestamp
  [17, (reader) => ({ ddlXid: reader.uint64() })],
  [18, skip(2)], // default_collation_for_utf8mb4
  [19, skip(1)], // sql_require_primary_key
  [20, skip(1)], // default_table_encryption
  [21, skip(1)], // a flag of statements that change rows, seen on 9.7
  [128, skip(3)], // microseconds
  [129, (reader) => ({ ddlXid: reader.uint64() })],
  [130, skipGtidFlags],
  [131, skipCharsetCollations],
]);

/**
 * Variables of newer servers stand after those that older readers know, so that a reader may stop at the first that
 * it does not know (the rule of `Query_event`).
 */
function isFuture(code: number): boolean {
  return (code > 21 && code < 128) || code > 131;
}

export function parseStatusVariables(bytes: Buffer): StatusVariables {
  const reader = new ByteReader(bytes);
  const draft: Draft = { sqlMode: null, clientCollation: null, timeZone: null, ddlXid: null };
  while (reader.remaining > 0) {
    const code = reader.uint8();
    const parse = variables.get(code);
    if (parse === undefined && isFuture(code)) break;
    if (parse === undefined) throw malformed(`status variable ${code} of a statement`);
    Object.assign(draft, parse(reader));
  }
  return { ...draft, ansiQuotes: ((draft.sqlMode ?? 0n) & ansiQuotesBit) !== 0n };
}
