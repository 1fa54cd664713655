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

/** A file without the sync `a`. */
function without(other = 'other: { database: { host: db, name: other } }') {
  return configOf(`etcd: { endpoints: [localhost:2379] }\nsyncs: { ${other} }\n`);
}

test('a sync that is removed leaves keys, state, slot and publication', () => {
  const [sync] = configOf(withSync('', 'user: u')).syncs;
  if (sync === undefined) throw new Error('no sync');
  expect(removedLeftover(sync, records, '/watcher/syncs/a/', without())).toMatchObject({
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
  expect(removedLeftover(sync, null, '/watcher/syncs/a/', without()).keys).toBeNull();
  const [foreign] = configOf(withSync('postgres: { manage_publication: false }')).syncs;
  if (foreign === undefined) throw new Error('no sync');
  expect(removedLeftover(foreign, {}, '/s/', without()).sql).toHaveLength(1);
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
  const leftover = replacedLeftover(pairOf(after), configOf(after));
  if (expected === null) expect(leftover).toBeNull();
  else expect(leftover).toMatchObject(expected);
});

test('another database: slot and publication stay in the old one', () => {
  const after = withSync('').replace('name: shop', 'name: other');
  expect(replacedLeftover(pairOf(after), configOf(after))).toMatchObject({
    slot: 'watchersub_a',
    publication: 'watcherpub_a',
    remedy: expect.stringContaining('database shop of'),
  });
});

test('a sync that is renamed in the file: what goes over to the new name is no leftover', () => {
  const block = (name: string, host = 'localhost', more = '') =>
    `${name}: { database: { host: "${host}", name: shop }, tables: { include: [public.*] }, keys: { template: "/rows/{schema}/{table}/{key}" }, postgres: { slot: s, publication: p${more} } }`;
  const [sync] = without(block('a')).syncs;
  if (sync === undefined) throw new Error('no sync');
  const known = {
    1: record('public.x', '/rows/public/x/', '/old/x/'),
    2: record('gone.y', '/rows/gone/y/'),
  };
  const state = '/watcher/syncs/a/';
  const renamed = without(block('b', '127.0.0.1', ', manage_publication: false'));
  expect(removedLeftover(sync, known, state, renamed)).toMatchObject({
    keys: ['/old/x/', '/rows/gone/y/'],
    slot: null,
    publication: null,
    sql: [],
    etcdctl: [
      `etcdctl del --prefix '/old/x/'`,
      `etcdctl del --prefix '/rows/gone/y/'`,
      `etcdctl del --prefix '/watcher/syncs/a/'`,
    ],
    remedy: expect.stringMatching(/^Run etcdctl .* must stay\.$/),
  });
  const only = removedLeftover(sync, { 1: record('public.x', '/rows/public/x/') }, state, renamed);
  expect(only).toMatchObject({
    keys: [],
    etcdctl: [`etcdctl del --prefix '/watcher/syncs/a/'`],
    remedy: expect.stringMatching(/^Run etcdctl to remove its state\. /),
  });
  // The same names at another server, or in another database, are others.
  for (const elsewhere of [
    block('b', 'db2'),
    block('b').replace('name: shop', 'name: mall').replace('[public.*]', '[other.*]'),
  ]) {
    expect(removedLeftover(sync, known, state, without(elsewhere))).toMatchObject({
      slot: 's',
      publication: 'p',
      remedy: expect.stringContaining('goes on retaining log'),
    });
  }
});

test('two syncs that swap their slots and publications leave nothing', () => {
  const text = (a: number, b: number) => `etcd: { endpoints: [localhost:2379] }
syncs:
  a: { database: { host: db, name: shop }, postgres: { slot: s${a}, publication: p${a} } }
  b: { database: { host: db, name: shop }, postgres: { slot: s${b}, publication: p${b} } }
`;
  const leftovers = (before: string, after: string) =>
    diffConfigs(configOf(before), configOf(after)).changed.map((pair) =>
      replacedLeftover(pair, configOf(after)),
    );
  expect(leftovers(text(1, 2), text(2, 1))).toEqual([null, null]);
  expect(leftovers(text(1, 2), text(2, 3))).toMatchObject([
    { slot: 's1', publication: 'p1' },
    null,
  ]);
});
