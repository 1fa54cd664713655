/** Tables with a column of every type, and what etcd must hold for them, by the server's own text. */
import { expect } from 'vitest';
import { floatColumns, type ValueColumn, valueColumns } from './mysql-columns.ts';
import type { MysqlTestDatabase } from './mysql-database.ts';
import type { SharedMysql } from './mysql-global-setup.ts';
import type { MysqlTestSync } from './mysql-sync.ts';
import { keyPart, sameRows } from './source-rows.ts';

type Named = Pick<ValueColumn, 'name' | 'type' | 'values'>;

/** `v` has all types but those of floats, which `f` has. */
export interface ValueTables {
  readonly columns: readonly ValueColumn[];
  /** Of each `insert`. */
  readonly rows: number;
  /** Rows with ids from this one on: in row i the i-th value of each column, NULL where there is none. The last: all NULL. */
  insert(database: Queryable, firstId: number): Promise<void>;
  /** Key without what every key of the table begins with → JSON, of every row of `v` that is there now. */
  expected(database: MysqlTestDatabase): Promise<Map<string, string>>;
}

type Queryable = Pick<MysqlTestDatabase, 'query'>;

const definitions = (columns: readonly Named[]): string =>
  columns.map(({ name, type }) => `${name} ${type}`).join(', ');

const floats: readonly Named[] = floatColumns.map(([name, type, values]) => ({
  name,
  type,
  values,
}));

/** Values that are wrong in strict mode are stored in this session. */
export async function createValueTables(
  { query }: Queryable,
  flavour: SharedMysql,
): Promise<ValueTables> {
  const columns = valueColumns(flavour);
  const rows = 1 + Math.max(...[...columns, ...floats].map(({ values }) => values.length));
  await query(`SET sql_mode = ''`);
  for (const [table, list] of [
    ['v', columns],
    ['f', floats],
  ] as const) {
    await query(
      `CREATE TABLE ${table} (id INT PRIMARY KEY, ${definitions(list)}, touched INT) ROW_FORMAT=DYNAMIC`,
    );
  }
  return {
    columns,
    rows,
    async insert(database, firstId) {
      for (let row = 0; row < rows; row += 1) {
        await insertRow(database, 'v', columns, row, firstId);
        await insertRow(database, 'f', floats, row, firstId);
      }
    },
    expected: (database) => expectedValues(database, columns),
  };
}

async function insertRow(
  { query }: Queryable,
  table: string,
  columns: readonly Named[],
  row: number,
  firstId: number,
): Promise<void> {
  const names = columns.map(({ name }) => name).join(', ');
  const values = columns.map((column) => column.values[row] ?? 'NULL').join(', ');
  await query(`INSERT INTO ${table} (id, ${names}) VALUES (${firstId + row}, ${values})`);
}

const numberKind: Pick<ValueColumn, 'ask' | 'expect'> = {
  ask: 'CAST(@ AS CHAR)',
  expect: (text) => text,
};

async function expectedValues(
  { query }: Queryable,
  columns: readonly ValueColumn[],
): Promise<Map<string, string>> {
  const all = [{ name: 'id', ...numberKind }, ...columns, { name: 'touched', ...numberKind }];
  const asked = all.map(({ name, ask }) => `${ask.replaceAll('@', name)} AS ${name}`).join(', ');
  const found = await query<Record<string, string | null>>(`SELECT ${asked} FROM v`);
  return new Map(
    found.map((row) => {
      const members = all.map(({ name, expect }) => {
        const text = row[name] ?? null;
        return `"${name}":${text === null ? 'null' : expect(text)}`;
      });
      return [row.id ?? '', `{${members.join(',')}}`];
    }),
  );
}

/** Key without its beginning → JSON. */
export async function valuesOf(sync: MysqlTestSync, table: string): Promise<Map<string, string>> {
  const keys = await sync.keys(table);
  const base = `${sync.prefix.rows}${sync.database.name}/${table}/`;
  return new Map([...keys].map(([key, value]) => [key.slice(base.length), value]));
}

/** Row by row, the bytes of those from `first` on are those of the dumped ones. */
export async function expectSameBytes(
  sync: MysqlTestSync,
  { rows }: ValueTables,
  first: number,
): Promise<void> {
  for (const table of ['v', 'f']) {
    const values = await valuesOf(sync, table);
    for (let row = 0; row < rows; row += 1) {
      const dumped = withoutId(values.get(String(1 + row)));
      expect(dumped, `${table} ${1 + row}`).toBeDefined();
      expect(withoutId(values.get(String(first + row))), `${table} ${first + row}`).toBe(dumped);
    }
  }
}

export async function expectServersText(sync: MysqlTestSync, tables: ValueTables): Promise<void> {
  const expected = await tables.expected(sync.database);
  expect(sameRows(expected, await valuesOf(sync, 'v'))).toEqual([]);
}

/** The members behind `id`. */
function withoutId(json: string | undefined): string | undefined {
  return json?.replace(/^\{"id":\d+,/, '{');
}

/** A table with a key of several types, which is followed by a number. */
export interface KeyTable {
  readonly name: string;
  readonly types: string;
  create(database: Queryable): Promise<void>;
  /** Its keys, without what every one of them begins with. */
  expected(database: Queryable): Promise<string[]>;
}

/** Everything that has a meaning in a key. */
const slashes = [`'a/b'`, `'a'`, `'100 %'`, `'%2F'`, `''`, `'é ß'`, `'a\\nb'`, `'-'`];
const notKeys = /GEOMETRY|POINT|JSON|VECTOR|COMPRESSED|INVISIBLE/;
const columnsOfKey = 6;

/** Between them they have keys of every type that can be one. */
export function keyTables(flavour: SharedMysql): readonly KeyTable[] {
  const columns = valueColumns(flavour)
    .filter(({ type }) => !notKeys.test(type))
    .map((column) => ({ ...column, values: [...column.values, ...moreKeys(column.type)] }));
  const count = Math.ceil(columns.length / columnsOfKey);
  return Array.from({ length: count }, (_, at) =>
    keyTable(
      `k${at}`,
      columns.filter((_, index) => index % count === at),
    ),
  );
}

function keyTable(name: string, columns: readonly ValueColumn[]): KeyTable {
  const key = columns.map(({ name, type }) =>
    /TEXT|BLOB|\(300\)/.test(type) ? `${name}(50)` : name,
  );
  const typed = columns.map(({ name, type }) => `${name} ${type.replace(' NULL', '')} NOT NULL`);
  const names = columns.map((column) => column.name).join(', ');
  const rows = Math.max(...columns.map(({ values }) => values.length));
  return {
    name,
    types: columns.map(({ type }) => type).join(', '),
    async create({ query }) {
      await query(
        `CREATE TABLE ${name} (${typed.join(', ')}, n INT NOT NULL AUTO_INCREMENT UNIQUE, v INT, PRIMARY KEY (${key.join(', ')})) ROW_FORMAT=DYNAMIC`,
      );
      for (let row = 0; row < rows; row += 1) {
        const values = columns.map(({ values }) => values[row % values.length]);
        // Some are equal by the collation, or come again.
        await query(`INSERT IGNORE INTO ${name} (${names}) VALUES (${values.join(', ')})`);
      }
    },
    async expected({ query }) {
      const asked = columns.map(({ name, ask }) => `${ask.replaceAll('@', name)} AS ${name}`);
      const found = await query<Record<string, string>>(`SELECT ${asked.join(', ')} FROM ${name}`);
      return found
        .map((row) => columns.map((column) => keyText(column, row[column.name] ?? '')).join('/'))
        .sort();
    },
  };
}

function keyText({ ask, expect }: ValueColumn, text: string): string {
  const isBytes = ask.startsWith('HEX(@');
  return keyPart(isBytes ? text.toLowerCase() : unquoted(expect(text)));
}

function moreKeys(type: string): readonly string[] {
  if (/VARCHAR|TEXT/.test(type)) return slashes;
  if (/INT|DECIMAL\(10/.test(type)) return type.includes('UNSIGNED') ? ['7'] : ['-7', '7', '-1'];
  return [];
}

function unquoted(fragment: string): string {
  return fragment.startsWith('"') ? (JSON.parse(fragment) as string) : fragment;
}
