/** Columns that are computed, hidden, versioned or logged by their differences: dump, then stream, by the real service. */
import { expect, test } from 'vitest';
import { startMariadb } from '../../tools/testenv/mysql.ts';
import { startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql, mariadb, missing, mysql } from '../support/servers.ts';

/** All have `id`, their key, and `v`. */
const common: Readonly<Record<string, string>> = {
  computed:
    'v INT, twice INT AS (v * 2) VIRTUAL, loud VARCHAR(30) AS (CONCAT(v, "!")) STORED, b INT)',
  hidden: 'h INT INVISIBLE DEFAULT 7, v INT)',
  hidden_key: 'v VARCHAR(9))',
};
const tables = {
  mysql: {
    ...common,
    functional: `v INT, doc JSON, INDEX ((v + 1)), UNIQUE ((v * 2)), INDEX ((CAST(doc->'$.n' AS UNSIGNED ARRAY))))`,
  },
  mariadb: {
    ...common,
    hashed: 'v TEXT, b BLOB, UNIQUE (v), UNIQUE (b))',
    versioned: 'v VARCHAR(20)) WITH SYSTEM VERSIONING',
    versioned_in_part: 'v VARCHAR(20), w INT WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING',
    versioned_parts: `v VARCHAR(20)) WITH SYSTEM VERSIONING
      PARTITION BY SYSTEM_TIME (PARTITION old HISTORY, PARTITION now CURRENT)`,
    dated: `v VARCHAR(20), since TIMESTAMP(6) GENERATED ALWAYS AS ROW START,
      till TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, till)) WITH SYSTEM VERSIONING`,
  },
} as const;

const before = (table: string) =>
  `INSERT INTO ${table} (id, v) VALUES (1, '1'), (2, '2'), (3, NULL);`;
const after = (table: string) => `INSERT INTO ${table} (id, v) VALUES (4, '4'), (6, '6'), (8, NULL);
  UPDATE ${table} SET v = '9' WHERE id = 1; UPDATE ${table} SET id = 5 WHERE id = 2; DELETE FROM ${table} WHERE id IN (3, 4);
  BEGIN; UPDATE ${table} SET v = '10' WHERE id = 6; UPDATE ${table} SET v = '11' WHERE id = 6;
  DELETE FROM ${table} WHERE id = 5; INSERT INTO ${table} (id, v) VALUES (5, '5'); COMMIT;
  REPLACE INTO ${table} (id, v) VALUES (8, '8'), (10, '20');`;

describeMysql(['mysql', 'mariadb'], (server, flavour) => {
  test('generated, invisible, versioned columns, and those that no SELECT shows', async () => {
    const names = Object.keys(tables[flavour as 'mysql']);
    const definitions: Readonly<Record<string, string>> = tables[flavour as 'mysql'];
    const setup = names.map((name) => {
      const hidden = name === 'hidden_key' ? 'DEFAULT 0 INVISIBLE' : '';
      return `CREATE TABLE ${name} (id INT ${hidden} PRIMARY KEY, ${definitions[name]};${before(name)}`;
    });
    await using sync = await startMysqlSync({ server: server(), setup: setup.join('') });
    expect((await sync.status()).warnings).toEqual([]);
    const agree = async () => {
      for (const table of names) await sync.agrees({ table, key: ['id'] }, 2_000);
    };
    await agree();
    for (const name of names) await sync.sql(after(name));
    await sync.caughtUp();
    await agree();
  });
});

test('MariaDB: a table that is versioned by transaction ids is left out, because the log has no rows of it', async () => {
  const setup = `CREATE TABLE plain (id INT PRIMARY KEY);
    CREATE TABLE numbered (id INT PRIMARY KEY, since BIGINT UNSIGNED GENERATED ALWAYS AS ROW START,
      till BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, till)) WITH SYSTEM VERSIONING`;
  // Its own, because a statement in the log stops every sync that reads it.
  await using server = await startMariadb({ version: '10.11' });
  await using sync = await startMysqlSync({ server, setup });
  const { name } = sync.database;
  const warnings = [{ code: 'table_unsupported', table: `${name}.numbered` }];
  expect((await sync.status()).warnings).toMatchObject(warnings);
  await sync.sql('INSERT INTO plain VALUES (1)');
  await sync.caughtUp();
  await sync.sql('INSERT INTO numbered (id) VALUES (1)');
  const { last_error } = await sync.until('it stops', ({ state }) => state === 'failed');
  expect(last_error?.code).toBe('unsupported_event');
});

test('MariaDB: what is written into the past, and what is deleted from it', async () => {
  const setup = `CREATE TABLE versioned (id INT PRIMARY KEY, v VARCHAR(20)) WITH SYSTEM VERSIONING;
    CREATE TABLE dated (id INT PRIMARY KEY, v VARCHAR(20), row_start TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE,
      row_end TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (row_start, row_end)) WITH SYSTEM VERSIONING`;
  await using sync = await startMysqlSync({ server: mariadb(), setup });
  for (const table of ['versioned', 'dated']) {
    await sync.sql(`SET timestamp = UNIX_TIMESTAMP('2020-01-01');
      INSERT INTO ${table} (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c');
      UPDATE ${table} SET v = 'x' WHERE id = 1; UPDATE ${table} SET v = 'y' WHERE id = 1;
      SET timestamp = UNIX_TIMESTAMP('2021-01-01');
      BEGIN; UPDATE ${table} SET v = 'z' WHERE id = 1; DELETE FROM ${table} WHERE id = 2; INSERT INTO ${table} (id, v) VALUES (2, 'again');
      DELETE FROM ${table} WHERE id = 2; COMMIT; SET timestamp = DEFAULT;
      SET system_versioning_insert_history = ON;
      INSERT INTO ${table} (id, v, row_start, row_end) VALUES (4, 'past', '2001-01-01', '2002-01-01'), (3, 'past', '2001-01-01', '2002-01-01'),
        (5, 'now', '2001-01-01', '2038-01-19 03:14:07.999999');
      SET system_versioning_insert_history = OFF;`);
    await sync.caughtUp();
    expect([...(await sync.keys(table)).keys()].map((key) => key.split('/').at(-1))).toEqual([
      '1',
      '3',
      '5',
    ]);
    await sync.agrees({ table, key: ['id'] }, 2_000);
    await sync.sql(`DELETE HISTORY FROM ${table}; UPDATE ${table} SET v = 'after' WHERE id = 5`);
    await sync.caughtUp();
    await sync.agrees({ table, key: ['id'] }, 2_000);
  }
});

test.skipIf(missing('mysql') !== undefined)(
  'MySQL: a key that is computed, or made by the server',
  async () => {
    const setup = `CREATE TABLE computed_key (a INT, k INT AS (a + 1) STORED, v VARCHAR(9), PRIMARY KEY (k));
    SET sql_generate_invisible_primary_key = ON; CREATE TABLE keyless (v VARCHAR(9));
    INSERT INTO computed_key (a, v) VALUES (1, 'a'), (2, 'b'); INSERT INTO keyless VALUES ('a'), ('b')`;
    await using sync = await startMysqlSync({ server: mysql(), setup });
    const names = ['computed_key', 'keyless'];
    for (const name of names) await sync.agrees(name, 2_000);
    await sync.sql(`UPDATE computed_key SET a = 7 WHERE a = 1; DELETE FROM computed_key WHERE a = 2; INSERT INTO computed_key (a) VALUES (9);
    UPDATE keyless SET v = 'c' WHERE v = 'a'; DELETE FROM keyless WHERE v = 'b'; INSERT INTO keyless VALUES ('a'), (NULL)`);
    await sync.caughtUp();
    for (const name of names) await sync.agrees(name, 2_000);
  },
);

test('MariaDB: times in the format of 5.3, which are left out, and tables with such that are not of the sync', async () => {
  const digits = [0, 1, 2, 3, 4, 5, 6];
  const times = digits.map(
    (n) => `t${n} TIME(${n}), d${n} DATETIME(${n}), s${n} TIMESTAMP(${n}) NULL`,
  );
  const names = digits.flatMap((n) => [`t${n}`, `d${n}`, `s${n}`]);
  const values = digits.map(
    () => `'-10:11:12.987654', '2020-01-01 10:00:00.987654', '2020-01-01 10:00:00.987654'`,
  );
  const row = (id: number) => `(${id}, ${values.join(', ')}, ${id}, 'x${id}')`;
  const setup = `SET GLOBAL mysql56_temporal_format = OFF;
    CREATE TABLE old (id INT PRIMARY KEY, ${times.join(', ')}, n INT, v VARCHAR(9)); CREATE TABLE _other LIKE old; SET GLOBAL mysql56_temporal_format = DEFAULT;
    INSERT INTO old VALUES ${row(1)}, ${row(2)}`;
  await using sync = await startMysqlSync({
    server: mariadb(),
    setup,
    config: {
      tables: { exclude: ['*._other'] },
      columns: {
        exclude: names.filter((name) => /[1-6]/.test(name)).map((name) => `*.old.${name}`),
      },
    },
  });
  const agree = async () => {
    await sync.caughtUp();
    await sync.agrees({ table: 'old', columns: 'id, t0, d0, s0, n, v' }, 2_000);
  };
  await agree();
  await sync.sql(`INSERT INTO old VALUES ${row(3)}, ${row(4)}; INSERT INTO _other VALUES ${row(1)}, ${row(2)};
    UPDATE old SET n = 7, t6 = NULL WHERE id < 4; UPDATE _other SET n = 7; DELETE FROM old WHERE id = 4; DELETE FROM _other`);
  await agree();
});
