import { expect, test } from 'vitest';
import { columnTypes } from '../../../../src/drivers/mysql/binlog/column-types.ts';
import { bindDefinition } from '../../../../src/drivers/mysql/relation.ts';
import type { CatalogEvent } from '../../../../src/replication/change.ts';
import {
  at,
  bareMap,
  columnMap,
  rowsEvent,
  schemaColumn,
  scriptedCatalog,
  selectionOf,
  table,
  tableMap,
} from '../../../support/log-tables.ts';

const commit = at(100);
const place = at(200);

function brief(events: readonly CatalogEvent[]): readonly string[] {
  return events.map((event) => ('table' in event ? `${event.kind} ${event.table}` : event.kind));
}

test('a table map gives the relation of the catalog', () => {
  const definition = table('t', ['id', 'a', 'b']);
  const { tables } = scriptedCatalog(selectionOf([definition]));
  const { relation } = tables.describe(tableMap('t', ['id', 'a', 'b']), commit);
  expect(relation).toEqual({
    ...bindDefinition(definition, 'number').relation,
    columns: ['id', 'a', 'b'].map((name) => ({ name, keyText: expect.any(Function) })),
  });
  expect(tables.describe(tableMap('t', ['id', 'b', 'a']), commit).relation?.signature).not.toBe(
    relation?.signature,
  );
});

test('rows are changes, counted up', () => {
  const { tables } = scriptedCatalog(selectionOf([table('t', ['id', 'a'])]));
  const log = tables.describe(tableMap('t', ['id', 'a']), commit);
  const { relation } = log;
  expect(
    log.read(
      rowsEvent('insert', [
        [1, 2],
        [3, null],
      ]),
      5,
    ),
  ).toEqual({
    rows: 2,
    changes: [
      { op: 'insert', relation, row: ['1', '2'], messagesBefore: 5 },
      { op: 'insert', relation, row: ['3', 'null'], messagesBefore: 6 },
    ],
  });
  // Of what was there before, only the key is read; and where that stays, it says nothing.
  expect(
    log.read(
      rowsEvent('update', [
        [1, 2],
        [1, 9],
        [3, 4],
        [5, 4],
      ]),
      0,
    ),
  ).toEqual({
    rows: 2,
    changes: [
      { op: 'update', relation, row: ['1', '9'], old: null, messagesBefore: 0 },
      { op: 'update', relation, row: ['5', '4'], old: ['3', undefined], messagesBefore: 1 },
    ],
  });
  expect(log.read(rowsEvent('delete', [[7, 8]]), 0)).toEqual({
    rows: 1,
    changes: [{ op: 'delete', relation, old: ['7', undefined], messagesBefore: 0 }],
  });
});

test('excluded columns are passed over, wherever they stand', () => {
  const options = { excludesColumn: (_: string, __: string, column: string) => column === 'a' };
  const columns = ['a', 'id', 'b'].map((name) => schemaColumn(name));
  const definition = table('t', ['id', 'b'], { allColumns: columns, key: ['id'] });
  const { tables } = scriptedCatalog(selectionOf([definition]), { options });
  const map = tableMap('t', ['a', 'id', 'b'], { primaryKey: [{ column: 1, prefix: 0 }] });
  const { relation, read } = tables.describe(map, commit);
  expect(relation?.columns.map(({ name }) => name)).toEqual(['id', 'b']);
  expect(relation?.signature).toBe(bindDefinition(definition, 'number').relation.signature);
  expect(read(rowsEvent('insert', [[1, 2, 3]]), 0).changes).toMatchObject([{ row: ['2', '3'] }]);
});

test.each(['vector', 'json'] as const)(
  'an excluded column of %s may be anything in a log without metadata',
  (kind) => {
    const options = { excludesColumn: (_: string, __: string, column: string) => column === 'v' };
    const columns = [schemaColumn('id'), schemaColumn('v', { shape: { kind } }), schemaColumn('b')];
    const definition = table('t', ['id', 'b'], { allColumns: columns });
    const map = bareMap('t', [
      columnMap('id'),
      columnMap('v', { type: columnTypes.varchar, meta: 9 }),
      columnMap('b'),
    ]);
    const { tables } = scriptedCatalog(selectionOf([definition]), { options });
    const row = [1, Buffer.from([2, 65, 66]), 3];
    const read = tables.describe(map, commit).read(rowsEvent('insert', [row]), 0);
    expect(read.changes).toMatchObject([{ row: ['1', '3'] }]);
    expect(tables.cascades([], commit)).toEqual([]);
    // One that is wanted may not.
    const whole = scriptedCatalog(selectionOf([table('t', columns)]));
    expect(whole.tables.describe(map, commit).read(rowsEvent('insert', [row]), 0).changes).toEqual(
      [],
    );
  },
);

test('rows that are not whole stop the sync, with the setting', () => {
  const { tables } = scriptedCatalog(selectionOf([table('t', ['id', 'a'])]));
  const log = tables.describe(tableMap('t', ['id', 'a']), commit);
  const present = { bitmap: Buffer.from([1]), count: 1, full: false };
  expect(() => log.read(rowsEvent('update', [[1]], { before: present }), 0)).toThrow(
    expect.objectContaining({
      code: 'binlog_setting',
      table: 's.t',
      remedy: expect.stringContaining('SET GLOBAL binlog_row_image = FULL'),
    }),
  );
});

test('differences of JSON are applied to what was before', () => {
  const json = columnMap('j', { type: columnTypes.json, meta: 4, unsigned: null });
  const columns = ['id', schemaColumn('j', { columnType: 'json', shape: { kind: 'json' } })];
  const { tables } = scriptedCatalog(selectionOf([table('t', columns)]));
  const log = tables.describe(tableMap('t', ['id', json]), commit);
  // {"a":1}, as MySQL stores it: an object of one member whose value is inlined
  const stored = Buffer.from('0001000c000b00010005010061', 'hex');
  const image = Buffer.concat([Buffer.from([stored.length, 0, 0, 0]), stored]);
  // replace $.a by 2: operation 0, the path, the value (an INT16)
  const diff = Buffer.from(`00${'03'}${Buffer.from('$.a').toString('hex')}03050200`, 'hex');
  const diffs = Buffer.concat([Buffer.from([diff.length, 0, 0, 0]), diff]);
  const id = Buffer.from([1, 0, 0, 0]);
  const rows = Buffer.concat([
    Buffer.from([0]),
    id,
    image,
    // options: partial; the JSON column is given by differences; no NULLs
    Buffer.from([1, 1, 0]),
    id,
    diffs,
  ]);
  const event = {
    ...rowsEvent('update', [
      [1, 1],
      [1, 1],
    ]),
    rows,
    partialJson: true,
  };
  expect(log.read(event, 0).changes).toMatchObject([{ row: ['1', '{"a":2}'], old: null }]);
  // The next event has whole values.
  const whole = {
    ...rowsEvent('insert', [[1, 1]]),
    rows: Buffer.concat([Buffer.from([0]), id, image]),
  };
  expect(log.read(whole, 0).changes).toMatchObject([{ row: ['1', '{"a":1}'] }]);
});

/** The end of a period, as TIMESTAMP(6). */
function moment(seconds: number, micros = 0): Buffer {
  const bytes = Buffer.alloc(7);
  bytes.writeUInt32BE(seconds);
  bytes.writeUIntBE(micros, 4, 3);
  return bytes;
}

const always = moment(0x7fff_ffff, 999_999);
const past = moment(1_700_000_000);
const periods = ['row_start', 'row_end'].map((name) =>
  columnMap(name, { type: columnTypes.timestamp2, meta: 6, unsigned: null }),
);

test.each(['full', 'bare'])('versions of the past are not replicated: %s metadata', (metadata) => {
  const versioning = { start: 'row_start', end: 'row_end' };
  const definition = table('t', ['id', 'a'], { versioning });
  const { tables } = scriptedCatalog(selectionOf([definition]));
  const columns = [columnMap('id'), columnMap('a'), ...periods];
  const primaryKey = [
    { column: 0, prefix: 0 },
    { column: 3, prefix: 0 },
  ];
  const map = metadata === 'full' ? tableMap('t', columns, { primaryKey }) : bareMap('t', columns);
  const log = tables.describe(map, commit);
  expect(log.relation?.signature).toBe(bindDefinition(definition, 'number').relation.signature);
  const current = [1, 5, past, always];
  const ended = [1, 5, past, moment(1_700_000_001)];
  const ops = (op: 'insert' | 'update' | 'delete', ...images: (number | Buffer)[][]) =>
    log.read(rowsEvent(op, images), 0).changes.map((change) => change.op);
  expect(ops('insert', current)).toEqual(['insert']);
  expect(ops('insert', ended)).toEqual([]);
  expect(ops('update', current, [1, 6, past, always])).toEqual(['update']);
  expect(ops('update', current, ended)).toEqual(['delete']);
  expect(ops('delete', ended)).toEqual([]);
  expect(ops('insert', [1, 5, past, moment(0xffff_ffff, 999_999)])).toEqual(['insert']);
  expect(log.read(rowsEvent('insert', [current]), 0).changes).toMatchObject([{ row: ['1', '5'] }]);
});

test('hashes of unique BLOBs are no columns', () => {
  const definition = table('t', ['id', 'a']);
  const { tables } = scriptedCatalog(selectionOf([definition]));
  const hash = columnMap('DB_ROW_HASH_1', { type: columnTypes.longlong });
  const expected = bindDefinition(definition, 'number').relation.signature;
  const maps = [
    tableMap('t', ['id', 'a', hash]),
    bareMap('t', [columnMap('id'), columnMap('a'), hash]),
  ];
  for (const map of maps) expect(tables.describe(map, commit).relation?.signature).toBe(expected);
});

test('a table of others is counted', () => {
  const { tables } = scriptedCatalog(selectionOf([table('t', ['id'])]), {
    options: { databases: ['s'], matches: (_, name) => name !== 'other' },
  });
  for (const map of [tableMap('other', ['id', 'a']), tableMap('t', ['id', 'a'], { schema: 'x' })]) {
    const log = tables.describe(map, commit);
    expect(log.relation).toBeNull();
    expect(
      log.read(
        rowsEvent('insert', [
          [1, 2],
          [3, 4],
        ]),
        0,
      ),
    ).toEqual({ rows: 2, changes: [] });
  }
  expect(tables.cascades([], place)).toEqual([]);
});

test('a table that was not there when tables were looked up is asked for, once', () => {
  const catalog = scriptedCatalog(selectionOf([]));
  const { tables } = catalog;
  const see = () =>
    tables.describe(tableMap('new', ['id']), commit).read(rowsEvent('insert', [[1]]), 0);
  expect(tables.cascades([], place)).toEqual([]);
  see();
  expect(brief(tables.cascades([], place))).toEqual(['redump s.new']);
  see();
  catalog.look();
  see();
  expect(tables.cascades([], place)).toEqual([]);
});

test('an excluded table is not asked for', () => {
  const warning = { code: 'no_key', message: '', remedy: '', table: 's.t' };
  const excluded = [{ tableId: '`s`.`t`', table: 's.t', warning }];
  const { tables } = scriptedCatalog(selectionOf([], { excluded }));
  tables.describe(tableMap('t', ['id']), commit).read(rowsEvent('insert', [[1]]), 0);
  expect(tables.cascades([], place)).toEqual([]);
});

test('names are compared as the server compares them', () => {
  const selection = selectionOf([table('Orders', ['id'])]);
  const map = tableMap('orders', ['id'], { schema: 'S' });
  const strict = scriptedCatalog(selection);
  expect(strict.tables.describe(map, commit).relation).toBeNull();
  const folding = scriptedCatalog(selection, { variables: { lower_case_table_names: '2' } });
  expect(folding.tables.describe(map, commit).relation?.table).toBe('Orders');
});

test('a table map that came before is not looked at again', () => {
  const catalog = scriptedCatalog(selectionOf([table('t', ['id'])]));
  const map = tableMap('t', ['id']);
  const first = catalog.tables.describe(map, commit);
  expect(catalog.tables.describe({ ...map }, at(300))).toBe(first);
  catalog.look();
  const second = catalog.tables.describe(map, commit);
  expect(second).not.toBe(first);
  expect(catalog.tables.describe(tableMap('t', ['id']), commit)).not.toBe(second);
});

const one = [1, 2];

test('without metadata the columns are those of the catalog, as it was told', () => {
  const old = table('t', ['id', 'a']);
  const unsigned = table('t', ['id', schemaColumn('a', { unsigned: true })]);
  const catalog = scriptedCatalog(selectionOf([old]));
  const { tables } = catalog;
  const read = (offset = 100) =>
    tables
      .describe(bareMap('t', [columnMap('id'), columnMap('a')]), at(offset))
      .read(rowsEvent('insert', [one]), 0);
  expect(read().changes).toHaveLength(1);
  // Altered, and the log is not there yet.
  catalog.becomes(selectionOf([unsigned]));
  catalog.look();
  expect(read()).toEqual({ rows: 1, changes: [] });
  expect(brief(tables.cascades([], at(150)))).toEqual(['redump s.t']);
  expect(tables.cascades([], at(150))).toEqual([]);
  // Held until that dump, whatever comes.
  expect(read(200).changes).toHaveLength(1);
  expect(tables.cascades([], at(250))).toEqual([]);
});

test('without metadata, after a dump that somebody else has asked for', () => {
  const altered = table('t', ['id', schemaColumn('a', { unsigned: true })]);
  const catalog = scriptedCatalog(selectionOf([table('t', ['id', 'a'])]));
  const { tables } = catalog;
  const map = bareMap('t', [columnMap('id'), columnMap('a')]);
  const read = (offset: number) =>
    tables.describe(map, at(offset)).read(rowsEvent('insert', [one]), 0).changes.length;
  expect(read(100)).toBe(1);
  catalog.becomes(selectionOf([altered]));
  catalog.look();
  catalog.dumped(altered, at(400));
  expect(read(500)).toBe(1);
  expect(tables.cascades([], at(600))).toEqual([]);
});

test('rows that cannot be read need no dump where one has them', () => {
  const wide = table('t', ['id', 'a', 'b']);
  const catalog = scriptedCatalog(selectionOf([wide]));
  const { tables } = catalog;
  const read = (offset: number) =>
    tables
      .describe(bareMap('t', [columnMap('id'), columnMap('a')]), at(offset))
      .read(rowsEvent('insert', [one]), 0);
  catalog.dumped(wide, at(400));
  expect(read(300)).toEqual({ rows: 1, changes: [] });
  expect(tables.cascades([], at(400))).toEqual([]);
  // It has the columns of now, and the log has others: by chance, or for good.
  for (const offset of [400, 500, 600]) {
    catalog.dumped(wide, at(offset));
    expect(read(offset)).toEqual({ rows: 1, changes: [] });
    expect(read(offset)).toEqual({ rows: 1, changes: [] });
    expect(brief(tables.cascades([], at(offset + 50)))).toEqual(['redump s.t']);
  }
  catalog.dumped(wide, at(700));
  expect(() => read(700)).toThrow(
    expect.objectContaining({ code: 'unsupported_event', table: 's.t' }),
  );
});

test('without metadata, rows that the columns of the catalog do not fit are dumped, once', () => {
  const shape = { kind: 'enum' } as const;
  const members = schemaColumn('e', { shape, charset: 'utf8mb4', members: ['x'] });
  const definition = table('t', ['id', members]);
  const catalog = scriptedCatalog(selectionOf([definition]));
  const { tables } = catalog;
  const map = bareMap('t', [columnMap('id'), columnMap('e', { type: columnTypes.enum, meta: 1 })]);
  const read = (offset: number) =>
    tables.describe(map, at(offset)).read(rowsEvent('insert', [[1, Buffer.from([7])]]), 0);
  expect(read(100)).toEqual({ rows: 1, changes: [] });
  expect(brief(tables.cascades([], place))).toEqual(['redump s.t']);
  for (const offset of [300, 400, 500]) {
    catalog.dumped(definition, at(offset));
    expect(read(offset)).toEqual({ rows: 1, changes: [] });
  }
  catalog.dumped(definition, at(600));
  expect(() => read(600)).toThrow(expect.objectContaining({ table: 's.t' }));
});

test('with metadata and no key, rows are dumped', () => {
  const catalog = scriptedCatalog(selectionOf([table('t', ['id'])]));
  const log = catalog.tables.describe(tableMap('t', ['id'], { primaryKey: null }), commit);
  expect(log.read(rowsEvent('insert', [[1]]), 0)).toEqual({ rows: 1, changes: [] });
  expect(brief(catalog.tables.cascades([], place))).toEqual(['redump s.t']);
});

const targets = { onDelete: ['`s`.`child`'], onKeyUpdate: ['`s`.`other`'], keyColumns: ['k'] };
const family = ['parent', 'child', 'other'].map((name) => table(name, ['id', 'k', 'v']));
const cascades = new Map([['`s`.`parent`', targets]]);

test('rows of a parent: its children are dumped again, once in a transaction', () => {
  const catalog = scriptedCatalog(selectionOf(family, { cascades }));
  const { tables } = catalog;
  const map = tableMap('parent', ['id', 'k', 'v']);
  const see = (op: 'insert' | 'update' | 'delete', images: number[][], begin = commit) => {
    tables.describe(map, begin).read(rowsEvent(op, images), 0);
    return brief(tables.cascades([], at(begin.offset + 50)));
  };
  expect(see('insert', [[1, 1, 1]])).toEqual([]);
  expect(
    see('update', [
      [1, 1, 1],
      [1, 1, 2],
    ]),
  ).toEqual([]);
  expect(
    see('update', [
      [1, 1, 1],
      [1, 3, 1],
    ]),
  ).toEqual(['redump s.other']);
  expect(
    see('delete', [
      [1, 1, 1],
      [2, 2, 2],
    ]),
  ).toEqual(['redump s.child']);
  expect(see('delete', [[3, 1, 1]])).toEqual([]);
  const next = at(1_000);
  expect(see('delete', [[1, 1, 1]], next)).toEqual(['redump s.child']);
  catalog.dumped(family[1] as (typeof family)[0], at(2_050));
  expect(see('delete', [[1, 1, 1]], at(2_000))).toEqual([]);
  expect(see('delete', [[1, 1, 1]], at(2_001))).toEqual(['redump s.child']);
});

test('rows of a parent that is not of the sync', () => {
  const [, child, other] = family as [(typeof family)[0], (typeof family)[0], (typeof family)[0]];
  const { tables } = scriptedCatalog(selectionOf([child, other], { cascades }), {
    options: { matches: (_, name) => name !== 'parent' },
  });
  const map = tableMap('parent', ['id', 'k', 'v']);
  tables.describe(map, commit).read(rowsEvent('insert', [[1, 1, 1]]), 0);
  expect(tables.cascades([], place)).toEqual([]);
  tables.describe(map, commit).read(
    rowsEvent('update', [
      [1, 1, 1],
      [1, 1, 2],
    ]),
    0,
  );
  expect(brief(tables.cascades([], place)).toSorted()).toEqual([
    'redump s.child',
    'redump s.other',
  ]);
});
