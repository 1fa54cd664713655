/** Every type: what the log says is what the server selected (the rules are below). */
import { describe, expect, test } from 'vitest';
import { compactJson } from '../../../../../src/drivers/mysql/binlog/values/json-text.ts';
import { contents, events, hasFixture, rowsOf, type SelectedColumn, selected } from './fixtures.ts';

const servers = ['mysql-9.7', 'mariadb-10.11', 'mysql-5.6'] as const;
const names = [
  'numbers',
  'temporals',
  'texts',
  'spatial',
  'names',
  'json',
  'vectors',
  'addresses',
  'old-temporals',
  'compressed-columns',
  'signedness',
  'charsets',
  'many-columns',
];

const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year', 'bit'];
const bytes = ['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
const geometries = ['geometry', 'point', 'geometrycollection', 'geomcollection'];

/** The fragment that SPEC §6 asks for, from the text of a SELECT. */
function fragmentOf({ type }: SelectedColumn, text: string): string {
  if (integers.includes(type)) return BigInt(text).toString();
  if (type === 'decimal') return text;
  if (type === 'double') return text;
  if (type === 'date' || type === 'time') return `"${text}"`;
  if (type === 'datetime') return `"${text.replace(' ', 'T')}"`;
  if (type === 'timestamp') return `"${text.replace(' ', 'T')}+00:00"`;
  if (type === 'json') return compactJson(text);
  if (bytes.includes(type) || geometries.includes(type)) {
    return `"${Buffer.from(text, 'hex').toString('base64')}"`;
  }
  return JSON.stringify(text);
}

/** The digits of a float or of the floats of a vector: they are that float, and fewer would not be. */
function checkFloat(fragment: string, value: number): void {
  expect(Math.fround(Number(fragment))).toBe(value);
  const digits = fragment
    .replace(/e.*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
  for (let fewer = 1; fewer < digits.length; fewer++) {
    expect(Math.fround(Number(value.toPrecision(fewer)))).not.toBe(value);
  }
}

function check(column: SelectedColumn, fragment: unknown, text: string | null): void {
  if (text === null) {
    expect(fragment).toBe('null');
  } else if (column.type === 'float') {
    checkFloat(`${fragment}`, Number(text));
  } else if (column.type === 'vector') {
    const packed = Buffer.from(text, 'hex');
    const parts = `${fragment}`.slice(1, -1).split(',');
    expect(parts).toHaveLength(packed.length / 4);
    for (const [index, part] of parts.entries()) checkFloat(part, packed.readFloatLE(index * 4));
  } else if (column.type === 'double' && column.columnType !== 'double') {
    expect(Number(fragment)).toBe(Number(text));
  } else {
    expect(fragment, column.name).toBe(fragmentOf(column, text));
    if (column.type === 'json') expect(JSON.parse(`${fragment}`)).toEqual(JSON.parse(text));
  }
}

/** As ORDER BY 1: NULL first; the first column is a number in all tables but one. */
function byFirstColumn(a: unknown[], b: unknown[]): number {
  const rank = (row: unknown[]) => (row[0] === 'null' ? Number.NEGATIVE_INFINITY : Number(row[0]));
  return rank(a) - rank(b);
}

for (const server of servers) {
  describe(server, () => {
    for (const name of names) {
      const path = `${server}/${name}`;
      if (!hasFixture(path)) continue;
      const tables = selected(path);
      for (const table of Object.keys(tables)) {
        test(`${name}: ${table}`, () => {
          const { columns = [], rows = [] } = tables[table] ?? {};
          const found = contents(rowsOf(events(path), tables), table);
          expect(found).toHaveLength(rows.length);
          expect(rows.length).toBeGreaterThan(0);
          const order = [...found].sort(byFirstColumn);
          for (const [index, row] of rows.entries()) {
            expect(order[index]).toHaveLength(columns.length);
            for (const [at, column] of columns.entries()) {
              check(column, order[index]?.[at], row[at] ?? null);
            }
          }
        });
      }
    }
  });
}
