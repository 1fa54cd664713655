/**
 * WRITE, UPDATE and DELETE_ROWS events: which columns their row images hold, and the rows, still in bytes.
 * Source: MySQL, "Rows_event"; MariaDB, `Rows_log_event` and `binlog_buf_uncompress`.
 */
import { inflateMariadb } from './inflate.ts';
import { type ByteReader, malformed } from './reader.ts';

/** Which columns of the table an image holds. */
export interface PresentColumns {
  /** Bit i, from the lowest bit of the first byte: column i. */
  readonly bitmap: Buffer;
  readonly count: number;
  /** Every column is there: binlog_row_image=FULL. */
  readonly full: boolean;
}

export interface RowsEvent {
  readonly type: 'rows';
  readonly op: 'insert' | 'update' | 'delete';
  readonly tableId: number;
  /** The last event of a statement: table ids are free again after it. */
  readonly endOfStatement: boolean;
  readonly columnCount: number;
  /** Of update and delete. */
  readonly before: PresentColumns | null;
  /** Of insert and update. */
  readonly after: PresentColumns | null;
  /** PARTIAL_UPDATE_ROWS: after images may hold differences of JSON columns. */
  readonly partialJson: boolean;
  /** A view. */
  readonly rows: Buffer;
}

export interface RowsFormat {
  readonly op: RowsEvent['op'];
  readonly version: 1 | 2;
  readonly compressed: boolean;
  readonly partialJson: boolean;
}

const endOfStatementFlag = 1;

export function parseRows(reader: ByteReader, format: RowsFormat, tableIdBytes: 4 | 6): RowsEvent {
  const tableId = reader.uint(tableIdBytes);
  const flags = reader.uint16();
  if (format.version === 2) skipExtraData(reader);
  const columnCount = reader.lengthEncoded();
  const first = presentColumns(reader, columnCount);
  const second = format.op === 'update' ? presentColumns(reader, columnCount) : first;
  const rest = reader.rest();
  return {
    type: 'rows',
    op: format.op,
    tableId,
    endOfStatement: (flags & endOfStatementFlag) !== 0,
    columnCount,
    before: format.op === 'insert' ? null : first,
    after: format.op === 'delete' ? null : second,
    partialJson: format.partialJson,
    rows: format.compressed ? inflateMariadb(rest) : rest,
  };
}

/** NDB and partition information: of no use to a reader. The length counts its own two bytes. */
function skipExtraData(reader: ByteReader): void {
  const length = reader.uint16();
  if (length < 2) throw malformed('the extra data of a row event is shorter than its length');
  reader.skip(length - 2);
}

/** Of tables with so many columns all columns; made once. */
const allColumns = new Map<number, PresentColumns>();

function presentColumns(reader: ByteReader, columnCount: number): PresentColumns {
  const length = (columnCount + 7) >> 3;
  const start = reader.take(length);
  let count = 0;
  for (let index = 0; index < columnCount; index++) {
    count += ((reader.bytes[start + (index >> 3)] as number) >> (index & 7)) & 1;
  }
  const known = count === columnCount ? allColumns.get(columnCount) : undefined;
  if (known !== undefined) return known;
  const bitmap = Buffer.from(reader.bytes.subarray(start, start + length));
  const present = { bitmap, count, full: count === columnCount };
  if (present.full) allColumns.set(columnCount, present);
  return present;
}

/** The rows have every column before and after: binlog_row_image=FULL, without partial JSON. */
export function isFullImage(event: RowsEvent): boolean {
  return event.before?.full !== false && event.after?.full !== false && !event.partialJson;
}
