/** What a table of MySQL or MariaDB may be and what may be done to it: dump, then stream, by the real process (SPEC §2, §5, §6). */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';
import { until } from '../support/until.ts';

const odd = { table: 'T"a\'b le/%ä', column: 'Key "c" ü/' };
const quoted = (name: string) => `\`${name.replaceAll('`', '``')}\``;
const oddTable = quoted(odd.table);

const setup = `
CREATE TABLE plain (id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(30, 10), at TIMESTAMP NULL);
INSERT INTO plain VALUES (1, 'one', 1.10, '2020-01-01 02:00:00'), (2, NULL, 12345678901234567890.0000000001, NULL), (-3, '', NULL, NULL);
CREATE TABLE emptied (id INT PRIMARY KEY, text VARCHAR(20));
INSERT INTO emptied SELECT n, CONCAT('x', n) FROM ${series(1, 25_000)};
CREATE TABLE composite (a VARCHAR(20), v INT, b INT, PRIMARY KEY (b, a)) COLLATE utf8mb4_bin;
INSERT INTO composite VALUES ('x/y', 1, 1), ('', 2, 1), ('%', 3, 1), ('tab\t', 4, 2);
CREATE TABLE keyless (v INT); INSERT INTO keyless VALUES (1);
CREATE TABLE fleeting (id INT PRIMARY KEY) ENGINE = MEMORY; INSERT INTO fleeting VALUES (1);
CREATE TABLE logs (v INT, id INT NOT NULL, day DATE NOT NULL, UNIQUE (id, day)); INSERT INTO logs VALUES (1, 1, '2020-01-01'), (2, 1, '2020-01-02');
CREATE TABLE old (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE = MyISAM; INSERT INTO old VALUES (1, 'a'), (2, 'b'), (3, 'c');
CREATE TABLE parted (id INT, part INT, v VARCHAR(20), PRIMARY KEY (id, part))
  PARTITION BY LIST (part) (PARTITION p1 VALUES IN (1), PARTITION p2 VALUES IN (2), PARTITION p3 VALUES IN (3));
INSERT INTO parted SELECT n, 1 + n % 3, 'p' FROM ${series(1, 9)};
CREATE TABLE audit_log (id INT PRIMARY KEY); INSERT INTO audit_log VALUES (1);
CREATE TABLE users (id INT PRIMARY KEY, password_hash VARCHAR(20), name VARCHAR(20)); INSERT INTO users VALUES (1, 'secret', 'n');
CREATE TABLE dropped (id INT PRIMARY KEY, v INT); INSERT INTO dropped VALUES (1, 1), (2, 2);
CREATE TABLE ${oddTable} (${quoted(odd.column)} VARCHAR(40) COLLATE utf8mb4_bin PRIMARY KEY, \`Ünïcode 漢\` VARCHAR(40));
INSERT INTO ${oddTable} VALUES ('Grüße/🙂 "%"', 'x'), ('a b', NULL);
CREATE VIEW seen AS SELECT id FROM plain;
`;

const logs = { table: 'logs', key: ['day', 'id'] };
const users = { table: 'users', columns: 'id, name' };

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, flavour) => {
  let sync: MysqlTestSync;
  let second: MysqlTestDatabase;
  let foreign: MysqlTestDatabase;
  beforeAll(async () => {
    second = await createMysqlDatabase(server());
    await second.query(
      `CREATE TABLE plain (id INT PRIMARY KEY, v INT); INSERT INTO plain VALUES (1, 1);
       CREATE TABLE audit_more (id INT PRIMARY KEY); INSERT INTO audit_more VALUES (1)`,
    );
    foreign = await createMysqlDatabase(server());
    await foreign.query('CREATE TABLE plain (id INT PRIMARY KEY, v INT)');
    sync = await startMysqlSync({
      server: server(),
      databases: [second.name],
      // The name of its database is not known yet: the rest of the configuration comes with a restart.
      config: { autostart: false },
      asItIs: true,
      setup,
    });
    const { name } = sync.database;
    await sync.restart({
      autostart: true,
      tables: { exclude: ['*.audit_*'] },
      columns: { exclude: [`${name}.users.password_hash`] },
      keys: { columns: { [`${name}.logs`]: ['day', 'id'] } },
    });
  });
  afterAll(async () => {
    for (const part of [sync, second, foreign]) await part?.[Symbol.asyncDispose]();
  });

  /** Runs SQL, and compares a table in the end. */
  const change = async (sql: string, table: Parameters<MysqlTestSync['agrees']>[0]) => {
    await sync.sql(sql);
    await sync.agrees(table);
  };

  test('the dump holds every row of every table of the databases, and nothing else', async () => {
    const plain = ['plain', 'emptied', 'composite', 'old', 'parted', 'dropped', odd.table];
    for (const table of [...plain, logs, users, `${second.name}.plain`]) await sync.agrees(table);
    const rows = 3 + 25_000 + 4 + 3 + 9 + 2 + 2 + 2 + 1 + 1;
    expect((await sync.prefix.gateway.values(sync.prefix.rows)).size).toBe(rows);
    const status = await sync.status();
    expect(status).toMatchObject({
      counters: { puts: rows },
      dump: { state: 'done', percent: 100 },
    });
    const excluded = status.dump.tables.filter(({ state }) => state === 'excluded');
    const { name } = sync.database;
    expect(excluded.map(({ table }) => table).sort()).toEqual([
      `${name}.fleeting`,
      `${name}.keyless`,
    ]);
  });

  test('tables that cannot be replicated are warned of, with what to do', async () => {
    const { warnings } = await sync.status();
    const { name } = sync.database;
    const of = (table: string) => warnings.find((warning) => warning.table === `${name}.${table}`);
    expect(of('keyless')).toMatchObject({ code: 'no_key' });
    expect(of('keyless')?.remedy).toContain(`ALTER TABLE \`${name}\`.\`keyless\` ADD PRIMARY KEY`);
    expect(of('fleeting')).toMatchObject({ code: 'table_unsupported' });
    expect(of('fleeting')?.remedy).toContain(`\`fleeting\` ENGINE = InnoDB`);
    const server = warnings.filter(({ table }) => table === null).map(({ code }) => code);
    // 5.6 cannot name columns in its log.
    expect(server).toEqual(flavour === 'mysql56' ? ['source_limited'] : []);
    expect(warnings).toHaveLength(2 + server.length);
    // The application may still do what it likes with them.
    await sync.sql('UPDATE keyless SET v = 2; DELETE FROM keyless; DELETE FROM fleeting');
  });

  test('insert, update, delete and REPLACE', async () => {
    await change(
      `INSERT INTO plain VALUES (4, 'four', 0.5, '1999-12-31 23:59:59'); UPDATE plain SET name = 'two', price = -0.1 WHERE id = 2;
       DELETE FROM plain WHERE id = 1; REPLACE INTO plain VALUES (-3, 'replaced', 3, NULL);
       INSERT INTO plain VALUES (4, 'x', 1, NULL) ON DUPLICATE KEY UPDATE name = 'updated'; UPDATE plain SET name = name`,
      'plain',
    );
    await change(
      `INSERT INTO old VALUES (4, 'd'); UPDATE old SET v = NULL WHERE id = 1; DELETE FROM old WHERE id = 2`,
      'old',
    );
  });

  test('a transaction over tables and databases is one revision of etcd, and one that is rolled back none', async () => {
    await sync.caughtUp();
    await using watch = await sync.prefix.gateway.watchPrefix(sync.prefix.rows);
    await sync.sql(`BEGIN; INSERT INTO plain (id) VALUES (50); ROLLBACK`);
    await sync.sql(
      `BEGIN; INSERT INTO plain (id, name) SELECT n, 'many' FROM ${series(100, 149)}; UPDATE ${second.name}.plain SET v = 7; INSERT INTO ${foreign.name}.plain VALUES (1, 1);
       SAVEPOINT s; INSERT INTO plain (id) VALUES (51); ROLLBACK TO s; INSERT INTO plain (id) VALUES (52); DELETE FROM plain WHERE id = 52; COMMIT`,
    );
    await sync.agrees('plain');
    await sync.agrees(`${second.name}.plain`);
    await until(() => watch.events.length >= 51, { what: 'all events', failure: watch.failure });
    expect(watch.events.filter(({ type }) => type === 'put')).toHaveLength(51);
    expect(new Set(watch.events.map(({ modRevision }) => modRevision)).size).toBe(1);
  });

  test('a change of key deletes the old key and puts the new one, in one revision', async () => {
    await sync.sql('INSERT IGNORE INTO plain (id) VALUES (4)');
    await sync.caughtUp();
    const base = `${sync.prefix.rows}${sync.database.name}/plain/`;
    await using watch = await sync.prefix.gateway.watchPrefix(base);
    await change('UPDATE plain SET id = 40 WHERE id = 4', 'plain');
    await until(() => watch.events.length >= 2, { what: 'both events', failure: watch.failure });
    const seen = watch.events.map(({ type, key }) => `${type} ${key.slice(base.length)}`);
    expect(seen.sort()).toEqual(['delete 4', 'put 40']);
    expect(new Set(watch.events.map(({ modRevision }) => modRevision)).size).toBe(1);
  });

  test('composite keys, a prefix of which can be watched', async () => {
    await change(
      `UPDATE composite SET a = 'z', v = 9 WHERE a = 'x/y'; DELETE FROM composite WHERE a = ''; INSERT INTO composite VALUES ('//%', 1, -1), ('q', 1, 2)`,
      'composite',
    );
    const { gateway, rows } = sync.prefix;
    expect((await gateway.values(`${rows}${sync.database.name}/composite/2/`)).size).toBe(2);
  });

  test('keys.columns', async () => {
    await change(
      `INSERT INTO logs VALUES (3, 2, '2021-05-05'); UPDATE logs SET v = 10 WHERE day = '2020-01-01'; UPDATE logs SET day = '2022-02-02' WHERE day = '2020-01-02'; DELETE FROM logs WHERE id = 2`,
      logs,
    );
  });

  test('TRUNCATE deletes the keys, of a small and of a large table', async () => {
    await change('TRUNCATE emptied', 'emptied');
    await change(`INSERT INTO emptied VALUES (1, 'again'), (2, 'x')`, 'emptied');
    await change(`TRUNCATE TABLE emptied; INSERT INTO emptied VALUES (2, 'y')`, 'emptied');
    expect((await sync.status()).counters).toMatchObject({ truncates: 2 });
  });

  test('DROP TABLE deletes the keys', async () => {
    await sync.sql('UPDATE dropped SET v = 3; DROP TABLE dropped');
    await until(async () => (await sync.keys('dropped')).size === 0, { what: 'its keys are gone' });
  });

  test('a table that is created while it streams joins, with what is done to it at once', async () => {
    await sync.sql(
      `CREATE TABLE late (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO late SELECT n, 'l' FROM ${series(1, 100)}; DELETE FROM late WHERE id > 90;
       CREATE TABLE alike LIKE late; INSERT INTO alike VALUES (1, 'a');
       CREATE TABLE audit_late (id INT PRIMARY KEY); INSERT INTO audit_late VALUES (1);
       UPDATE late SET v = 'm' WHERE id < 10`,
    );
    // With GTIDs, 5.6 refuses a statement that is two transactions.
    if (flavour !== 'mysql56') {
      await sync.sql(`CREATE TABLE copied (PRIMARY KEY (id)) SELECT * FROM late WHERE id < 20`);
      await sync.sql(`UPDATE copied SET v = 'c' WHERE id = 3`);
      await sync.agrees('copied');
    }
    await sync.agrees('late');
    await sync.agrees('alike');
    await change(`INSERT INTO late VALUES (500, 'streamed')`, 'late');
  });

  test('partitions: rows that move, one that is emptied, one that is dropped', async () => {
    await change(
      `INSERT INTO parted VALUES (20, 1, 'new'); UPDATE parted SET part = 2 WHERE id = 20; DELETE FROM parted WHERE id = 1`,
      'parted',
    );
    await change(`ALTER TABLE parted TRUNCATE PARTITION p2`, 'parted');
    await change(`ALTER TABLE parted DROP PARTITION p3; UPDATE parted SET v = 'end'`, 'parted');
  });

  test('names with capitals, spaces, quotes, slashes, percent signs and more than ASCII', async () => {
    await change(
      `INSERT INTO ${oddTable} VALUES ('new / %2F', 'v'); UPDATE ${oddTable} SET ${quoted(odd.column)} = 'Ärger' WHERE ${quoted(odd.column)} = 'a b'`,
      odd.table,
    );
  });

  test('excluded tables and columns, and other databases, never arrive', async () => {
    await sync.sql(`INSERT INTO ${foreign.name}.plain VALUES (2, 4711)`);
    await change(
      `INSERT INTO audit_log VALUES (2); INSERT INTO users VALUES (2, 'hidden', 'm'); UPDATE users SET password_hash = 'changed' WHERE id = 1`,
      users,
    );
    const all = await sync.prefix.gateway.values(sync.prefix.rows);
    const texts = [...all].map(([key, value]) => key + value).join();
    expect(texts).not.toMatch(/secret|hidden|password_hash|audit|4711/);
    expect(texts).not.toContain(foreign.name);
  });

  test('statements that change nothing of the sync pass', async () => {
    await change(
      `CREATE TEMPORARY TABLE scratch (id INT PRIMARY KEY); INSERT INTO scratch VALUES (1); DROP TEMPORARY TABLE scratch;
       ANALYZE TABLE plain; FLUSH TABLES; CREATE INDEX by_name ON plain (name); CREATE OR REPLACE VIEW seen AS SELECT name FROM plain;
       CREATE PROCEDURE twice (IN a INT) UPDATE plain SET price = 2 * a WHERE id = a; CALL twice(40);
       CREATE TRIGGER stamp BEFORE INSERT ON plain FOR EACH ROW SET NEW.name = UPPER(NEW.name); INSERT INTO plain VALUES (60, 'by trigger', 1, NULL)`,
      'plain',
    );
  });

  test('after all that, nothing is held back and nothing failed', async () => {
    await sync.caughtUp();
    const { last_error, state, dump, warnings } = await sync.status();
    expect({ last_error, state, dump: dump.state }).toEqual({
      last_error: null,
      state: 'streaming',
      dump: 'done',
    });
    expect(warnings).toHaveLength(flavour === 'mysql56' ? 3 : 2);
    const faults = sync.watcher.log.filter(({ level }) => level === 'error' || level === 'fatal');
    expect(faults).toEqual([]);
  });

  test('a restart goes on where it was, and values.numbers: string writes 64-bit integers and decimals as text', async () => {
    await sync.sql(
      `CREATE TABLE sums (id BIGINT UNSIGNED PRIMARY KEY, small INT, price DECIMAL(20, 2)); INSERT INTO sums VALUES (18446744073709551615, 1, 0.10)`,
    );
    await sync.agrees('sums');
    await sync.caughtUp();
    await sync.restart();
    await change('DELETE FROM plain WHERE id = 60', 'plain');
    expect((await sync.status()).counters).toMatchObject({ deletes: 1, inserts: 0, updates: 0 });
    await sync.restart({ values: { numbers: 'string' } });
    await sync.sql('INSERT INTO sums VALUES (2, NULL, -5)');
    await until(async () => (await sync.keys('sums')).size === 2, { what: 'both rows' });
    await sync.caughtUp();
    const base = `${sync.prefix.rows}${sync.database.name}/sums/`;
    expect(Object.fromEntries(await sync.keys('sums'))).toEqual({
      [`${base}18446744073709551615`]: `{"id":"18446744073709551615","small":1,"price":"0.10"}`,
      [`${base}2`]: `{"id":"2","small":null,"price":"-5.00"}`,
    });
  });
});
