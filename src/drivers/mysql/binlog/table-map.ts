/**
 * TABLE_MAP_EVENT: the table that the row events after it are about. With binlog_row_metadata=FULL it says all
 * that is needed to decode rows; else names, signedness, charsets and members come from elsewhere.
 * Source: MySQL, "Table_map_event"; MariaDB, `Table_map_log_event::init_metadata_fields`.
 */
import { readMeta, type TypeAndMeta } from './column-types.ts';
import { ByteReader, malformed } from './reader.ts';
import { type OptionalMetadata, parseOptionalMetadata } from './table-metadata.ts';

export interface ColumnMap extends TypeAndMeta {
  readonly nullable: boolean;
  /** null: the log does not say. */
  readonly name: string | null;
  /** null: the log does not say, or the type is no number. */
  readonly unsigned: boolean | null;
  /** Of text, and of the members of ENUM and SET; 63 is binary. null: the log does not say, or not text. */
  readonly collation: number | null;
  /** Labels of ENUM and SET, as bytes in the charset of `collation`. null: the log does not say. */
  readonly members: readonly Buffer[] | null;
  /** Of VECTOR. */
  readonly dimensions: number | null;
  /** null: the log does not say (MariaDB never does). */
  readonly visible: boolean | null;
}

export interface KeyColumn {
  /** Index into `columns`. */
  readonly column: number;
  /** Characters (bytes if binary) of a prefix key; 0: the whole column. */
  readonly prefix: number;
}

export interface TableMap {
  readonly type: 'table_map';
  readonly tableId: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly ColumnMap[];
  /** In key order. null: no primary key, or the log does not say. */
  readonly primaryKey: readonly KeyColumn[] | null;
  /** The log carries the names of the columns: binlog_row_metadata=FULL. */
  readonly fullMetadata: boolean;
}

/** NAME_LEN: 64 characters of up to 3 or 4 bytes; lengths are one byte on the wire in practice. */
const maxNameBytes = 1024;
const maxColumns = 4096;

/** `tableIdBytes`: 6, but 4 when the format description says that the post header has 6 bytes. */
export function parseTableMap(
  reader: ByteReader,
  options: { readonly mariadb: boolean; readonly tableIdBytes: 4 | 6 },
): TableMap {
  const tableId = reader.uint(options.tableIdBytes);
  reader.skip(2); // flags: of no use to a reader
  const schema = name(reader);
  const table = name(reader);
  const types = parseTypes(reader);
  const nullable = reader.view((types.length + 7) >> 3);
  const optional = parseOptionalMetadata(new ByteReader(reader.rest()), types, options.mariadb);
  return {
    type: 'table_map',
    tableId,
    schema,
    table,
    columns: types.map((type, index) => column(type, index, bit(nullable, index), optional)),
    primaryKey: optional.primaryKey,
    fullMetadata: optional.names !== null || types.length === 0,
  };
}

/** Tables that are remembered. */
const maxKnown = 1024;

/**
 * A table is described before each statement, nearly always in the same bytes: they are parsed once, and `columns` is
 * the same array as long as nothing has changed.
 */
export class TableMapParser {
  readonly #known = new Map<number, { readonly body: Buffer; readonly map: TableMap }>();

  parse(reader: ByteReader, options: Parameters<typeof parseTableMap>[1]): TableMap {
    const { bytes, offset, end } = reader;
    const known = reader.remaining < 6 ? undefined : this.#known.get(bytes.readUIntLE(offset, 6));
    if (known?.body.compare(bytes, offset, end) === 0) {
      reader.skip(end - offset);
      return known.map;
    }
    const copy = Buffer.from(reader.rest());
    const map = parseTableMap(new ByteReader(copy), options);
    if (this.#known.size >= maxKnown) this.#known.clear();
    if (copy.length >= 6) this.#known.set(copy.readUIntLE(0, 6), { body: copy, map });
    return map;
  }
}

function parseTypes(reader: ByteReader): TypeAndMeta[] {
  const count = reader.lengthEncoded();
  if (count > maxColumns) throw malformed(`a table of ${count} columns`);
  const codes = reader.view(count);
  const length = reader.lengthEncoded();
  const meta = new ByteReader(reader.view(length));
  const types = Array.from(codes, (code) => readMeta(meta, code));
  meta.finish();
  return types;
}

function column(
  type: TypeAndMeta,
  index: number,
  nullable: boolean,
  optional: OptionalMetadata,
): ColumnMap {
  return {
    ...type,
    nullable,
    name: optional.names?.[index] ?? null,
    unsigned: optional.unsigned.get(index) ?? null,
    collation: optional.collations.get(index) ?? null,
    members: optional.members.get(index) ?? null,
    dimensions: optional.dimensions.get(index) ?? null,
    visible: optional.visible?.[index] ?? null,
  };
}

function name(reader: ByteReader): string {
  const length = reader.lengthEncoded();
  if (length > maxNameBytes) throw malformed('a name that is too long');
  const text = reader.text(length);
  if (reader.uint8() !== 0) throw malformed('a name without its end');
  return text;
}

/** Bit `index`, counted from the lowest bit of the first byte. */
function bit(bitmap: Buffer, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}
