import { expect, test } from 'vitest';
import { diffConfigs } from '../../../src/config/diff.ts';
import { tableEffects } from '../../../src/reload/effects.ts';
import { removedLeftover, replacedLeftover } from '../../../src/reload/leftovers.ts';
import { compileTemplate } from '../../../src/replication/key-template.ts';
import type { TableRecord, TableRecords } from '../../../src/replication/sink.ts';
import { configOf, withSync } from '../config/loading.ts';

function record(table: string, ...prefixes: string[]): TableRecord {
  const [fingerprint, signature] = ['f', 's'];
  return { table, prefixes, fingerprint, signature, state: 'done', rows: 1, mark: null };
}

const records: TableRecords = {
  1: record('public.x', '/a/public/x/'),
  2: record('public.y', '/a/public/y/'),
};

function pairOf(after: string, before = withSync('')) {
  const [pair] = diffConfigs(configOf(before), configOf(after)).changed;
  if (pair === undefined) throw new Error('nothing has changed');
  return pair;
}

function effects(after: string, known = records) {
  const pair = pairOf(withSync(after));
  const { template } = pair.after.keys;
  const prefixOf = compileTemplate(template, { sync: 'a', database: 'shop' });
  return tableEffects(pair, known, prefixOf);
}

test.each([
  ['a table leaves', 'tables: { exclude: [public.y] }', ['public.y'], [], ['/a/public/y/']],
  ['a table joins', 'tables: { include: ["public.*", "other.*"] }', [], [], []],
  [
    'another template',
    'keys: { template: "/b/{schema}/{table}/{key}" }',
    [],
    ['public.x', 'public.y'],
    ['/a/public/x/', '/a/public/y/'],
  ],
  ['a column of one', 'columns: { exclude: [public.x.c] }', [], ['public.x'], []],
  ['a column of all', 'columns: { exclude: ["*.*.c"] }', [], ['public.x', 'public.y'], []],
  ['another key', 'keys: { columns: { public.y: [b] } }', [], ['public.y'], ['/a/public/y/']],
  ['numbers', 'values: { numbers: string }', [], ['public.x', 'public.y'], []],
  ['what is no matter of rows', 'dump: { parallel: 3 }', [], [], []],
])('%s', (_what, after, removed, dumped, clearedPrefixes) => {
  expect(effects(after)).toEqual({ removed, dumped, clearedPrefixes });
});

test('a prefix that another table has from now on is not cleared', () => {
  const known = { ...records, 3: record('old.x', '/b/public/x/') };
  const { clearedPrefixes } = effects('keys: { template: "/b/{schema}/{table}/{key}" }', known);
  expect(clearedPrefixes).toEqual(['/a/public/x/', '/a/public/y/']);
});

test('a sync that is removed leaves keys, state, slot and publication', () => {
  const [sync] = configOf(withSync('', 'user: u')).syncs;
  if (sync === undefined) throw new Error('no sync');
  expect(removedLeftover(sync, records, '/watcher/syncs/a/')).toMatchObject({
    name: 'a',
    keys: ['/a/public/x/', '/a/public/y/'],
    slot: 'watchersub_a',
    publication: 'watcherpub_a',
    sql: [`SELECT pg_drop_replication_slot('watchersub_a');`, `DROP PUBLICATION "watcherpub_a";`],
    etcdctl: [
      `etcdctl del --prefix '/a/public/x/'`,
      `etcdctl del --prefix '/a/public/y/'`,
      `etcdctl del --prefix '/watcher/syncs/a/'`,
    ],
    remedy: expect.stringMatching(/database shop of db:5432.*DELETE \/v1\/syncs\/a/),
  });
  expect(removedLeftover(sync, null, '/watcher/syncs/a/').keys).toBeNull();
  const [foreign] = configOf(withSync('postgres: { manage_publication: false }')).syncs;
  if (foreign === undefined) throw new Error('no sync');
  expect(removedLeftover(foreign, {}, '/s/').sql).toHaveLength(1);
});

test.each([
  ['another slot', withSync('postgres: { slot: s }'), { slot: 'watchersub_a', publication: null }],
  [
    'another publication',
    withSync('postgres: { publication: p }'),
    { slot: null, publication: 'watcherpub_a' },
  ],
  ['one that is not managed any more', withSync('postgres: { manage_publication: false }'), null],
  ['another address', withSync('').replace('host: db', 'host: db2'), null],
])('%s: what it does not use any more', (_what, after, expected) => {
  const leftover = replacedLeftover(pairOf(after));
  if (expected === null) expect(leftover).toBeNull();
  else expect(leftover).toMatchObject(expected);
});

test('another database: slot and publication stay in the old one', () => {
  const after = withSync('').replace('name: shop', 'name: other');
  expect(replacedLeftover(pairOf(after))).toMatchObject({
    slot: 'watchersub_a',
    publication: 'watcherpub_a',
    remedy: expect.stringContaining('database shop of'),
  });
});
