/** Servers whose global variables are all unusual: what is read does not depend on them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import type { MysqlTestDatabase } from '../support/mysql-database.ts';
import { series } from '../support/mysql-series.ts';
import { type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { missing } from '../support/servers.ts';

const tables = `
CREATE TABLE t (id INT PRIMARY KEY, c CHAR(9), \`größe\` INT, d DATETIME, s TIMESTAMP NULL, l VARCHAR(99) CHARACTER SET latin1);
INSERT INTO t SELECT n, 'ä', n, '2020-01-01 10:00:00', '2020-01-01 10:00:00', 'é' FROM ${series(1, 40)};
CREATE TABLE \`maß\` (id INT PRIMARY KEY, a INT, b INT); INSERT INTO \`maß\` SELECT n, 1, 2 FROM ${series(1, 40)};
CREATE TABLE parent (id INT PRIMARY KEY, n INT); INSERT INTO parent SELECT n, n FROM ${series(1, 40)};
CREATE TABLE child (id INT PRIMARY KEY, \`p)\` INT, FOREIGN KEY (\`p)\`) REFERENCES parent (id) ON DELETE CASCADE);
`;

/** The session of `database` keeps what it has. */
const odd: Readonly<Record<string, string>> = {
  sql_mode: `'PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,NO_BACKSLASH_ESCAPES'`,
  sql_select_limit: '3',
  max_join_size: '3',
  group_concat_max_len: '4',
  max_sort_length: '64',
  time_zone: `'+05:00'`,
  lc_time_names: `'de_DE'`,
  lc_messages: `'de_DE'`,
  sql_quote_show_create: '0',
  sql_buffer_result: '1',
  net_read_timeout: '1',
  net_write_timeout: '1',
  wait_timeout: '1',
  completion_type: '1',
  autocommit: '0',
  character_set_client: 'latin1',
  character_set_connection: 'latin1',
  character_set_results: 'latin1',
};

const suites = {
  mysql: {
    start: () => startMysql({ version: '9.7', settings: { innodb_native_foreign_keys: 'ON' } }),
    more: '',
    globals: {
      ...odd,
      transaction_isolation: `'SERIALIZABLE'`,
      max_execution_time: '1',
      show_gipk_in_create_table_and_information_schema: '0',
      information_schema_stats_expiry: '0',
      session_track_system_variables: `'*'`,
      session_track_state_change: '1',
      session_track_schema: '1',
    },
    extra: [],
  },
  mysql56: {
    start: () =>
      startMysql({
        version: '5.6',
        settings: { character_set_server: 'latin1', skip_character_set_client_handshake: true },
      }),
    more: '',
    globals: { ...odd, tx_isolation: `'READ-UNCOMMITTED'` },
    extra: [],
  },
  mariadb: {
    start: () =>
      startMariadb({
        version: '10.11',
        settings: { character_set_server: 'latin1', skip_character_set_client_handshake: true },
      }),
    more: `CREATE TABLE versioned (id INT PRIMARY KEY, n INT) WITH SYSTEM VERSIONING; INSERT INTO versioned SELECT n, n FROM ${series(1, 40)};`,
    globals: {
      ...odd,
      tx_isolation: `'SERIALIZABLE'`,
      max_statement_time: '0.000001',
      idle_transaction_timeout: '1',
      idle_readonly_transaction_timeout: '1',
      system_versioning_asof: `'2020-01-01 00:00:00'`,
      old_mode: `'NO_PROGRESS_INFO,ZERO_DATE_TIME_CAST'`,
      use_stat_tables: `'PREFERABLY'`,
      sql_if_exists: '1',
      session_track_system_variables: `'*'`,
      session_track_state_change: '1',
    },
    extra: [{ table: 'versioned', key: ['id'] }],
  },
} as const;

describe.each(['mysql', 'mysql56', 'mariadb'] as const)('%s', (name) => {
  const { start, more, globals, extra } = suites[name];
  const skipped = missing(name) !== undefined;
  let server: MysqlServer;
  let sync: MysqlTestSync;
  const setup = async (database: MysqlTestDatabase) => {
    await database.query(
      `SET NAMES utf8mb4; ALTER DATABASE CHARACTER SET utf8mb4; ${tables} ${more}`,
    );
    if (name === 'mysql') {
      await database.query(
        'SET sql_generate_invisible_primary_key = 1; CREATE TABLE keyless (n INT); INSERT INTO keyless VALUES (1), (2), (3), (4)',
      );
    }
    for (const [variable, value] of Object.entries(globals)) {
      await database.query(`SET GLOBAL ${variable} = ${value}`);
    }
  };
  beforeAll(async () => {
    if (skipped) return;
    server = await start();
    sync = await startMysqlSync({ server, setup });
  });
  afterAll(async () => {
    // First: a session that drops the database would have those settings.
    await server?.kill();
    await sync?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });
  const agree = async () => {
    for (const table of ['t', 'maß', 'parent', ...extra]) await sync.agrees(table);
    if (name === 'mysql') await sync.agrees({ table: 'keyless', key: ['my_row_id'] });
  };

  test.skipIf(skipped)('the dump', async () => {
    await agree();
    const { warnings } = await sync.status();
    expect(warnings.map(({ code, table }) => ({ code, table }))).toContainEqual({
      code: 'fk_cascade_not_logged',
      table: `${sync.database.name}.child`,
    });
  });

  test.skipIf(skipped)('the stream', async () => {
    await sync.sql(
      `UPDATE t SET \`größe\` = -1, c = 'ö', s = '2021-01-01 00:00:00' WHERE id > 20; DELETE FROM t WHERE id = 5; INSERT INTO \`maß\` VALUES (99, 0, 0)`,
    );
    await agree();
  });

  test.skipIf(skipped)('a dump beside the stream', async () => {
    const dumps = () => sync.watcher.log.filter(({ msg }) => msg === 'dump begins').length;
    const before = dumps();
    await sync.order('dump');
    await sync.until('it is dumped again', () => dumps() > before);
    await sync.caughtUp();
    await agree();
    expect((await sync.status()).last_error).toBeNull();
  });
});
