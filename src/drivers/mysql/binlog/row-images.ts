/** The rows of a row event → fragments. */
import { WatcherError } from '../../../errors.ts';
import type { Fragment } from '../../../replication/change.ts';
import { columnTypes } from './column-types.ts';
import { ByteReader, malformed } from './reader.ts';
import type { PresentColumns, RowsEvent } from './rows.ts';
import { columnSkip, type Skip } from './skip.ts';
import type { TableMap } from './table-map.ts';
import type { CodecOptions, ColumnHints } from './values/codec.ts';
import { columnReader } from './values/column.ts';
import { type JsonDiffs, readJsonDiffs } from './values/json-diff.ts';

/** By column of the table map. undefined: the image does not hold the column, or it is not wanted. */
export type ImageValues = readonly (Fragment | undefined)[];

/** As `ImageValues`; a JSON column may be given by what changed in it. */
export type AfterValues = readonly (Fragment | JsonDiffs | undefined)[];

export interface BinlogRow {
  /** null: of insert. */
  readonly before: ImageValues | null;
  /** null: of delete. */
  readonly after: AfterValues | null;
}

export interface RowDecoderOptions extends CodecOptions {
  /** By column of the table map; what is missing is `{}`. */
  readonly hints?: readonly (ColumnHints | undefined)[];
  /** Columns to leave out: not decoded, `undefined` in the images. */
  readonly isWanted?: (column: number) => boolean;
  /** Of those: the columns that are wanted of a before image. Without it all of them are. */
  readonly isWantedBefore?: (column: number) => boolean;
}

type ReadValue = (reader: ByteReader) => Fragment | undefined;

/** How the columns of an image are read; those that are not wanted are passed over. */
interface Columns {
  readonly read: readonly ReadValue[];
  readonly wanted: readonly boolean[];
}

export class RowDecoder {
  readonly #map: TableMap;
  readonly #reader = new ByteReader(Buffer.alloc(0));
  readonly #after: Columns;
  readonly #before: Columns;
  readonly #isJson: readonly boolean[];

  /** @throws WatcherError as `columnReader`, with the name of the column. */
  constructor(map: TableMap, options: RowDecoderOptions) {
    this.#map = map;
    const skips = map.columns.map((column, index) =>
      skipped(columnSkip(column, options.hints?.[index]?.digits)),
    );
    const wanted = map.columns.map((_, index) => options.isWanted?.(index) !== false);
    const read = map.columns.map((column, index): ReadValue => {
      if (wanted[index] === false) return skips[index] as ReadValue;
      try {
        return columnReader(column, options.hints?.[index] ?? {}, options);
      } catch (error) {
        throw this.#named(error, index);
      }
    });
    this.#after = { read, wanted };
    const { isWantedBefore } = options;
    if (isWantedBefore === undefined) {
      this.#before = this.#after;
    } else {
      const wantedBefore = wanted.map((is, index) => is && isWantedBefore(index));
      const readBefore = read.map((value, index) =>
        wantedBefore[index] === true ? value : (skips[index] as ReadValue),
      );
      this.#before = { read: readBefore, wanted: wantedBefore };
    }
    this.#isJson = map.columns.map(({ type }) => type === columnTypes.json);
  }

  /**
   * @throws WatcherError `unsupported_value` or `unsupported_event`, with the names of table and column, when the
   *   rows are not of this table map, truncated, or hold what cannot be represented.
   */
  decode(event: RowsEvent): BinlogRow[] {
    if (event.columnCount !== this.#map.columns.length) {
      throw malformed(`rows of ${event.columnCount} columns, and a table map of another number`);
    }
    const reader = this.#reader.reset(event.rows);
    if (reader.remaining === 0) return [];
    // Most events have one row, and an array that has grown takes room for many more.
    const rows = [this.#row(reader, event)];
    while (reader.remaining > 0) rows.push(this.#row(reader, event));
    return rows;
  }

  #row(reader: ByteReader, event: RowsEvent): BinlogRow {
    const start = reader.offset;
    const before = event.before === null ? null : this.#image(reader, event.before, this.#before);
    const after = event.after === null ? null : this.#afterImage(reader, event);
    if (reader.offset === start) throw malformed('a row without bytes');
    return { before, after };
  }

  #afterImage(reader: ByteReader, { after, partialJson }: RowsEvent): AfterValues | null {
    if (after === null) return null;
    if (!partialJson) return this.#image(reader, after, this.#after);
    const options = reader.lengthEncoded();
    if (options > partialJsonOption) throw malformed(`options ${options} of a row`);
    if (options === 0) return this.#image(reader, after, this.#after);
    return this.#partialImage(reader, after);
  }

  #image(
    reader: ByteReader,
    present: PresentColumns,
    { read, wanted }: Columns,
  ): (Fragment | undefined)[] {
    const { bytes } = reader;
    const values = new Array<Fragment | undefined>(read.length);
    const nulls = reader.take((present.count + 7) >> 3);
    let stored = 0;
    let column = 0;
    try {
      for (; column < read.length; column++) {
        if (!present.full && !bit(present.bitmap, 0, column)) continue;
        const isNull = ((bytes[nulls + (stored >> 3)] as number) >> (stored & 7)) & 1;
        stored++;
        if (isNull === 0) values[column] = (read[column] as ReadValue)(reader);
        else if (wanted[column]) values[column] = 'null';
      }
    } catch (error) {
      throw this.#named(error, column);
    }
    return values;
  }

  /** Before the NULL bitmap a bit for every JSON column of the table: it is given by its differences. */
  #partialImage(reader: ByteReader, present: PresentColumns): AfterValues {
    const jsonColumns = this.#isJson.filter(Boolean).length;
    const partial = reader.take((jsonColumns + 7) >> 3);
    const nulls = reader.take((present.count + 7) >> 3);
    const { read: readers, wanted } = this.#after;
    const values = new Array<Fragment | JsonDiffs | undefined>(readers.length);
    let stored = 0;
    let json = 0;
    readers.forEach((read, column) => {
      const hasDiffs = this.#isJson[column] === true && bit(reader.bytes, partial, json++);
      if (!bit(present.bitmap, 0, column)) return;
      const isNull = bit(reader.bytes, nulls, stored++);
      // To pass over differences is to pass over a value: both have a length of four bytes.
      const isPartial = hasDiffs && wanted[column] === true;
      try {
        if (!isNull) values[column] = isPartial ? readJsonDiffs(reader) : read(reader);
        else if (wanted[column]) values[column] = 'null';
      } catch (error) {
        throw this.#named(error, column);
      }
    });
    return values;
  }

  #named(error: unknown, column: number): unknown {
    if (!(error instanceof WatcherError)) return error;
    const { schema, table, columns } = this.#map;
    const name = columns[column]?.name ?? `column ${column + 1}`;
    return new WatcherError(error.code, {
      message: `${schema}.${table}, ${name}: ${error.message}`,
      remedy: error.remedy,
      table: `${schema}.${table}`,
      cause: error,
    });
  }
}

const partialJsonOption = 1;

function skipped(skip: Skip): ReadValue {
  return (reader) => {
    skip(reader);
    return undefined;
  };
}

/** Bit `index` of the bitmap that starts at `start`, from the lowest bit of its first byte. */
function bit(bytes: Buffer, start: number, index: number): boolean {
  return (((bytes[start + (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1;
}
