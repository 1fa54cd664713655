/** How many bytes a value takes, for columns that are not wanted. */
import { columnTypes as t } from './column-types.ts';
import { type ByteReader, malformed } from './reader.ts';
import type { ColumnMap } from './table-map.ts';
import { decimalBytes } from './values/numbers.ts';

export type Skip = (reader: ByteReader) => void;

const fixedBytes: ReadonlyMap<number, number> = new Map([
  [t.tiny, 1],
  [t.short, 2],
  [t.int24, 3],
  [t.long, 4],
  [t.longlong, 8],
  [t.float, 4],
  [t.double, 8],
  [t.year, 1],
  [t.date, 3],
  [t.newdate, 3],
  [t.time, 3],
  [t.datetime, 8],
  [t.timestamp, 4],
]);

/**
 * By digits of the fraction: what the values of MariaDB 5.3 take, which keep their types (mysql56_temporal_format=OFF).
 * Source: MariaDB, `Type_handler_time::hires_bytes` and the same of the others.
 */
const oldFractionBytes: ReadonlyMap<number, readonly number[]> = new Map([
  [t.time, [3, 4, 4, 5, 5, 5, 6]],
  [t.datetime, [8, 6, 6, 7, 7, 7, 8]],
  [t.timestamp, [4, 5, 5, 6, 6, 7, 7]],
]);

/**
 * Goes past one value of the column that is not NULL.
 * @param digits of the fraction, as `ColumnHints.digits`
 */
export function columnSkip(column: ColumnMap, digits = 0): Skip {
  const fixed = oldFractionBytes.get(column.type)?.[digits] ?? fixedSize(column);
  if (fixed !== null) return (reader) => reader.skip(fixed);
  const lengthBytes = prefixBytes(column);
  return (reader) => reader.skip(reader.uint(lengthBytes));
}

function fixedSize({ type, meta }: ColumnMap): number | null {
  const known = fixedBytes.get(type);
  if (known !== undefined) return known;
  switch (type) {
    case t.newdecimal:
      return decimalBytes(meta >> 8, meta & 0xff);
    case t.bit:
      return (meta + 7) >> 3;
    case t.enum:
    case t.set:
      return meta;
    case t.timestamp2:
      return 4 + ((meta + 1) >> 1);
    case t.datetime2:
      return 5 + ((meta + 1) >> 1);
    case t.time2:
      return 3 + ((meta + 1) >> 1);
    default:
      return null;
  }
}

function prefixBytes({ type, meta }: ColumnMap): number {
  switch (type) {
    case t.string:
    case t.varchar:
    case t.varString:
    case t.varcharCompressed:
      return meta > 255 ? 2 : 1;
    case t.blob:
    case t.blobCompressed:
    case t.geometry:
    case t.vector:
    case t.json:
      if (meta < 1 || meta > 4) throw malformed(`a length of ${meta} bytes`);
      return meta;
    default:
      throw malformed(`values of column type ${type}`);
  }
}
