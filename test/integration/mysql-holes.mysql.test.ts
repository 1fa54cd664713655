/** What the log does not say, and what it must not say (DESIGN §5, holes of the binlog). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';

/** `_between` is not of the sync, and what is deleted there is deleted in `grandchild`. */
const family = `
CREATE TABLE parent (id INT PRIMARY KEY, code INT UNIQUE, note INT);
CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE);
CREATE TABLE _between (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE);
CREATE TABLE grandchild (id INT PRIMARY KEY, link INT, FOREIGN KEY (link) REFERENCES _between (id) ON DELETE CASCADE);
CREATE TABLE orphan (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE SET NULL);
CREATE TABLE renamed (id INT PRIMARY KEY, code INT, FOREIGN KEY (code) REFERENCES parent (code) ON UPDATE CASCADE);
CREATE TABLE loose (id INT PRIMARY KEY, parent INT);
INSERT INTO parent SELECT n, n, 0 FROM ${series(1, 400)};
INSERT INTO child SELECT n, n FROM ${series(1, 400)}; INSERT INTO _between SELECT n, n FROM ${series(1, 400)};
INSERT INTO grandchild SELECT n, n FROM ${series(1, 400)}; INSERT INTO orphan SELECT n, n FROM ${series(1, 400)};
INSERT INTO renamed SELECT n, n + 300 FROM ${series(1, 100)}; INSERT INTO loose SELECT n, n + 290 FROM ${series(1, 10)};
`;
const children = ['child', 'grandchild', 'orphan', 'renamed'];

describeMysql(['mysql', 'mariadb', 'mysql56'], (server) => {
  let sync: MysqlTestSync;
  beforeAll(async () => {
    sync = await startMysqlSync({
      server: server(),
      setup: family,
      config: { tables: { exclude: ['*._*'] }, mysql: { on_unlogged_cascade: 'redump' } },
    });
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
  });

  const change = async (sql: string, ...tables: string[]) => {
    await sync.sql(sql);
    for (const table of tables) await sync.agrees(table);
  };
  const dumps = async () => {
    await sync.caughtUp();
    return sync.watcher.log.filter(({ msg }) => msg === 'dump begins').length;
  };

  test('rows that foreign keys delete and change, of children and of theirs', async () => {
    for (const table of ['parent', ...children]) await sync.agrees(table);
    await change('DELETE FROM parent WHERE id < 10', 'parent', ...children);
    await change('UPDATE parent SET code = code + 1000 WHERE id > 350', 'parent', ...children);
    await change(
      'BEGIN; DELETE FROM parent WHERE id = 20; INSERT INTO parent VALUES (20, 20, 0); INSERT INTO child VALUES (1000, 20); DELETE FROM parent WHERE id = 21; COMMIT',
      ...children,
    );
    await change('REPLACE INTO parent VALUES (30, 30, 5)', 'parent', ...children);
  });

  test('rows of a parent that is not of the sync', async () => {
    await change('DELETE FROM _between WHERE id BETWEEN 40 AND 50', 'grandchild');
  });

  test('what cannot cascade is no reason to dump', async () => {
    const before = await dumps();
    await change(
      `INSERT INTO parent VALUES (2000, 2000, 1); UPDATE parent SET note = 7; DELETE FROM child WHERE id = 60; UPDATE orphan SET parent = NULL WHERE id = 61;
       INSERT INTO _between VALUES (3000, 60); ROLLBACK; BEGIN; DELETE FROM parent WHERE id = 62; ROLLBACK`,
      'parent',
      ...children,
    );
    expect(await dumps()).toBe(before);
  });

  test('a foreign key that is added, and one that is dropped', async () => {
    await change(
      `ALTER TABLE loose ADD CONSTRAINT tied FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE; DELETE FROM loose WHERE parent < 295; DELETE FROM parent WHERE id = 296`,
      'loose',
    );
    await change(
      'ALTER TABLE loose DROP FOREIGN KEY tied; INSERT INTO loose VALUES (77, 999)',
      'loose',
    );
  });

  test('under writers, and through a crash', async () => {
    const writer = await sync.database.connect();
    let writing = true;
    const writes = (async () => {
      for (let id = 100; writing && id < 290; id += 1) {
        await writer.query(`DELETE FROM parent WHERE id = ${id}`);
        await writer.query(`INSERT INTO parent VALUES (${id}, ${id}, ${id})`);
        await writer.query(`REPLACE INTO child VALUES (${id}, ${id})`);
      }
    })();
    await sync.caughtUp();
    await sync.kill();
    await sync.restart();
    await writes;
    writing = false;
    for (const table of ['parent', ...children]) await sync.agrees(table);
    const { last_error } = await sync.status();
    expect(last_error).toBeNull();
  });
});
