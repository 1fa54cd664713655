/**
 * The optional metadata at the end of TABLE_MAP: fields of type, length, value, each about the columns of some
 * types, in table order. Every list is checked against the columns: one that does not fit would shift all
 * charsets after it, so it is refused.
 * Source: MySQL, `Table_map_event::Optional_metadata_fields`.
 */
import { characterTypes, columnTypes, numericTypes, type TypeAndMeta } from './column-types.ts';
import { ByteReader, malformed } from './reader.ts';
import type { KeyColumn } from './table-map.ts';

/** The maps are by column index; what the log does not say is not in them. */
export interface OptionalMetadata {
  names: readonly string[] | null;
  unsigned: Map<number, boolean>;
  collations: Map<number, number>;
  members: Map<number, readonly Buffer[]>;
  dimensions: Map<number, number>;
  primaryKey: readonly KeyColumn[] | null;
  visible: readonly boolean[] | null;
}

const fields = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setMembers: 5,
  enumMembers: 6,
  geometryType: 7,
  simplePrimaryKey: 8,
  primaryKeyWithPrefix: 9,
  enumAndSetDefaultCharset: 10,
  enumAndSetColumnCharset: 11,
  columnVisibility: 12,
  vectorDimensionality: 13,
} as const;

export function parseOptionalMetadata(
  reader: ByteReader,
  types: readonly TypeAndMeta[],
  mariadb: boolean,
): OptionalMetadata {
  const metadata: OptionalMetadata = {
    names: null,
    unsigned: new Map(),
    collations: new Map(),
    members: new Map(),
    dimensions: new Map(),
    primaryKey: null,
    visible: null,
  };
  const indexes = columnIndexes(types, mariadb);
  while (reader.remaining > 0) {
    const field = reader.uint8();
    const value = new ByteReader(reader.view(reader.lengthEncoded()));
    parseField(field, value, metadata, indexes);
    value.finish();
  }
  return metadata;
}

type ColumnIndexes = ReturnType<typeof columnIndexes>;

/** Which columns each kind of list is about. */
function columnIndexes(types: readonly TypeAndMeta[], mariadb: boolean) {
  const of = (belongs: (type: number) => boolean) =>
    types.flatMap(({ type }, index) => (belongs(type) ? [index] : []));
  const characters = characterTypes(mariadb);
  return {
    all: types.map((_, index) => index),
    numeric: of((type) => numericTypes.has(type)),
    character: of((type) => characters.has(type)),
    enum: of((type) => type === columnTypes.enum),
    set: of((type) => type === columnTypes.set),
    enumAndSet: of((type) => type === columnTypes.enum || type === columnTypes.set),
    geometry: of((type) => type === columnTypes.geometry),
    vector: of((type) => type === columnTypes.vector),
  };
}

function parseField(
  field: number,
  value: ByteReader,
  metadata: OptionalMetadata,
  indexes: ColumnIndexes,
): void {
  switch (field) {
    case fields.signedness:
      fill(metadata.unsigned, indexes.numeric, bits(value, indexes.numeric.length));
      return;
    case fields.defaultCharset:
      defaultCharset(value, indexes.character, metadata.collations);
      return;
    case fields.columnCharset:
      fill(metadata.collations, indexes.character, numbers(value));
      return;
    case fields.columnName:
      metadata.names = names(value, indexes.all.length);
      return;
    case fields.setMembers:
      fill(metadata.members, indexes.set, memberLists(value));
      return;
    case fields.enumMembers:
      fill(metadata.members, indexes.enum, memberLists(value));
      return;
    case fields.geometryType:
      fill(new Map(), indexes.geometry, numbers(value));
      return;
    case fields.simplePrimaryKey:
      metadata.primaryKey = numbers(value).map((column) => ({ column, prefix: 0 }));
      checkKey(metadata.primaryKey, indexes.all.length);
      return;
    case fields.primaryKeyWithPrefix:
      metadata.primaryKey = pairs(value).map(([column, prefix]) => ({ column, prefix }));
      checkKey(metadata.primaryKey, indexes.all.length);
      return;
    case fields.enumAndSetDefaultCharset:
      defaultCharset(value, indexes.enumAndSet, metadata.collations);
      return;
    case fields.enumAndSetColumnCharset:
      fill(metadata.collations, indexes.enumAndSet, numbers(value));
      return;
    case fields.columnVisibility:
      metadata.visible = bits(value, indexes.all.length);
      return;
    case fields.vectorDimensionality:
      fill(metadata.dimensions, indexes.vector, numbers(value));
      return;
    default:
      throw malformed(`field ${field} of the metadata of a table`);
  }
}

function fill<T>(map: Map<number, T>, columns: readonly number[], values: readonly T[]): void {
  if (columns.length !== values.length) throw misfit();
  columns.forEach((column, index) => {
    map.set(column, values[index] as T);
  });
}

/** The most frequent collation, then the columns (counted among those of the kind) that have another. */
function defaultCharset(
  value: ByteReader,
  columns: readonly number[],
  collations: Map<number, number>,
): void {
  const collation = value.lengthEncoded();
  for (const column of columns) collations.set(column, collation);
  for (const [index, other] of pairs(value)) {
    const column = columns[index];
    if (column === undefined) throw misfit();
    collations.set(column, other);
  }
}

function numbers(value: ByteReader): number[] {
  const list: number[] = [];
  while (value.remaining > 0) list.push(value.lengthEncoded());
  return list;
}

function pairs(value: ByteReader): [number, number][] {
  const list: [number, number][] = [];
  while (value.remaining > 0) list.push([value.lengthEncoded(), value.lengthEncoded()]);
  return list;
}

function names(value: ByteReader, count: number): string[] {
  const list: string[] = [];
  while (value.remaining > 0) list.push(value.text(value.lengthEncoded()));
  if (list.length !== count) throw misfit();
  return list;
}

function memberLists(value: ByteReader): Buffer[][] {
  const lists: Buffer[][] = [];
  while (value.remaining > 0) {
    const count = value.lengthEncoded();
    if (count > value.remaining) throw misfit();
    lists.push(Array.from({ length: count }, () => Buffer.from(value.view(value.lengthEncoded()))));
  }
  return lists;
}

/** Counted from the highest bit of the first byte. */
function bits(value: ByteReader, count: number): boolean[] {
  const bytes = value.rest();
  if (bytes.length !== (count + 7) >> 3) throw misfit();
  return Array.from({ length: count }, (_, index) => {
    return (((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
  });
}

function checkKey(key: readonly KeyColumn[], columns: number): void {
  if (key.some(({ column }) => column >= columns)) throw misfit();
}

function misfit() {
  return malformed('the metadata of a table does not fit its columns');
}
