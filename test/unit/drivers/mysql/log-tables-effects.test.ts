import { expect, test } from 'vitest';
import type { TableOutcome } from '../../../../src/drivers/mysql/log-table.ts';
import { classify } from '../../../../src/drivers/mysql/statement.ts';
import type { ScriptedCatalog } from '../../../support/log-tables.ts';
import {
  at,
  rowsEvent,
  scriptedCatalog,
  selectionOf,
  table,
  tableMap,
} from '../../../support/log-tables.ts';

const { signal } = new AbortController();
const place = at(500);
const a = table('a', ['id']);
const b = table('b', ['id']);

function brief({ changes, events }: TableOutcome): readonly string[] {
  return [
    ...changes.map(({ op, relation }) => `${op} ${relation.table}`),
    ...events.map((event) => ('table' in event ? `${event.kind} ${event.table}` : event.kind)),
  ];
}

async function apply(catalog: ScriptedCatalog, sql: string, where = place) {
  const statement = classify(sql, 's');
  if (statement.kind !== 'tables') throw new Error(`no tables in ${sql}`);
  return brief(await catalog.tables.apply(statement.effects, where, signal));
}

test.each([
  // What the core knows, the statement, what is there afterwards, what comes of it.
  ['', 'CREATE TABLE a (id INT)', 'a', ['redump s.a']],
  ['', 'CREATE TABLE a (id INT)', '', []],
  ['', 'CREATE TABLE IF NOT EXISTS a (id INT)', 'a', ['redump s.a']],
  ['a', 'CREATE TABLE IF NOT EXISTS a (id INT)', 'a', []],
  ['a', 'CREATE TABLE IF NOT EXISTS a (id INT)', '', ['drop s.a']],
  ['a', 'CREATE OR REPLACE TABLE a (id INT)', 'a', ['redump s.a']],
  ['a', 'ALTER TABLE a ADD b INT DEFAULT 5', 'a', ['redump s.a']],
  ['a', 'ALTER TABLE a ADD b INT DEFAULT 5', '', ['drop s.a']],
  ['a', 'ALTER TABLE a ADD INDEX (id)', 'a', []],
  ['a', 'ALTER TABLE a ADD INDEX (id)', 'a2', ['redump s.a']],
  ['', 'ALTER TABLE a ADD INDEX (id)', 'a', ['redump s.a']],
  ['a', 'CREATE UNIQUE INDEX i ON a (id)', '', ['drop s.a']],
  ['a', 'ALTER TABLE a TRUNCATE PARTITION p', 'a', ['redump s.a']],
  ['a b', 'ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b', 'a b', ['redump s.a', 'redump s.b']],
  ['a', 'DROP TABLE a', '', ['drop s.a']],
  ['a', 'DROP TABLE a', 'a', ['redump s.a']],
  ['', 'DROP TABLE a', '', []],
  ['a b', 'DROP TABLE a, b', '', ['drop s.a', 'drop s.b']],
  ['a', 'RENAME TABLE a TO b', 'b', ['drop s.a', 'redump s.b']],
  ['a', 'ALTER TABLE a RENAME TO b', 'b', ['drop s.a', 'redump s.b']],
  // Out of the configuration, and into it; also by way of another database.
  ['a', 'RENAME TABLE a TO hidden', '', ['drop s.a']],
  ['', 'RENAME TABLE hidden TO a', 'a', ['redump s.a']],
  ['a', 'RENAME TABLE a TO other.a', '', ['drop s.a']],
  ['', 'RENAME TABLE other.a TO a', 'a', ['redump s.a']],
  // What gh-ost and pt-online-schema-change do at their end.
  ['a', 'RENAME TABLE a TO _a_del, _a_gho TO a', 'a', ['redump s.a']],
  ['a b', 'RENAME TABLE a TO x, b TO a, x TO b', 'a b', ['redump s.a', 'redump s.b']],
  ['a', 'TRUNCATE TABLE a', 'a', ['truncate a']],
  ['a', 'TRUNCATE TABLE a', '', ['drop s.a']],
  ['', 'TRUNCATE TABLE a', 'a', ['redump s.a']],
  ['a b', 'DROP DATABASE s', '', ['drop s.a', 'drop s.b']],
  ['a b', 'DROP DATABASE s', 'a', ['redump s.a', 'drop s.b']],
  ['', 'CREATE DATABASE s', 'a', ['redump s.a']],
  ['a', 'CREATE DATABASE s', 'a', []],
  ['a', 'DROP DATABASE other', 'a', []],
])('known: [%s], %s, there: [%s]', async (known, sql, there, expected) => {
  const all = { a, b, a2: table('a', ['id', 'added']) };
  const named = (names: string) =>
    names.split(' ').flatMap((name) => (name in all ? [all[name as keyof typeof all]] : []));
  const catalog = scriptedCatalog(selectionOf(named(known)), {
    options: { matches: (_, name) => name !== 'hidden' },
  });
  catalog.becomes(selectionOf(named(there)));
  expect(await apply(catalog, sql)).toEqual(expected);
});

test('a dump from behind the statement is enough', async () => {
  const catalog = scriptedCatalog(selectionOf([a]));
  catalog.dumped(a, at(500));
  expect(await apply(catalog, 'ALTER TABLE a ADD b INT', at(400))).toEqual([]);
  expect(await apply(catalog, 'ALTER TABLE a ADD c INT', at(500))).toEqual([]);
  expect(await apply(catalog, 'DROP TABLE a', at(450))).toEqual([]);
  expect(await apply(catalog, 'ALTER TABLE a ADD d INT', at(501))).toEqual(['redump s.a']);
});

test('a statement behind a dump that was not told as what it is', async () => {
  const catalog = scriptedCatalog(selectionOf([a]));
  const altered = table('a', ['id', 'b']);
  // Altered once more since the dump; the log is not there yet.
  catalog.becomes(selectionOf([altered]));
  catalog.dumped(a, at(450));
  expect(await apply(catalog, 'ALTER TABLE a ADD x INT', at(400))).toEqual([]);
  expect(await apply(catalog, 'ALTER TABLE a ADD INDEX (id)', at(460))).toEqual(['redump s.a']);
});

test('what is dropped is told once', async () => {
  const catalog = scriptedCatalog(selectionOf([a]));
  catalog.becomes(selectionOf([]));
  expect(await apply(catalog, 'ALTER TABLE a ADD b INT')).toEqual(['drop s.a']);
  expect(await apply(catalog, 'DROP TABLE a')).toEqual([]);
  expect(await apply(catalog, 'CREATE TABLE a (id INT)')).toEqual([]);
});

test('a table that was asked for in vain is asked for again once it is made', async () => {
  const catalog = scriptedCatalog(selectionOf([]));
  const { tables } = catalog;
  const see = () => {
    tables.describe(tableMap('a', ['id']), at(100)).read(rowsEvent('insert', [[1]]), 0);
    return tables.cascades([], at(150)).length;
  };
  expect(see()).toBe(1);
  expect(see()).toBe(0);
  // It may have been there, in the end.
  expect(await apply(catalog, 'DROP TABLE a')).toEqual(['drop s.a']);
  await apply(catalog, 'CREATE TABLE a (id INT)');
  expect(see()).toBe(1);
});

test.each([
  ['OFF', []],
  ['ON', ['redump s.a', 'redump s.b']],
])('foreign keys that are gone, innodb_native_foreign_keys = %s', async (native, expected) => {
  const targets = { onDelete: ['`s`.`b`'], onKeyUpdate: [], keyColumns: [] };
  const cascades = native === 'ON' ? new Map([['`s`.`a`', targets]]) : new Map();
  const catalog = scriptedCatalog(selectionOf([a, b], { cascades }), {
    variables: { innodb_native_foreign_keys: native },
  });
  expect(await apply(catalog, 'ALTER TABLE a DROP FOREIGN KEY k')).toEqual(expected);
  expect(await apply(catalog, 'ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES p (id)')).toEqual([]);
});

test('a table that is renamed takes its foreign keys along: rows that it had changed before are read anew', async () => {
  const targets = { onDelete: ['`s`.`b`'], onKeyUpdate: [], keyColumns: [] };
  const cascades = new Map([['`other`.`new`', targets]]);
  const catalog = scriptedCatalog(selectionOf([b], { cascades }));
  expect(await apply(catalog, 'RENAME TABLE other.old TO other.new')).toEqual(['redump s.b']);
});

test('the catalog is looked at for what concerns the sync, and waited for', async () => {
  const targets = { onDelete: ['`s`.`a`'], onKeyUpdate: [], keyColumns: [] };
  const cascades = new Map([['`other`.`parent`', targets]]);
  const catalog = scriptedCatalog(selectionOf([a, b], { cascades }));
  await apply(catalog, 'ALTER TABLE other.t ADD b INT');
  await apply(catalog, 'DROP DATABASE other');
  expect(catalog.refreshed).toEqual([]);
  await apply(catalog, 'DROP TABLE other.parent, a, other.t');
  await apply(catalog, 'DROP DATABASE s');
  expect(catalog.refreshed).toEqual([
    [
      { schema: 'other', table: 'parent' },
      { schema: 's', table: 'a' },
    ],
    [
      { schema: 's', table: 'a' },
      { schema: 's', table: 'b' },
    ],
  ]);
});

test.each([
  // What is in the catalog and is wanted, by its setting; the statement; what is there afterwards.
  ['1', 'a', 'DROP TABLE `S`.`A`', '', ['drop s.a']],
  ['1', 'a', 'TRUNCATE A', 'a', ['truncate a']],
  ['1', 'a', 'ALTER TABLE S.a ADD b INT DEFAULT 5', 'a', ['redump s.a']],
  ['1', 'a', 'RENAME TABLE A TO Hidden', '', ['drop s.a']],
  ['1', '', 'CREATE TABLE A (id INT)', 'a', ['redump s.a']],
  ['1', '', 'CREATE TABLE Hidden (id INT)', '', []],
  ['2', 'A', 'TRUNCATE a', 'A', ['truncate A']],
  ['2', '', 'CREATE TABLE A (id INT)', 'A', ['redump s.A']],
])(
  'lower_case_table_names %s, known: [%s], %s, there: [%s]',
  async (setting, known, sql, there, expected) => {
    const of = (names: string) => selectionOf(names === '' ? [] : [table(names, ['id'])]);
    const wanted = known === '' && there !== '' ? there : known;
    const catalog = scriptedCatalog(of(known), {
      options: { matches: (schema, name) => schema === 's' && name === wanted },
      variables: { lower_case_table_names: setting },
    });
    catalog.becomes(of(there));
    expect(await apply(catalog, sql)).toEqual(expected);
  },
);

test('after a change of the table its rows are read as they are then', async () => {
  const catalog = scriptedCatalog(selectionOf([a]));
  catalog.becomes(selectionOf([table('a', ['id', 'b'])]));
  await apply(catalog, 'ALTER TABLE a ADD b INT');
  const log = catalog.tables.describe(tableMap('a', ['id', 'b']), at(600));
  expect(log.read(rowsEvent('insert', [[1, 2]]), 0).changes).toMatchObject([{ row: ['1', '2'] }]);
});
