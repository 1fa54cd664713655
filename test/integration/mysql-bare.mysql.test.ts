/**
 * Servers whose log says less: no names of columns (MINIMAL, NO_LOG), no GTIDs, no cascades. The columns come from the
 * catalog then, and a table that changes is dumped again.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { missing } from '../support/servers.ts';

const setup = `
CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, s SMALLINT, u BIGINT UNSIGNED, e ENUM('a','b'), l VARCHAR(20) CHARACTER SET latin1, b VARBINARY(9));
INSERT INTO t SELECT n, -n, 18446744073709551615, 'b', 'é', x'00FF' FROM ${series(1, 20)};
CREATE TABLE reversed (v VARCHAR(9), b INT, a INT, PRIMARY KEY (a, b)); INSERT INTO reversed VALUES ('x', 2, 1);
CREATE TABLE parent (id INT PRIMARY KEY); INSERT INTO parent SELECT n FROM ${series(1, 300)};
CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE); INSERT INTO child SELECT n, n FROM ${series(1, 300)};
`;

const special = {
  mysql: {
    setup: `CREATE TABLE special (id INT PRIMARY KEY, j JSON, v INT AS (id + 1), i INT INVISIBLE); INSERT INTO special (id, j, i) VALUES (1, '{"a": 1.10}', 5);`,
    change: `INSERT INTO special (id, j) VALUES (2, '[1]'); UPDATE special SET j = JSON_SET(j, '$.a', 2), i = 6 WHERE id = 1`,
  },
  mariadb: {
    setup: `CREATE TABLE special (id UUID PRIMARY KEY, ip INET6, b BLOB UNIQUE, t TEXT, UNIQUE (t)) WITH SYSTEM VERSIONING;
      INSERT INTO special VALUES ('03d5ab5b-e6bf-11f1-a6df-02fc00000001', '::1', 'x', 'y');`,
    change: `INSERT INTO special VALUES ('03d5ab5b-e6bf-11f1-a6df-02fc00000002', '2001:db8::2', 'z', NULL), ('03d5ab5b-e6bf-11f1-a6df-02fc00000003', NULL, 'w', NULL);
      UPDATE special SET ip = '::2', t = 'new' WHERE b = 'x'; DELETE FROM special WHERE b = 'w'`,
  },
} as const;

const starts = {
  mysql: () =>
    startMysql({
      version: '9.7',
      gtid: false,
      settings: { binlog_row_metadata: 'MINIMAL', innodb_native_foreign_keys: 'ON' },
    }),
  mariadb: () => startMariadb({ version: '10.11', settings: { binlog_row_metadata: 'NO_LOG' } }),
};

describe.each(['mysql', 'mariadb'] as const)('%s', (name) => {
  const skipped = missing(name) !== undefined;
  let server: MysqlServer;
  let sync: MysqlTestSync;
  beforeAll(async () => {
    if (skipped) return;
    server = await starts[name]();
    sync = await startMysqlSync({
      server,
      setup: setup + special[name].setup,
      config: { mysql: { on_unlogged_cascade: 'redump' } },
    });
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const change = async (sql: string, ...tables: Parameters<MysqlTestSync['agrees']>[0][]) => {
    await sync.sql(sql);
    for (const table of tables) await sync.agrees(table);
  };
  const dumps = async () => {
    await sync.caughtUp();
    return sync.watcher.log.filter(({ msg }) => msg === 'dump begins').length;
  };
  const writeUntil = async (statement: (step: number) => string, work: () => Promise<void>) => {
    const writer = await sync.database.connect();
    let writing = true;
    const writes = (async () => {
      for (let step = 1; writing; step += 1) await writer.query(statement(step));
    })();
    await work();
    writing = false;
    await writes;
  };

  test.skipIf(skipped)('rows of the log are what rows of the dump are', async () => {
    const before = await dumps();
    await change(
      `INSERT INTO t VALUES (4294967295, -32768, 9223372036854775808, 'a', 'ÿ', x'00'); UPDATE t SET l = 'ß', e = 'a' WHERE id < 5; DELETE FROM t WHERE id = 6; UPDATE t SET id = 700 WHERE id = 7;
       INSERT INTO reversed VALUES ('y', 1, 2); UPDATE reversed SET b = 9 WHERE a = 1`,
      't',
      'reversed',
    );
    await change(special[name].change, { table: 'special', key: ['id'] });
    expect(await dumps()).toBe(before);
  });

  test.skipIf(skipped)('ALTER TABLE under a writer: types, signs, labels, places', async () => {
    const actions = [
      `MODIFY s SMALLINT UNSIGNED`,
      `MODIFY e ENUM('b','c','a')`,
      `MODIFY l VARCHAR(20) CHARACTER SET utf8mb4`,
      `MODIFY b VARBINARY(9) FIRST`,
      `ADD x INT AFTER id`,
      `DROP COLUMN x, ADD x INT UNSIGNED FIRST`,
      `CHANGE x y INT`,
    ];
    await sync.sql('UPDATE t SET s = 5');
    await writeUntil(
      (step) =>
        `UPDATE t SET s = s + 1, e = 'b', l = CONCAT('é', ${step}) WHERE id = ${1 + (step % 20)}`,
      async () => {
        for (const action of actions) await sync.sql(`ALTER TABLE t ${action}`);
      },
    );
    await sync.agrees('t');
  });

  test.skipIf(skipped)('old events, when the sync was stopped meanwhile', async () => {
    await sync.caughtUp();
    await sync.order('stop');
    await sync.until('it stops', ({ state }) => state === 'stopped');
    await sync.sql(
      `UPDATE t SET s = 1; ALTER TABLE t MODIFY s INT; UPDATE t SET s = -5; ALTER TABLE t DROP COLUMN s, ADD s VARCHAR(5) DEFAULT 's'; DELETE FROM t WHERE id = 12;
       INSERT INTO reversed VALUES ('z', 7, 7); DROP TABLE reversed; CREATE TABLE reversed (k VARCHAR(5) PRIMARY KEY); INSERT INTO reversed VALUES ('k');
       CREATE TABLE brief (id INT PRIMARY KEY); INSERT INTO brief VALUES (1); DROP TABLE brief`,
    );
    await sync.order('start');
    for (const table of ['t', 'reversed']) await sync.agrees(table);
    await change(
      `INSERT INTO t (id) VALUES (900); INSERT INTO reversed VALUES ('l')`,
      't',
      'reversed',
    );
  });

  test.skipIf(skipped)('cascades under a writer', async () => {
    await writeUntil(
      (step) => `DELETE FROM parent WHERE id = ${step}`,
      async () => {
        for (let at = 0; at < 3; at += 1) await sync.caughtUp();
      },
    );
    for (const table of ['parent', 'child']) await sync.agrees(table);
  });

  test.skipIf(skipped)('after all that nothing has failed', async () => {
    await sync.caughtUp();
    expect(await sync.status()).toMatchObject({ last_error: null, state: 'streaming' });
  });
});
