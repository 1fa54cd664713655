import { expect, test } from 'vitest';
import type { CatalogIndex, CatalogTable } from '../../../../src/drivers/postgres/catalog.ts';
import { chooseKey } from '../../../../src/drivers/postgres/table-key.ts';

const column = (attnum: number, name: string, notNull = true) => ({
  attnum,
  name,
  typeOid: 23,
  typmod: -1,
  notNull,
  generated: '' as const,
  storage: 'p' as const,
});

const index = (columns: number[], changes: Partial<CatalogIndex> = {}): CatalogIndex => ({
  name: 'i',
  columns,
  primary: false,
  identity: false,
  immediate: true,
  ...changes,
});

function table(changes: Partial<CatalogTable>): CatalogTable {
  return {
    oid: 1,
    schema: 's',
    name: 't',
    kind: 'r',
    unlogged: false,
    replicaIdentity: 'd',
    isPartition: false,
    ancestors: [],
    storage: '1',
    rowsEstimated: null,
    columns: [column(1, 'a'), column(2, 'b'), column(3, 'c', false)],
    indexes: [],
    ...changes,
  };
}

const primary = index([2, 1], { primary: true });

test.each<[string, Partial<CatalogTable>, string[] | undefined, string[], boolean]>([
  ['the primary key, in its order', { indexes: [primary] }, undefined, ['b', 'a'], false],
  [
    'the replica identity index before the primary key',
    { replicaIdentity: 'i', indexes: [primary, index([1], { identity: true })] },
    undefined,
    ['a'],
    false,
  ],
  [
    'with a full row, the primary key',
    { replicaIdentity: 'f', indexes: [primary] },
    undefined,
    ['b', 'a'],
    false,
  ],
  [
    'a deferrable primary key with a full row',
    { replicaIdentity: 'f', indexes: [index([1], { primary: true, immediate: false })] },
    undefined,
    ['a'],
    true,
  ],
  [
    'keys.columns, in their order',
    { replicaIdentity: 'f', indexes: [index([1, 2])] },
    ['b', 'a'],
    ['b', 'a'],
    false,
  ],
  [
    'keys.columns by that index',
    { replicaIdentity: 'i', indexes: [index([1], { identity: true })] },
    ['a'],
    ['a'],
    false,
  ],
])('%s', (_, changes, configured, columns, deferrable) => {
  expect(chooseKey(table(changes), configured)).toEqual({ kind: 'key', columns, deferrable });
});

test.each<[string, Partial<CatalogTable>, string[] | undefined, string, string]>([
  ['no index at all', {}, undefined, 'no_key', 'ALTER TABLE "s"."t" ADD PRIMARY KEY'],
  [
    'nothing',
    { replicaIdentity: 'n', indexes: [primary] },
    undefined,
    'no_replica_identity',
    'REPLICA IDENTITY DEFAULT;',
  ],
  [
    'an identity index that is gone',
    { replicaIdentity: 'i', indexes: [primary] },
    undefined,
    'no_replica_identity',
    'DEFAULT;',
  ],
  [
    'a deferrable primary key, which is no default identity',
    { indexes: [index([1], { primary: true, immediate: false })] },
    undefined,
    'no_replica_identity',
    'REPLICA IDENTITY FULL;',
  ],
  ['an unknown column', { replicaIdentity: 'f' }, ['x'], 'no_key', 'keys.columns'],
  [
    'a column that may be NULL',
    { replicaIdentity: 'f', indexes: [index([3])] },
    ['c'],
    'no_key',
    'ALTER TABLE "s"."t" ALTER COLUMN "c" SET NOT NULL;',
  ],
  [
    'a larger index',
    { replicaIdentity: 'f', indexes: [index([1, 2])] },
    ['a'],
    'no_key',
    'CREATE UNIQUE INDEX ON "s"."t" ("a");',
  ],
  [
    'an identity that lacks the columns',
    { indexes: [primary, index([1])] },
    ['a'],
    'no_replica_identity',
    'FULL;',
  ],
])('left out: %s', (_, changes, configured, code, remedy) => {
  expect(chooseKey(table(changes), configured)).toMatchObject({
    kind: 'none',
    code,
    remedy: expect.stringContaining(remedy),
  });
});
