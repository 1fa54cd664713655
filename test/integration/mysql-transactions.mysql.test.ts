/** Transactions of every kind that a log may hold: what is in etcd is what is in the tables, and nothing before its commit. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';

const setup = `
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200)) ENGINE = InnoDB; INSERT INTO t VALUES (1, 'one');
CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(200)) ENGINE = InnoDB;
CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(200)) ENGINE = MyISAM; INSERT INTO m VALUES (1, 'one');
`;

/** About 1.5 MB of rows from this id on: more than is kept of an XA transaction in memory. */
const many = (first: number) =>
  `INSERT INTO t SELECT n, REPEAT('é', 90) FROM ${series(first, first + 7_999)}`;

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, flavour) => {
  let sync: MysqlTestSync;
  beforeAll(async () => {
    sync = await startMysqlSync({ server: server(), setup });
  });
  afterAll(() => sync?.[Symbol.asyncDispose]());

  /** SQL on a connection of its own, which stays as the statements leave it. */
  async function session(...statements: string[]) {
    const connection = await sync.database.connect();
    const run = async (...more: string[]) => {
      for (const sql of more) await connection.query(sql);
    };
    await run(...statements);
    return { run, end: () => connection.end() };
  }

  /** Of one session; then etcd agrees with all tables. */
  async function write(...statements: string[]) {
    const { end } = await session(...statements);
    await end();
    await agree();
  }

  async function agree() {
    await sync.caughtUp();
    for (const table of ['t', 'u', 'm']) await sync.agrees(table);
  }

  const staged = () => sync.prefix.gateway.values(`${sync.prefix.state}/syncs/shop/staged/`);
  const has = async (id: number, table = 't') =>
    [...(await sync.keys(table)).keys()].some((key) => key.endsWith(`/${id}`));
  const dumps = () => sync.watcher.log.filter(({ msg }) => msg === 'dump begins').length;
  /** Names are those of the whole server. */
  const name = () => `'${randomBytes(6).toString('hex')}'`;
  const prepare = (xa: string, ...statements: string[]) =>
    session(`XA START ${xa}`, ...statements, `XA END ${xa}`, `XA PREPARE ${xa}`);

  test('one statement, many, and those of several sessions at once', async () => {
    await write(
      `UPDATE t SET v = 'two' WHERE id = 1`,
      'BEGIN',
      `INSERT INTO t VALUES (2, 'a')`,
      `INSERT INTO u VALUES (2, 'b')`,
      'UPDATE t SET id = 3 WHERE id = 2',
      'COMMIT',
      `INSERT INTO m VALUES (2, 'm'), (3, 'm')`,
    );
    const sessions = await Promise.all([session(), session(), session()]);
    await Promise.all(
      sessions.map(async ({ run, end }, at) => {
        for (let id = 100 * (at + 1); id < 100 * (at + 1) + 30; id += 1) {
          await run(
            'BEGIN',
            `INSERT INTO t VALUES (${id}, 's')`,
            `UPDATE t SET v = ${id} WHERE id = 1`,
          );
          await run(id % 3 === 0 ? 'ROLLBACK' : 'COMMIT');
        }
        await end();
      }),
    );
    await agree();
  });

  test('a large one', async () => {
    await write('BEGIN', many(100_000), `UPDATE t SET v = 'x' WHERE id % 7 = 0`, 'COMMIT');
    await write('BEGIN', 'DELETE FROM t WHERE id >= 100000', many(100_000), 'ROLLBACK');
    await write('DELETE FROM t WHERE id >= 100000');
  });

  test('SAVEPOINT: what was undone never comes', async () => {
    await write(
      'BEGIN',
      `INSERT INTO t VALUES (10, 'stays')`,
      'SAVEPOINT a',
      `INSERT INTO t VALUES (11, 'goes')`,
      'SAVEPOINT `b c`',
      `INSERT INTO u VALUES (11, 'goes')`,
      'ROLLBACK TO `b c`',
      'ROLLBACK TO a',
      `INSERT INTO t VALUES (12, 'stays')`,
      'RELEASE SAVEPOINT a',
      'SAVEPOINT a',
      `DELETE FROM t WHERE id = 10`,
      'ROLLBACK TO A',
      'COMMIT',
    );
    expect(await has(10)).toBe(true);
    expect(await has(11)).toBe(false);
  });

  // With GTIDs MySQL refuses a transaction of both kinds of tables.
  test.skipIf(flavour !== 'mariadb')(
    'tables without transactions: ROLLBACK TO and ROLLBACK leave their rows',
    async () => {
      await write(
        'BEGIN',
        `INSERT INTO t VALUES (20, 'stays')`,
        'SAVEPOINT a',
        `INSERT INTO t VALUES (21, 'goes')`,
        `INSERT INTO m VALUES (21, 'stays')`,
        'SAVEPOINT é',
        `INSERT INTO u VALUES (21, 'goes')`,
        `INSERT INTO m VALUES (22, 'stays')`,
        'ROLLBACK TO E',
        'ROLLBACK TO a',
        'COMMIT',
      );
      await write(
        'BEGIN',
        `INSERT INTO t VALUES (23, 'goes')`,
        `INSERT INTO m VALUES (23, 'stays')`,
        'ROLLBACK',
      );
      const before = dumps();
      await write(
        'BEGIN',
        'SAVEPOINT a',
        many(200_000),
        `INSERT INTO m VALUES (24, 'stays')`,
        'ROLLBACK TO a',
        'COMMIT',
      );
      await write(
        'BEGIN',
        `INSERT INTO u VALUES (25, 'stays')`,
        'SAVEPOINT a',
        many(200_000),
        `INSERT INTO m VALUES (25, 'stays')`,
        'ROLLBACK TO a',
        `INSERT INTO u VALUES (26, 'stays')`,
        'COMMIT',
      );
      // Rows that were handed out before the log said that they are undone.
      expect(dumps()).toBeGreaterThan(before);
      expect(await has(200_000)).toBe(false);
    },
  );

  test('a table that is made of a SELECT', async () => {
    // With GTIDs MySQL 5.6 refuses it.
    if (flavour === 'mysql56') return;
    await write('CREATE TABLE made (PRIMARY KEY (id)) AS SELECT id, v FROM t');
    await sync.agrees('made');
    await write('DROP TABLE made');
    expect(await sync.keys('made')).toEqual(new Map());
  });

  test('XA: nothing is in etcd before XA COMMIT, and nothing of what is rolled back ever', async () => {
    const [kept, lost, one] = [name(), name(), name()];
    const first = await prepare(
      kept,
      `INSERT INTO t VALUES (40, 'prepared')`,
      'SAVEPOINT a',
      `INSERT INTO t VALUES (41, 'goes')`,
      'ROLLBACK TO a',
      `UPDATE t SET v = 'prepared' WHERE id = 1`,
    );
    const second = await prepare(lost, `INSERT INTO u VALUES (40, 'prepared')`, many(300_000));
    await write(`INSERT INTO u VALUES (42, 'meanwhile')`);
    expect(await has(40)).toBe(false);
    if (flavour !== 'mysql56') expect((await staged()).size).toBeGreaterThan(1);
    // What is staged outlives the process.
    await sync.restart();
    await first.run(`XA COMMIT ${kept}`);
    await second.run(`XA ROLLBACK ${lost}`);
    await agree();
    expect(await has(40)).toBe(true);
    await write(
      `XA START ${one}`,
      `INSERT INTO t VALUES (43, 'one')`,
      `XA END ${one}`,
      `XA COMMIT ${one} ONE PHASE`,
    );
    expect(await staged()).toEqual(new Map());
    await Promise.all([first.end(), second.end()]);
  });

  test('XA of many rows, in one phase and in two, after a kill too', async () => {
    const [one, two, three] = [name(), name(), name()];
    const change = 'UPDATE u SET v = CONCAT(v, 1)';
    await write(
      `XA START ${one}`,
      many(400_000),
      change,
      `XA END ${one}`,
      `XA COMMIT ${one} ONE PHASE`,
    );
    const before = await prepare(two, many(500_000), change);
    await sync.caughtUp();
    await sync.kill();
    await sync.restart();
    await before.run(`XA COMMIT ${two}`);
    await before.end();
    await agree();
    const after = await prepare(three, 'DELETE FROM t WHERE id >= 400000', change);
    await after.run(`XA COMMIT ${three}`);
    await after.end();
    await agree();
    expect(await staged()).toEqual(new Map());
  });

  // Older servers write it when it commits.
  test.skipIf(flavour === 'mysql56')(
    'XA does not hold up a dump beside the stream, which does not see it',
    async () => {
      const [before, other] = [name(), name()];
      const prepared = await prepare(before, `INSERT INTO t VALUES (60, 'prepared')`);
      const dumped = dumps();
      await sync.order('dump', { tables: [`${sync.database.name}.t`, `${sync.database.name}.u`] });
      await sync.until('the dump is done', ({ dump }) => dumps() > dumped && dump.state === 'done');
      expect(await has(60)).toBe(false);
      await write(
        `XA START ${other}`,
        `INSERT INTO u VALUES (60, 'x')`,
        `XA END ${other}`,
        `XA PREPARE ${other}`,
        `XA COMMIT ${other}`,
      );
      await prepared.run(`XA COMMIT ${before}`);
      await prepared.end();
      await agree();
      expect(await has(60)).toBe(true);
    },
  );

  test('all of it once more, while nobody reads', async () => {
    await sync.kill();
    const [kept, lost, one] = [name(), name(), name()];
    const { run, end } = await session(
      'BEGIN',
      `INSERT INTO t VALUES (80, 'stays')`,
      'SAVEPOINT a',
      `INSERT INTO t VALUES (81, 'goes')`,
      'ROLLBACK TO a',
      'COMMIT',
      `XA START ${one}`,
      many(600_000),
      `XA END ${one}`,
      `XA COMMIT ${one} ONE PHASE`,
    );
    for (const [xa, id, outcome] of [
      [kept, 82, 'COMMIT'],
      [lost, 83, 'ROLLBACK'],
    ] as const) {
      await run(
        `XA START ${xa}`,
        `INSERT INTO t VALUES (${id}, 'x')`,
        `XA END ${xa}`,
        `XA PREPARE ${xa}`,
      );
      await run(`XA ${outcome} ${xa}`);
    }
    await run(
      'FLUSH BINARY LOGS',
      'DELETE FROM t WHERE id >= 600000',
      `INSERT INTO m VALUES (80, 'm')`,
    );
    await end();
    await sync.restart();
    await agree();
    expect(await staged()).toEqual(new Map());
    expect((await sync.status()).last_error).toBeNull();
  });
});
