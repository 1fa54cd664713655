/** Foreign keys that change rows: logged on MySQL 9.6 and later, else refused, or the children dumped again (SPEC §9, DESIGN §5). */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';

const setup = `
CREATE TABLE maker (id INT PRIMARY KEY, code INT NOT NULL UNIQUE, v INT);
CREATE TABLE car (id INT PRIMARY KEY, maker INT, v INT, CONSTRAINT car_maker FOREIGN KEY (maker) REFERENCES maker (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE wheel (id INT PRIMARY KEY, car INT, FOREIGN KEY (car) REFERENCES car (id) ON DELETE CASCADE);
CREATE TABLE offer (id INT PRIMARY KEY, code INT, FOREIGN KEY (code) REFERENCES maker (code) ON DELETE SET NULL ON UPDATE SET NULL);
CREATE TABLE plant (maker INT PRIMARY KEY, n INT, FOREIGN KEY (maker) REFERENCES maker (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE gate (id INT PRIMARY KEY, plant INT, FOREIGN KEY (plant) REFERENCES plant (maker) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE part (id INT PRIMARY KEY, whole INT, FOREIGN KEY (whole) REFERENCES part (id) ON DELETE CASCADE);
CREATE TABLE hidden (id INT PRIMARY KEY, v INT);
CREATE TABLE shown (id INT PRIMARY KEY, hidden INT, FOREIGN KEY (hidden) REFERENCES hidden (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE strict (id INT PRIMARY KEY, maker INT, FOREIGN KEY (maker) REFERENCES maker (id) ON DELETE RESTRICT);
INSERT INTO maker SELECT n, 100 + n, 0 FROM ${series(1, 40)}; INSERT INTO car SELECT n, 1 + n % 40, 0 FROM ${series(0, 199)}; INSERT INTO wheel SELECT n, n % 200 FROM ${series(0, 799)};
INSERT INTO offer SELECT n, 101 + n % 40 FROM ${series(0, 79)}; INSERT INTO plant SELECT n, n FROM ${series(1, 40)}; INSERT INTO gate SELECT n, 1 + n % 40 FROM ${series(0, 79)};
INSERT INTO part VALUES (1, NULL), (2, 1), (3, 2), (4, 3), (5, NULL); INSERT INTO hidden SELECT n, 0 FROM ${series(1, 10)}; INSERT INTO shown SELECT n, 1 + n % 10 FROM ${series(0, 29)};
INSERT INTO strict VALUES (1, 40);
`;

const children = ['car', 'gate', 'offer', 'part', 'plant', 'shown', 'wheel'];
const tables = ['maker', 'strict', ...children];
const exclude = { tables: { exclude: ['*.hidden'] } };

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, flavour) => {
  const isLogged = flavour === 'mysql';
  let sync: MysqlTestSync;
  beforeAll(async () => {
    const redump = { mysql: { on_unlogged_cascade: 'redump' } };
    const config = { ...exclude, ...(isLogged ? {} : redump) };
    sync = await startMysqlSync({ server: server(), setup, config });
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
  });

  /** Snapshots that were taken so far. */
  const dumps = () => sync.watcher.log.filter(({ msg }) => msg === 'dump begins').length;

  const agree = async () => {
    for (const table of tables) await sync.agrees(table);
    await sync.caughtUp();
    expect(await sync.status()).toMatchObject({ state: 'streaming', last_error: null });
  };

  test.skipIf(isLogged)('without a choice such tables are left out, with what to do', async () => {
    await using other = await startMysqlSync({ server: server(), setup, config: exclude });
    const { name } = other.database;
    const { warnings } = await other.status();
    const refused = warnings.filter(({ code }) => code === 'fk_cascade_not_logged');
    expect(refused.map(({ table }) => table).sort()).toEqual(
      children.map((table) => `${name}.${table}`),
    );
    const { message, remedy } = refused.find(({ table }) => table === `${name}.car`) ?? {};
    expect(message).toContain('car_maker');
    expect(remedy).toContain('mysql.on_unlogged_cascade: redump');
    expect(remedy).toContain('DROP FOREIGN KEY `car_maker`');
    await other.sql('DELETE FROM maker WHERE id = 1; UPDATE maker SET v = 1 WHERE id = 2');
    await other.agrees('maker');
    await other.agrees('strict');
    for (const table of children) expect((await other.keys(table)).size, table).toBe(0);
  });

  test('ON DELETE CASCADE over two levels, and SET NULL', async () => {
    await agree();
    await sync.sql('DELETE FROM maker WHERE id = 1');
    await agree();
    expect([...(await sync.keys('offer')).values()]).toContain(`{"id":0,"code":null}`);
  });

  test('ON UPDATE CASCADE, of a key of the child too, and over two levels; SET NULL', async () => {
    await sync.sql('UPDATE maker SET id = 300, v = 2 WHERE id = 3');
    await agree();
    await sync.sql('UPDATE maker SET code = 400 WHERE id = 4');
    await agree();
    await sync.sql('UPDATE car SET id = id + 1000 WHERE id NOT IN (SELECT car FROM wheel)');
    await agree();
  });

  test('by a transaction that changes parents and children, and by statements on several tables', async () => {
    await sync.sql(
      `BEGIN; INSERT INTO maker VALUES (50, 150, 0); INSERT INTO car VALUES (5000, 50, 0), (5001, 50, 0); INSERT INTO wheel VALUES (5000, 5000);
       UPDATE maker SET id = 51 WHERE id = 50; UPDATE car SET v = 1 WHERE maker = 51; DELETE FROM car WHERE id = 5000; DELETE FROM maker WHERE id = 6; INSERT INTO maker VALUES (6, 106, 9); COMMIT`,
    );
    await agree();
    await sync.sql(
      `REPLACE INTO maker VALUES (7, 107, 1); INSERT INTO maker VALUES (8, 1, 1) ON DUPLICATE KEY UPDATE code = 800, v = 8;
       UPDATE maker, car SET maker.v = 5, car.v = 5 WHERE car.maker = maker.id AND maker.id = 9; DELETE maker FROM maker JOIN car ON car.maker = maker.id WHERE car.v = 5`,
    );
    await agree();
  });

  test('within one table, and from a table that is not of the sync', async () => {
    await sync.sql('DELETE FROM part WHERE id = 1');
    await sync.agrees('part');
    expect((await sync.keys('part')).size).toBe(1);
    await sync.sql('DELETE FROM hidden WHERE id = 2; UPDATE hidden SET id = 30 WHERE id = 3');
    await agree();
  });

  test('what is rolled back asks for nothing, nor does a change that is of no key', async () => {
    await agree();
    const before = dumps();
    await sync.sql(
      `BEGIN; DELETE FROM maker WHERE id = 10; ROLLBACK; UPDATE maker SET v = 7; INSERT INTO maker VALUES (60, 160, 0); UPDATE car SET v = 4; DELETE FROM wheel WHERE id = 700`,
    );
    await agree();
    expect(dumps()).toBe(before);
  });

  test('while Watcher is stopped, or is killed at once', async () => {
    await sync.watcher.stop();
    await sync.sql('DELETE FROM maker WHERE id = 11; UPDATE maker SET id = 1200 WHERE id = 12');
    await sync.restart();
    await agree();
    await sync.sql('DELETE FROM maker WHERE id = 13; UPDATE maker SET id = 1400 WHERE id = 14');
    await sync.kill();
    await sync.restart();
    await agree();
  });

  test.skipIf(isLogged)(
    'that are gone, or lead elsewhere, when the log comes to them',
    async () => {
      await agree();
      await sync.watcher.stop();
      await sync.sql(
        `DELETE FROM maker WHERE id = 36; ALTER TABLE car DROP FOREIGN KEY car_maker;
       DELETE FROM hidden WHERE id = 4; RENAME TABLE hidden TO hidden2, hidden2 TO hidden3; DELETE FROM hidden3 WHERE id = 5`,
      );
      await sync.restart();
      await agree();
      await sync.sql(
        `RENAME TABLE hidden3 TO hidden; DELETE FROM car WHERE maker NOT IN (SELECT id FROM maker);
       ALTER TABLE car ADD CONSTRAINT car_maker FOREIGN KEY (maker) REFERENCES maker (id) ON DELETE CASCADE ON UPDATE CASCADE; DELETE FROM maker WHERE id = 37`,
      );
      await agree();
    },
  );

  test.skipIf(isLogged)(
    'that came and went while Watcher was stopped, and are refused',
    async () => {
      const plain = `CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE c (id INT PRIMARY KEY, p INT); INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1, 1), (2, 2)`;
      await using other = await startMysqlSync({ server: server(), setup: plain });
      await other.agrees('c');
      await other.watcher.stop();
      await other.sql(
        `ALTER TABLE c ADD CONSTRAINT k FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE; DELETE FROM p WHERE id = 1; ALTER TABLE c DROP FOREIGN KEY k`,
      );
      await other.restart();
      await other.agrees('p');
      await other.agrees('c');
    },
  );

  test('many, one after the other, while rows of the children change', async () => {
    for (let id = 15; id < 35; id += 1) {
      const cascade =
        id % 2 === 0
          ? `DELETE FROM maker WHERE id = ${id}`
          : `UPDATE maker SET id = id + 2000, code = code + 2000 WHERE id = ${id}`;
      await sync.sql(
        `UPDATE car SET v = v + 1 WHERE id % 20 = ${id % 20}; ${cascade}; INSERT INTO car VALUES (${id + 9_000}, 40, 0); UPDATE car SET maker = NULL WHERE id = ${id + 8_999}`,
      );
    }
    await agree();
  });
});
