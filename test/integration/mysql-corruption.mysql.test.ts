/** What other readers of the binlog were seen to get wrong, each on a real server, through the whole service. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import type { MysqlAddress } from '../../tools/testenv/mysql-address.ts';
import { jsonTokens } from '../support/json-tokens.ts';
import type { MysqlTestDatabase } from '../support/mysql-database.ts';
import {
  createValueTables,
  expectSameBytes,
  expectServersText,
  type ValueTables,
} from '../support/mysql-oracle-values.ts';
import { mysqlRows } from '../support/mysql-rows.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { mariadb, missing, mysql, mysql56 } from '../support/servers.ts';
import { until } from '../support/until.ts';

interface Case {
  readonly name: string;
  /** Behind the key: `id INT PRIMARY KEY`. */
  readonly columns: string;
  /** Values of `columns`, of rows. */
  readonly rows: readonly string[];
  /** Found in etcd in the end, of each row behind its id; by the order of ids. Without it, what the server says is enough. */
  readonly found?: readonly string[];
}

const point = (x: number) => `ST_GeomFromText('POINT(${x} 2)')`;
const same: readonly Case[] = [
  {
    name: 'an ENUM whose labels have commas and quotes',
    columns: `e ENUM('a,b','c','it''s',',') NOT NULL, s SET('x y','z') NOT NULL, t VARCHAR(9)`,
    rows: [`'a,b', 'x y,z', 'x'`, `',', 'z', 'y'`, `'c', '', 'z'`, `'it''s', 'x y', ''`],
    found: [
      `"e":"a,b","s":"x y,z","t":"x"`,
      `"e":",","s":"z","t":"y"`,
      `"e":"c","s":"","t":"z"`,
      `"e":"it's","s":"x y","t":""`,
    ],
  },
  {
    name: 'FLOAT 1.1, YEAR 0000 and an invalid ENUM',
    columns: `f FLOAT, y YEAR, e ENUM('a','b'), t VARCHAR(9)`,
    rows: [`1.1, 0, 'nosuch', 'x'`, `-0.1, 2155, 'b', 'y'`],
    found: [`"f":1.1,"y":0,"e":"","t":"x"`, `"f":-0.1,"y":2155,"e":"b","t":"y"`],
  },
  {
    name: 'latin1 text, beside other charsets',
    columns: `l VARCHAR(20) CHARACTER SET latin1, c CHAR(5) CHARACTER SET latin1, u VARCHAR(20) CHARACTER SET utf8mb4, b VARBINARY(9),
      e ENUM('é','ü') CHARACTER SET latin1, g VARCHAR(9) CHARACTER SET gbk`,
    rows: [`'é€ß', 'ä', '😀é', x'E900', 'é', '漢'`, `'', 'ÿ', 'é', x'', 'ü', ''`],
    found: [
      `"l":"é€ß","c":"ä","u":"😀é","b":"6QA=","e":"é","g":"漢"`,
      `"l":"","c":"ÿ","u":"é","b":"","e":"ü","g":""`,
    ],
  },
];
const spatial: Case = {
  name: 'GEOMETRY before strings',
  columns: `g GEOMETRY, p POINT, c CHAR(5), v VARCHAR(20), b VARBINARY(9), l VARCHAR(9) CHARACTER SET latin1, o BLOB, x TEXT`,
  rows: [1, 2].map((x) => `${point(x)}, ${point(x)}, 'c', 'é', x'FF00', 'ü', x'80', 'é 😀'`),
};
const vectors: Case = {
  name: 'a VECTOR, followed by other columns and rows',
  columns: 'v VECTOR(3), t VARCHAR(9), w VECTOR(2), n INT',
  rows: [1, 2, 3].map(
    (n) => `STRING_TO_VECTOR('[${n}, -2.5, 0.125]'), 'é${n}', STRING_TO_VECTOR('[0, ${n}]'), ${n}`,
  ),
  found: [1, 2, 3].map((n) => `"v":[${n},-2.5,0.125],"t":"é${n}","w":[0,${n}],"n":${n}`),
};

/** While the sync is stopped rows are written, then this happens. */
interface Alteration {
  readonly name: string;
  /** `@t` is the table. Its columns before: `id`, `a`, `c`, `e`, `l`. */
  readonly sql: string;
  /** It is not there in the end. */
  readonly gone?: true;
}

const alterations: readonly Alteration[] = [
  { name: 'nothing', sql: '' },
  {
    name: 'a column is added in the middle',
    sql: `ALTER TABLE @t ADD COLUMN m VARCHAR(9) DEFAULT 'm' AFTER id`,
  },
  { name: 'a column is dropped', sql: 'ALTER TABLE @t DROP COLUMN a' },
  { name: 'two columns of one type change places', sql: 'ALTER TABLE @t MODIFY c INT AFTER id' },
  { name: 'two columns swap names', sql: 'ALTER TABLE @t CHANGE a c INT, CHANGE c a INT' },
  {
    name: 'labels are put in another order',
    sql: `ALTER TABLE @t MODIFY e ENUM('y','z','x,') CHARACTER SET latin1`,
  },
  { name: 'a number becomes text', sql: 'ALTER TABLE @t MODIFY a VARCHAR(20)' },
  {
    name: 'a signed number becomes an unsigned one',
    sql: 'UPDATE @t SET c = 1; ALTER TABLE @t MODIFY c BIGINT UNSIGNED',
  },
  { name: 'text gets another charset', sql: 'ALTER TABLE @t CONVERT TO CHARACTER SET utf8mb4' },
  {
    name: 'the key becomes another',
    sql: 'ALTER TABLE @t DROP PRIMARY KEY, ADD PRIMARY KEY (c, id)',
  },
  {
    name: 'two columns change places, and back, with rows between',
    sql: `ALTER TABLE @t MODIFY c INT AFTER id; UPDATE @t SET a = 31, c = 1032; INSERT INTO @t (id, a, c) VALUES (20, 33, 1034);
      ALTER TABLE @t MODIFY c INT AFTER a; UPDATE @t SET a = 41 WHERE id = 20`,
  },
  {
    name: 'a column is dropped, and made again, with rows between',
    sql: `ALTER TABLE @t DROP COLUMN a; UPDATE @t SET c = 51; ALTER TABLE @t ADD COLUMN a INT DEFAULT 8 AFTER id; DELETE FROM @t WHERE id = 1`,
  },
  {
    name: 'labels are put in another order, and back, with rows between',
    sql: `ALTER TABLE @t MODIFY e ENUM('y','z','x,') CHARACTER SET latin1; UPDATE @t SET e = 'y'; UPDATE @t SET e = 'x,' WHERE id = 1;
      ALTER TABLE @t MODIFY e ENUM('x,','y','z') CHARACTER SET latin1; UPDATE @t SET a = 61`,
  },
  {
    name: 'the table is renamed, and back, with rows between',
    sql: `RENAME TABLE @t TO @t_away; UPDATE @t_away SET a = 71; DELETE FROM @t_away WHERE id = 4; RENAME TABLE @t_away TO @t; UPDATE @t SET c = 72 WHERE id = 1`,
  },
  {
    name: 'the table is dropped, and made again as it was',
    sql: `CREATE TABLE @t_copy LIKE @t; DROP TABLE @t; CREATE TABLE @t LIKE @t_copy; DROP TABLE @t_copy; INSERT INTO @t (id, a) VALUES (2, 81), (30, 82)`,
  },
  { name: 'the table is renamed', sql: 'RENAME TABLE @t TO @t_renamed', gone: true },
  { name: 'the table is dropped', sql: 'DROP TABLE @t', gone: true },
  {
    name: 'the table is dropped, and made again with other columns',
    sql: `DROP TABLE @t; CREATE TABLE @t (a VARCHAR(9), id INT, e INT, PRIMARY KEY (id)); INSERT INTO @t VALUES ('x', 1, 2)`,
  },
  { name: 'the table is truncated', sql: 'TRUNCATE @t' },
  {
    name: 'a ghost takes its place',
    sql: `CREATE TABLE @t_gho LIKE @t; ALTER TABLE @t_gho ADD COLUMN n INT DEFAULT 5 FIRST; INSERT INTO @t_gho (id, a, c, e, l) SELECT * FROM @t;
    UPDATE @t SET a = 77; UPDATE @t_gho SET a = 77; RENAME TABLE @t TO @t_del, @t_gho TO @t; DROP TABLE @t_del`,
  },
];

const workload = (
  table: string,
) => `UPDATE ${table} SET a = a + 1, c = 12, e = 'z', l = 'ä' WHERE id = 1; DELETE FROM ${table} WHERE id = 2;
  UPDATE ${table} SET id = 9 WHERE id = 3; INSERT INTO ${table} VALUES (5, -7, 8, 'x,', 'é'), (6, NULL, 9, NULL, NULL);`;

const kinds = {
  'MySQL 9.7': { shared: mysql, own: null, of: 'mysql', cases: [...same, spatial, vectors] },
  'MySQL 9.7, MINIMAL metadata': {
    shared: null,
    own: () => startMysql({ version: '9.7', settings: { binlog_row_metadata: 'MINIMAL' } }),
    of: 'mysql',
    cases: [...same, spatial, vectors],
  },
  'MariaDB 10.11': { shared: mariadb, own: null, of: 'mariadb', cases: [...same, spatial] },
  'MariaDB 10.11, no metadata': {
    shared: null,
    own: () => startMariadb({ version: '10.11', settings: { binlog_row_metadata: 'NO_LOG' } }),
    of: 'mariadb',
    cases: [...same, spatial],
  },
  'MySQL 5.6': { shared: mysql56, own: null, of: 'mysql56', cases: same },
} as const;

/** Equal for texts that are the same JSON. */
function exact(json: string): string {
  return jsonTokens(json).join(' ');
}

describe.each(Object.entries(kinds))('%s', (_, { shared, own, of, cases }) => {
  const skipped = missing(of) !== undefined;
  let server: MysqlServer | null = null;
  let sync: MysqlTestSync;
  let types: ValueTables | null = null;

  /** By table: what its rows were, at any time. */
  const possible = new Map<string, ReadonlySet<string>>();

  /** What the rows are now; none if there is no such table. */
  async function statesOf(table: string): Promise<Set<string>> {
    const [found] = await sync.sql(`SHOW TABLES LIKE '${table}'`);
    if (found === undefined) return new Set();
    const rows = await mysqlRows('', sync.database, { table });
    return new Set([...rows.values()].map(exact));
  }

  beforeAll(async () => {
    if (skipped) return;
    server = own === null ? null : await own();
    const address = (server ?? shared?.()) as MysqlAddress;
    const creates = [
      `SET sql_mode = ''`,
      ...cases.flatMap(({ columns, rows }, index) => [
        `CREATE TABLE c${index} (id INT PRIMARY KEY, ${columns})`,
        ...rows.map((row, id) => `INSERT INTO c${index} VALUES (${id}, ${row})`),
      ]),
      ...alterations.flatMap((_, index) => [
        `CREATE TABLE a${index} (id INT PRIMARY KEY, a INT, c INT, e ENUM('x,','y','z') CHARACTER SET latin1, l VARCHAR(9) CHARACTER SET latin1)`,
        `INSERT INTO a${index} VALUES (1, 1, 2, 'x,', 'é'), (2, 3, 4, 'y', ''), (3, 5, 6, 'z', 'ß'), (4, -7, 8, NULL, NULL)`,
      ]),
    ];
    const setup = async (database: MysqlTestDatabase) => {
      await database.query(creates.join(';'));
      if (own === null) return;
      types = await createValueTables(database, of);
      await types.insert(database, 1);
    };
    sync = await startMysqlSync({ server: address, setup });
    for (const [index, { rows }] of cases.entries()) {
      // One event, and several.
      const again = rows.map((row, id) => `(${10 + id}, ${row})`).join(', ');
      await sync.sql(
        `INSERT INTO c${index} VALUES ${again}; UPDATE c${index} SET id = id + 10 WHERE id >= 10`,
      );
    }
    await types?.insert(sync.database, 1_001);
    await sync.caughtUp();
    await sync.order('stop');
    await sync.until('it is stopped', ({ state }) => state === 'stopped');
    const states = await statesOf('a0');
    for (const index of alterations.keys()) await sync.sql(workload(`a${index}`));
    for (const state of await statesOf('a0')) states.add(state);
    for (const [index, { sql }] of alterations.entries()) {
      const table = `a${index}`;
      const seen = new Set(states);
      for (const statement of sql.split(';').filter((text) => text !== '')) {
        await sync.sql(statement.replaceAll('@t', table));
        for (const state of await statesOf(table)) seen.add(state);
      }
      possible.set(table, seen);
    }
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test.skipIf(skipped).each(cases.map((each, index) => ({ ...each, table: `c${index}` })))(
    '$name',
    async ({ table, rows, found }) => {
      const keys = await sync.keys(table);
      const base = `${sync.prefix.rows}${sync.database.name}/${table}/`;
      for (const [id, row] of [...rows.keys()].map(
        (id) => [id, keys.get(`${base}${id}`)] as const,
      )) {
        expect(row).toBeDefined();
        const streamed = keys.get(`${base}${20 + id}`);
        expect(streamed?.replace(/"id":\d+/, '')).toBe(row?.replace(/"id":\d+/, ''));
        if (found !== undefined) expect(row).toBe(`{"id":${id},${found[id]}}`);
      }
      expect(keys.size).toBe(2 * rows.length);
      if (found === undefined) await sync.agrees(table, 2_000);
    },
  );

  test.skipIf(skipped || own === null)('every type, though the log names none', async () => {
    await expectSameBytes(sync, types as ValueTables, 1_001);
    await expectServersText(sync, types as ValueTables);
    const { warnings } = await sync.status();
    expect(warnings.map(({ message }) => message).join()).toContain(
      'the log does not name columns',
    );
  });

  describe('rows that are read when the table is another', () => {
    let before: bigint;
    beforeAll(async () => {
      if (skipped) return;
      before = await sync.prefix.gateway.revision();
      await sync.order('start');
      await sync.caughtUp();
    });

    test.skipIf(skipped).each(alterations.map((each, index) => ({ ...each, table: `a${index}` })))(
      '$name',
      async ({ table, gone }) => {
        if (gone === undefined) return sync.agrees(table, 5_000);
        await until(async () => (await sync.keys(table)).size === 0, { what: 'its keys are gone' });
      },
    );

    test.skipIf(skipped)('no key was anything that its row never was', async () => {
      const { gateway, rows } = sync.prefix;
      const end = await gateway.revision();
      await using watch = await gateway.watchPrefix(rows, before + 1n);
      // Of any key: the last may have been written before.
      const last = await gateway.put(`${rows}end`, '');
      expect(last).toBeGreaterThan(end);
      await watch.reached(last);
      const wrong = watch.events.filter(({ key, value, type }) => {
        const states = possible.get(key.split('/').at(-2) ?? '');
        return type === 'put' && states !== undefined && !states.has(exact(value));
      });
      expect(wrong.map(({ key, value }) => `${key} ${value}`)).toEqual([]);
    });

    test.skipIf(skipped)('the sync has not failed meanwhile', async () => {
      expect((await sync.status()).last_error).toBeNull();
      expect(sync.watcher.log.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });
});
