/** Chooses the reader of a column from its type in the table map, and from hints where the table map is silent. */
import { WatcherError } from '../../../../errors.ts';
import { columnTypes as t } from '../column-types.ts';
import { ByteReader, malformed } from '../reader.ts';
import type { ColumnMap } from '../table-map.ts';
import { addressReader, base64Reader, binaryReader, vectorReader } from './binary.ts';
import { textReader } from './charset.ts';
import type { CodecOptions, ColumnHints, FragmentReader } from './codec.ts';
import { charsetOfCollation } from './collations.ts';
import { compressedReader } from './compressed.ts';
import { readDouble, readFloat } from './floating.ts';
import { jsonText } from './json.ts';
import { bitReader, decimalReader, integerReaders, readYear } from './numbers.ts';
import * as temporal from './temporal.ts';
import { characterReader, enumReader, setReader } from './text.ts';

/**
 * Makes the reader of the values of `column`; a NULL is not a value. The readers throw WatcherError
 * `unsupported_value`, or `unsupported_event` for bytes that are no value of the type.
 * @throws WatcherError `unsupported_value` when the charset is not known; `unsupported_event` for an unknown type;
 *   `source_setting` when neither the table map nor `hints` say what is needed.
 */
export function columnReader(
  column: ColumnMap,
  hints: ColumnHints,
  options: CodecOptions,
): FragmentReader {
  const read = readerOf(column, hints);
  const exact = column.type === t.longlong || column.type === t.newdecimal;
  if (options.numbers === 'string' && exact) return (reader) => `"${read(reader)}"`;
  return read;
}

function readerOf(column: ColumnMap, hints: ColumnHints): FragmentReader {
  return (
    numberReader(column, hints) ??
    temporalReader(column) ??
    oldTemporalReader(column, hints) ??
    stringReader(column, hints) ??
    refuse(column)
  );
}

function refuse({ type }: ColumnMap): never {
  throw malformed(`values of column type ${type}`);
}

function numberReader(column: ColumnMap, hints: ColumnHints): FragmentReader | null {
  const sign = () => (unsigned(column, hints) ? 'unsigned' : 'signed');
  switch (column.type) {
    case t.tiny:
      return integerReaders.tiny[sign()];
    case t.short:
      return integerReaders.short[sign()];
    case t.int24:
      return integerReaders.int24[sign()];
    case t.long:
      return integerReaders.long[sign()];
    case t.longlong:
      return integerReaders.longlong[sign()];
    case t.float:
      return readFloat;
    case t.double:
      return readDouble;
    case t.newdecimal:
      return decimalReader(column.meta >> 8, column.meta & 0xff);
    case t.bit:
      return bitReader(column.meta);
    case t.year:
      return readYear;
    default:
      return null;
  }
}

function temporalReader({ type, meta }: ColumnMap): FragmentReader | null {
  switch (type) {
    case t.date:
    case t.newdate:
      return temporal.readDate;
    case t.datetime2:
      return temporal.datetime2Reader(meta);
    case t.timestamp2:
      return temporal.timestamp2Reader(meta);
    case t.time2:
      return temporal.time2Reader(meta);
    default:
      return null;
  }
}

/** The forms of servers before 5.6.4. */
function oldTemporalReader(
  { type }: ColumnMap,
  { digits = 0 }: ColumnHints,
): FragmentReader | null {
  const read = oldReader(type);
  if (read === null || digits === 0) return read;
  throw new WatcherError('unsupported_value', {
    message: 'The column holds fractions of seconds in the format of MariaDB 5.3',
    remedy: 'SET GLOBAL mysql56_temporal_format = ON; ALTER TABLE … FORCE; then dump again.',
  });
}

function oldReader(type: number): FragmentReader | null {
  switch (type) {
    case t.datetime:
      return temporal.readOldDatetime;
    case t.timestamp:
      return temporal.oldTimestampReader();
    case t.time:
      return temporal.readOldTime;
    default:
      return null;
  }
}

function stringReader(column: ColumnMap, hints: ColumnHints): FragmentReader | null {
  const { type, meta } = column;
  switch (type) {
    case t.string:
      return fixedReader(column, hints);
    case t.varchar:
    case t.varString:
      return textOrBytes(column, hints, meta > 255 ? 2 : 1);
    case t.blob:
      return textOrBytes(column, hints, meta);
    case t.geometry:
      return base64Reader(blobLengthBytes(meta));
    case t.vector:
      return vectorReader(blobLengthBytes(meta));
    case t.json: {
      const lengthBytes = blobLengthBytes(meta);
      return (reader) => jsonText(reader.view(reader.uint(lengthBytes)));
    }
    case t.enum:
      return enumReader(meta, members(column, hints));
    case t.set:
      return setReader(meta, members(column, hints));
    case t.varcharCompressed:
      return compressedReader(meta > 255 ? 2 : 1, textOrNull(column, hints));
    case t.blobCompressed:
      return compressedReader(blobLengthBytes(meta), textOrNull(column, hints));
    default:
      return null;
  }
}

/** CHAR and BINARY. */
function fixedReader(column: ColumnMap, hints: ColumnHints): FragmentReader {
  const lengthBytes = column.meta > 255 ? 2 : 1;
  if (hints.address !== undefined) return addressReader(hints.address, lengthBytes, column.meta);
  const text = textOrNull(column, hints);
  if (text === null) return binaryReader(lengthBytes, column.meta);
  return characterReader(lengthBytes, text);
}

function textOrBytes(column: ColumnMap, hints: ColumnHints, lengthBytes: number): FragmentReader {
  const bytes = blobLengthBytes(lengthBytes);
  const text = textOrNull(column, hints);
  return text === null ? base64Reader(bytes) : characterReader(bytes, text);
}

function blobLengthBytes(meta: number): number {
  if (meta < 1 || meta > 4) throw malformed(`a length of ${meta} bytes`);
  return meta;
}

/** null: the column holds bytes. */
function textOrNull(column: ColumnMap, hints: ColumnHints) {
  const charset = charsetOf(column, hints);
  return charset === 'binary' ? null : textReader(charset);
}

/** What the log says was true when the row was written; hints are of now. */
function charsetOf(column: ColumnMap, hints: ColumnHints): string {
  if (column.collation !== null) return charsetOfCollation(column.collation);
  return hints.charset ?? unknown('its charset');
}

function unsigned(column: ColumnMap, hints: ColumnHints): boolean {
  return column.unsigned ?? hints.unsigned ?? unknown('whether it is unsigned');
}

function members(column: ColumnMap, hints: ColumnHints): readonly string[] {
  const { members } = column;
  if (members === null) return hints.members ?? unknown('its members');
  const text = textReader(memberCharset(column, hints));
  return members.map((label) => text(new ByteReader(label), label.length));
}

/** ENUM and SET with CHARACTER SET binary have labels of bytes: those of the client, which was UTF-8. */
function memberCharset(column: ColumnMap, hints: ColumnHints): string {
  const charset = charsetOf(column, hints);
  return charset === 'binary' ? 'utf8mb4' : charset;
}

function unknown(what: string): never {
  throw new WatcherError('source_setting', {
    message: `The binlog does not say of a column ${what}`,
    remedy: 'SET GLOBAL binlog_row_metadata = FULL; then dump again.',
  });
}
