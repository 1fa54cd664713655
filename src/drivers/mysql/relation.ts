/** The `Relation` of the core and the encoders behind it, from the catalog. */
import type { Column, Fragment, Relation } from '../../replication/change.ts';
import type { SourceTable } from '../../replication/driver.ts';
import type { ColumnShape } from './column-shape.ts';
import { keyTextOf, shapeSignature } from './column-shape.ts';
import { tableIdOf } from './sql-text.ts';
import type { TableDefinition } from './tables.ts';
import { shortHash } from './tables.ts';
import { textEncoder } from './text-values.ts';

const nullFragment: Fragment = 'null';

/** A table and how its dumped rows are read. */
export interface BoundTable {
  readonly definition: TableDefinition;
  readonly relation: Relation;
  /** For each of `relation.columns`. */
  readonly encoders: readonly ((bytes: Buffer | null) => Fragment)[];
}

export interface RelationSource {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly shape: ColumnShape }[];
  /** Names, in key order; all of them are columns. */
  readonly key: readonly string[];
}

/** For the dump and for the stream: the same table gives equal relations. */
export function makeRelation(source: RelationSource, numbers: 'number' | 'string'): Relation {
  const { schema, table } = source;
  const columns = source.columns.map(
    ({ name, shape }): Column => ({ name, keyText: keyTextOf(shape) }),
  );
  const key = source.key.map((name) => source.columns.findIndex((column) => column.name === name));
  const shapes = source.columns.map(({ name, shape }) => [name, shapeSignature(shape)]);
  return {
    tableId: tableIdOf(schema, table),
    schema,
    table,
    columns,
    key,
    signature: shortHash([schema, table, shapes, key, numbers]),
    keyDeferrable: false,
    mayOmit: false,
  };
}

/** @throws WatcherError `unsupported_value` for a charset that is not known, with the table. */
export function bindDefinition(
  definition: TableDefinition,
  numbers: 'number' | 'string',
): BoundTable {
  const { schema, name, columns, key } = definition;
  const encoders = columns.map((column) => {
    const encode = textEncoder(column, numbers);
    return (bytes: Buffer | null) => (bytes === null ? nullFragment : encode(bytes));
  });
  return {
    definition,
    relation: makeRelation({ schema, table: name, columns, key }, numbers),
    encoders,
  };
}

export function toSourceTable({ definition, relation }: BoundTable): SourceTable {
  const { fingerprint, rowsEstimated } = definition;
  return { relation, fingerprint, rowsEstimated };
}
