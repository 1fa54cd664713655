/**
 * The tables of the crash test on MySQL and MariaDB. Their columns are plain enough that the text of the servers' own
 * tools decides the JSON.
 */

type Kind = 'integer' | 'unsigned' | 'decimal' | 'text' | 'date' | 'datetime';

export interface Column {
  readonly name: string;
  readonly kind: Kind;
}

interface Table {
  readonly columns: readonly (Column & { readonly type: string })[];
  /** `logs` has no primary key. */
  readonly unique: string;
}

const identity = [
  { name: 'rid', kind: 'integer', type: 'BIGINT NOT NULL' },
  { name: 'txn', kind: 'integer', type: 'BIGINT NOT NULL DEFAULT 0' },
] as const;

/** `rid` names a row for ever, whatever its key; `txn` is a number of the writer's, so that each state is another. */
const schema = {
  items: {
    columns: [
      { name: 'id', kind: 'integer', type: 'INT NOT NULL' },
      ...identity,
      { name: 'small', kind: 'integer', type: 'SMALLINT' },
      { name: 'n', kind: 'integer', type: 'BIGINT' },
      { name: 'u', kind: 'unsigned', type: 'BIGINT UNSIGNED' },
      { name: 'dec', kind: 'decimal', type: 'DECIMAL(50,20)' },
      { name: 'made', kind: 'datetime', type: 'DATETIME(3)' },
      { name: 'note', kind: 'text', type: 'TEXT' },
    ],
    unique: 'PRIMARY KEY (id)',
  },
  pairs: {
    columns: [
      { name: 'a', kind: 'integer', type: 'INT NOT NULL' },
      { name: 'b', kind: 'text', type: 'VARCHAR(40) COLLATE utf8mb4_bin NOT NULL' },
      ...identity,
      { name: 'amount', kind: 'decimal', type: 'DECIMAL(30,5)' },
    ],
    unique: 'PRIMARY KEY (a, b)',
  },
  blobs: {
    columns: [
      { name: 'id', kind: 'integer', type: 'INT NOT NULL' },
      ...identity,
      { name: 'n', kind: 'integer', type: 'INT' },
      { name: 'big', kind: 'text', type: 'MEDIUMTEXT' },
    ],
    unique: 'PRIMARY KEY (id)',
  },
  logs: {
    columns: [
      { name: 'id', kind: 'integer', type: 'INT NOT NULL' },
      { name: 'day', kind: 'date', type: 'DATE NOT NULL' },
      ...identity,
      { name: 'line', kind: 'text', type: 'TEXT' },
    ],
    unique: 'UNIQUE (id, day)',
  },
  bulk: {
    columns: [
      { name: 'id', kind: 'integer', type: 'INT NOT NULL' },
      ...identity,
      { name: 'v', kind: 'text', type: 'TEXT' },
    ],
    unique: 'PRIMARY KEY (id)',
  },
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof schema;

export const tableNames = Object.keys(schema) as readonly TableName[];

/** 0 to 9,999, for statements of many rows; it is not replicated. */
export const numbersTable = 'numbers';

/** As they are when the test begins. */
export function columnsOf(table: TableName): readonly Column[] {
  return schema[table].columns;
}

export function isTable(name: string): name is TableName {
  return name in schema;
}

/** @param bulkRows rows of `bulk`, which make the first dump long */
export function* schemaSql(bulkRows: number): Generator<string> {
  for (const table of tableNames) {
    const columns = schema[table].columns.map(({ name, type }) => `\`${name}\` ${type}`);
    yield `CREATE TABLE ${table} (${[...columns, schema[table].unique].join(', ')})`;
  }
  yield `CREATE TABLE ${numbersTable} (n INT PRIMARY KEY)`;
  const all = Array.from({ length: 10_000 }, (_, n) => `(${n})`);
  yield `INSERT INTO ${numbersTable} VALUES ${all.join(', ')}`;
  const first = (columns: string, values: string, count: number) =>
    `INSERT INTO ${columns} SELECT ${values} FROM ${numbersTable} WHERE n < ${count}`;
  yield first('items (id, rid, n, note)', `n, 1000000 + n, n, 'first'`, 200);
  yield first('pairs (a, b, rid, amount)', `n DIV 10, CONCAT('b', n MOD 10), 2000000 + n, n`, 200);
  yield first('blobs (id, rid, n, big)', `n, 3000000 + n, 0, REPEAT(SHA2(n, 256), 40)`, 100);
  yield first('logs (id, day, rid, line)', `n, '2020-01-01', 4000000 + n, 'first'`, 100);
  for (let from = 0; from < bulkRows; from += 10_000) {
    const values = `${from} + n, ${5_000_000 + from} + n, CONCAT('first ', SHA2(n, 256))`;
    yield first('bulk (id, rid, v)', values, Math.min(10_000, bulkRows - from));
  }
}

/** The writer's row ids begin here. */
export const firstFreeRid = 10_000_000;
