import { describe, expect, test } from 'vitest';
import { RowDecoder } from '../../../../../src/drivers/mysql/binlog/row-images.ts';
import type { TableMap } from '../../../../../src/drivers/mysql/binlog/table-map.ts';
import { charsetOfCollation } from '../../../../../src/drivers/mysql/binlog/values/collations.ts';
import { WatcherError } from '../../../../../src/errors.ts';
import { events, hintsOf, rowsOf, selected } from './fixtures.ts';

const fullServers = ['mysql-9.7', 'mariadb-10.11'] as const;

function maps(path: string): Map<string, TableMap> {
  return new Map(
    events(path).flatMap((event) => (event.type === 'table_map' ? [[event.table, event]] : [])),
  );
}

/** Of the columns that information_schema gives a charset, with those without one as binary. */
const texts = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set'];
const binaries = ['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];

describe.each(fullServers)('full metadata: %s', (server) => {
  test.each(['numbers', 'texts', 'spatial', 'names', 'temporals'])('%s', (name) => {
    const tables = selected(`${server}/${name}`);
    const found = maps(`${server}/${name}`);
    for (const [table, { columns }] of Object.entries(tables)) {
      const map = found.get(table);
      expect(map?.fullMetadata).toBe(true);
      expect(map?.columns.map((column) => column.name)).toEqual(columns.map((c) => c.name));
      for (const [index, { type, charset, columnType }] of columns.entries()) {
        const column = map?.columns[index];
        if (column?.unsigned !== null && type !== 'year') {
          expect(column?.unsigned, columnType).toBe(columnType.includes('unsigned'));
        }
        if (texts.includes(type)) {
          expect(charsetOfCollation(column?.collation ?? -1)).toBe(charset ?? 'binary');
        }
        if (binaries.includes(type)) expect(column?.collation).toBe(63);
      }
    }
  });

  test('keys', () => {
    const found = maps(`${server}/names`);
    const key = (table: string) => found.get(table)?.primaryKey;
    expect(key('ta"b`le é表')).toEqual([
      { column: 2, prefix: 0 },
      { column: 0, prefix: 0 },
    ]);
    expect(key('prefix_key')).toEqual([
      { column: 2, prefix: 0 },
      { column: 0, prefix: 5 },
    ]);
    expect(key('no_key')).toBeNull();
    expect(key('generated_columns')).toEqual([{ column: 0, prefix: 0 }]);
  });
});

test('visibility is logged by MySQL, not by MariaDB', () => {
  const visible = (server: string) =>
    maps(`${server}/names`)
      .get('invisible')
      ?.columns.map((column) => column.visible);
  expect(visible('mysql-9.7')).toEqual([true, false, true]);
  expect(visible('mariadb-10.11')).toEqual([null, null, null]);
});

test('the dimensions of vectors', () => {
  const columns = maps('mysql-9.7/vectors').get('vectors')?.columns;
  expect(columns?.map(({ dimensions }) => dimensions)).toEqual([null, 3, null, 2048, null, null]);
});

/** Signs and charsets are logged, names and members are not. */
test('minimal metadata: with hints, the rows are those that the server selected', () => {
  const tables = selected('mysql-9.7/minimal-metadata');
  const [row] = rowsOf(events('mysql-9.7/minimal-metadata'), tables);
  expect(row?.map.fullMetadata).toBe(false);
  expect(row?.map.columns.map(({ name }) => name)).toEqual(new Array(8).fill(null));
  expect(row?.after?.slice(0, 5)).toEqual([
    '4294967295',
    '"café"',
    '"é"',
    '"x,y"',
    '18446744073709551615',
  ]);
  expect(row?.after?.slice(6)).toEqual(['"中文"', '"AP8="']);
  expect(() => rowsOf(events('mysql-9.7/minimal-metadata'))).toThrow('its members');
});

test.each([
  ['integers', 1, 'unsigned', 'whether it is unsigned'],
  ['text_latin1', 1, 'charset', 'its charset'],
  ['members', 1, 'members', 'its members'],
] as const)('no metadata (5.6): nothing is guessed, %s', (table, column, hint, text) => {
  const path = table === 'integers' ? 'mysql-5.6/numbers' : 'mysql-5.6/texts';
  const map = maps(path).get(table);
  const known = selected(path)[table];
  if (map === undefined || known === undefined) throw new Error('no table');
  const hints = hintsOf(known);
  expect(() => new RowDecoder(map, { numbers: 'number', hints })).not.toThrow();
  const { [hint]: _, ...others } = hints[column] ?? {};
  const fewer = hints.map((given, index) => (index === column ? others : given));
  expect(() => new RowDecoder(map, { numbers: 'number', hints: fewer })).toThrow(
    expect.objectContaining({
      code: 'source_setting',
      table: `f.${table}`,
      message: expect.stringContaining(text),
    }),
  );
});

test('fractions of seconds in the format of MariaDB 5.3 are refused', () => {
  const map = maps('mariadb-10.11/old-temporals').get('old');
  if (map === undefined) throw new Error('no table');
  const hints = [{}, { digits: 3 }];
  expect(() => new RowDecoder(map, { numbers: 'number', hints })).toThrow('MariaDB 5.3');
});

test('64-bit integers and decimals as strings, by the type of the column', () => {
  const list = events('mysql-9.7/numbers');
  const map = maps('mysql-9.7/numbers').get('integers');
  const rows = list.find((event) => event.type === 'rows');
  if (map === undefined || rows?.type !== 'rows') throw new Error('no rows');
  const [first] = new RowDecoder(map, { numbers: 'string' }).decode(rows);
  expect(first?.after?.slice(8)).toEqual(['0', '"-9223372036854775808"', '"0"', '0', '0']);
});

test('columns that are not wanted are passed over', () => {
  for (const path of [
    'mysql-9.7/numbers',
    'mysql-9.7/texts',
    'mysql-9.7/temporals',
    'mysql-9.7/json',
    'mysql-9.7/vectors',
    'mysql-9.7/spatial',
    'mariadb-10.11/compressed-columns',
  ]) {
    const all = rowsOf(events(path)).map(({ after }) => after?.at(-1));
    const decoders = new Map<number, RowDecoder>();
    const last = events(path).flatMap((event) => {
      if (event.type === 'table_map') {
        const isWanted = (column: number) => column === event.columns.length - 1;
        decoders.set(event.tableId, new RowDecoder(event, { numbers: 'number', isWanted }));
      }
      if (event.type !== 'rows') return [];
      return decoders.get(event.tableId)?.decode(event) ?? [];
    });
    expect(last.map(({ after }) => after?.at(-1))).toEqual(all);
    expect(
      last.every(({ after }) => after === null || after.slice(0, -1).every((v) => v === undefined)),
    ).toBe(true);
  }
});

test('errors name table and column, never the value', () => {
  const map = maps('mysql-9.7/texts').get('members');
  if (map === undefined) throw new Error('no table');
  const rows = events('mysql-9.7/texts').filter(
    (event) => event.type === 'rows' && event.tableId === map.tableId,
  );
  const shorter: TableMap = {
    ...map,
    columns: map.columns.map((column) => ({
      ...column,
      members: column.members === null ? null : column.members.slice(0, 1),
    })),
  };
  const decoder = new RowDecoder(shorter, { numbers: 'number' });
  const failures = rows.flatMap((event) => {
    try {
      if (event.type === 'rows') decoder.decode(event);
      return [];
    } catch (error) {
      return error instanceof WatcherError ? [error] : [];
    }
  });
  expect(failures[0]).toMatchObject({ table: 'f.members' });
  expect(
    failures.some(({ message }) => message.includes('ENUM member that is not in its list')),
  ).toBe(true);
});
