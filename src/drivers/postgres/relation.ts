/** The `Relation` of the core and the encoders behind it, from the catalog (dump) or from the log (stream). */
import { WatcherError } from '../../errors.ts';
import type { Column, Fragment, Relation } from '../../replication/change.ts';
import type { SourceTable } from '../../replication/driver.ts';
import type { RelationColumn, RelationMessage } from './pgoutput.ts';
import type { TableDefinition } from './tables.ts';
import { shortHash } from './tables.ts';
import type { TypeCatalog } from './types.ts';
import { fragmentEncoder, keyText } from './values.ts';

const nullFragment: Fragment = 'null';

export interface BoundRelation {
  readonly relation: Relation;
  /** For each of `relation.columns`: its place in a tuple, and its codec. */
  readonly columns: readonly BoundColumn[];
  /** Values in a tuple or in a row of COPY. */
  readonly tupleLength: number;
}

export interface BoundColumn {
  readonly at: number;
  /** Part of the replica identity: an old image of kind K has it. */
  readonly identity: boolean;
  encode(text: string | null): Fragment;
}

interface RelationSource {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly (RelationColumn & { readonly at: number })[];
  readonly key: readonly string[];
  readonly keyDeferrable: boolean;
  readonly mayOmit: boolean;
  readonly tupleLength: number;
}

/** For the dump: a row is what `COPY (SELECT columns …)` gives. */
export function bindDefinition(
  definition: TableDefinition,
  types: TypeCatalog,
  numbers: 'number' | 'string',
): BoundRelation {
  const columns = definition.columns.map((column, at) => ({ ...column, isKey: false, at }));
  return bind(
    {
      oid: definition.oid,
      schema: definition.schema,
      table: definition.name,
      columns,
      key: definition.key,
      keyDeferrable: definition.keyDeferrable,
      mayOmit: mayOmit(definition),
      tupleLength: columns.length,
    },
    types,
    numbers,
  );
}

/**
 * For the stream. The message is of its place in the log, the definition of now: they differ while a schema
 * change is under way.
 * @throws WatcherError `unsupported_event` when the key cannot be found in the message.
 */
export function bindMessage(
  message: RelationMessage,
  definition: TableDefinition,
  excludes: (schema: string, table: string, column: string) => boolean,
  types: TypeCatalog,
  numbers: 'number' | 'string',
): BoundRelation {
  const columns = message.columns
    .map((column, at) => ({ ...column, at }))
    .filter((column) => !excludes(message.schema, message.table, column.name));
  return bind(
    {
      oid: message.oid,
      schema: message.schema,
      table: message.table,
      columns,
      key: keyOfMessage(message, definition),
      keyDeferrable: definition.keyDeferrable && message.replicaIdentity === 'f',
      mayOmit: message.replicaIdentity !== 'f' && mayOmit(definition),
      tupleLength: message.columns.length,
    },
    types,
    numbers,
  );
}

/**
 * 1. The key of the definition, where the message has columns of these names that its old images hold.
 * 2. The replica identity of the message, unless that is the full row: the key was renamed or changed since.
 * 3. Full row, as many columns as the definition: the same places.
 */
function keyOfMessage(message: RelationMessage, definition: TableDefinition): readonly string[] {
  const held = new Set(message.columns.filter(({ isKey }) => isKey).map(({ name }) => name));
  if (definition.key.every((name) => held.has(name))) return definition.key;
  if (message.replicaIdentity !== 'f' && held.size > 0) return [...held];
  if (message.columns.length === definition.columns.length) {
    const places = definition.key.map((name) =>
      definition.columns.findIndex((column) => column.name === name),
    );
    const names = places.map((place) => message.columns[place]?.name);
    if (names.every((name) => name !== undefined)) return names;
  }
  throw new WatcherError('unsupported_event', {
    message: `The log describes ${message.schema}.${message.table} without its key`,
    remedy: 'POST /v1/syncs/{name}/dump copies the tables anew.',
    table: `${message.schema}.${message.table}`,
  });
}

function bind(
  source: RelationSource,
  types: TypeCatalog,
  numbers: 'number' | 'string',
): BoundRelation {
  const inKey = new Set(source.key);
  const columns = source.columns.map((column): BoundColumn => {
    const options = { numbers, key: inKey.has(column.name) };
    const encode = fragmentEncoder(types.get(column.typeOid), types, options);
    return {
      at: column.at,
      identity: column.isKey,
      encode: (text) => (text === null ? nullFragment : encode(text)),
    };
  });
  const named = source.columns.map((column): Column => {
    return { name: column.name, keyText: keyText(types.get(column.typeOid), types) };
  });
  const key = source.key.map((name) => source.columns.findIndex((column) => column.name === name));
  const relation: Relation = {
    tableId: String(source.oid),
    schema: source.schema,
    table: source.table,
    columns: named,
    key,
    signature: signatureOf(source, key, types, numbers),
    keyDeferrable: source.keyDeferrable,
    mayOmit: source.mayOmit,
  };
  return { relation, columns, tupleLength: source.tupleLength };
}

function signatureOf(
  source: RelationSource,
  key: readonly number[],
  types: TypeCatalog,
  numbers: string,
): string {
  const columns = source.columns.map(({ name, typeOid, typmod }) => [
    name,
    typeOid,
    typmod,
    types.signature(typeOid),
  ]);
  return shortHash([source.schema, source.table, columns, key, numbers]);
}

function mayOmit(definition: TableDefinition): boolean {
  if (definition.replicaIdentity === 'f') return false;
  return definition.columns.some((column) => column.storage !== 'p');
}

export function toSourceTable(definition: TableDefinition, bound: BoundRelation): SourceTable {
  const { fingerprint, rowsEstimated } = definition;
  return { relation: bound.relation, fingerprint, rowsEstimated };
}
