/**
 * What a row becomes, through the whole service: the dump and the stream write the same bytes, which are what the server
 * says of the row.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import type { MysqlTestDatabase } from '../support/mysql-database.ts';
import type { SharedMysql } from '../support/mysql-global-setup.ts';
import {
  createValueTables,
  keyTables,
  type ValueTables,
  withoutId,
} from '../support/mysql-oracle-values.ts';
import { logEnd, type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql, missing } from '../support/servers.ts';
import { sameRows } from '../support/source-rows.ts';

/** Of what the stream inserts. */
const streamed = 1_001;

/** Key without its beginning → JSON. */
async function valuesOf(sync: MysqlTestSync, table: string): Promise<Map<string, string>> {
  const keys = await sync.keys(table);
  const base = `${sync.prefix.rows}${sync.database.name}/${table}/`;
  return new Map([...keys].map(([key, value]) => [key.slice(base.length), value]));
}

/** Row by row, the bytes of those from `first` on are those of the dumped ones. */
async function expectSameBytes(
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

async function expectServersText(sync: MysqlTestSync, tables: ValueTables): Promise<void> {
  const expected = await tables.expected(sync.database);
  expect(sameRows(expected, await valuesOf(sync, 'v'))).toEqual([]);
}

const sessionCompression = ['SESSION binlog_transaction_compression = ON'];
/** Of the shared server: what others write meanwhile is packed, too. */
const globalCompression = ['GLOBAL log_bin_compress = ON', 'GLOBAL log_bin_compress_min_len = 10'];
const compressedEvents = [
  'Write_rows_compressed_v1',
  'Update_rows_compressed_v1',
  'Delete_rows_compressed_v1',
];

async function withSettings(
  { query }: MysqlTestDatabase,
  settings: readonly string[],
): Promise<AsyncDisposable> {
  for (const setting of settings) await query(`SET ${setting}`);
  return {
    async [Symbol.asyncDispose]() {
      for (const setting of settings) await query(`SET ${setting.split('=')[0]} = DEFAULT`);
    },
  };
}

async function startWithValues(
  server: Parameters<typeof startMysqlSync>[0]['server'],
  flavour: SharedMysql,
  more: (database: MysqlTestDatabase) => Promise<unknown> = async () => undefined,
): Promise<{ sync: MysqlTestSync; tables: ValueTables }> {
  let tables: ValueTables | null = null;
  const setup = async (database: MysqlTestDatabase) => {
    tables = await createValueTables(database, flavour);
    await tables.insert(database, 1);
    await more(database);
  };
  const sync = await startMysqlSync({ server, setup });
  if (tables === null) throw new Error('nothing was set up');
  return { sync, tables };
}

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, flavour) => {
  let sync: MysqlTestSync;
  let tables: ValueTables;
  const keys = keyTables(flavour);
  beforeAll(async () => {
    ({ sync, tables } = await startWithValues(server(), flavour, async (database) => {
      for (const table of keys) await table.create(database);
    }));
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
  });

  test('every type: what is inserted after the dump has the same bytes', async () => {
    await expectServersText(sync, tables);
    await tables.insert(sync.database, streamed);
    await sync.caughtUp();
    await expectSameBytes(sync, tables, streamed);
    await expectServersText(sync, tables);
  });

  test('every type: an update of another column leaves it as it is, and a delete finds the key', async () => {
    await sync.sql('UPDATE v SET touched = -1; UPDATE f SET touched = -1');
    await sync.caughtUp();
    await expectSameBytes(sync, tables, streamed);
    await expectServersText(sync, tables);
    await sync.sql(`DELETE FROM v WHERE id >= ${streamed}; DELETE FROM f WHERE id >= ${streamed}`);
    await sync.caughtUp();
    await expectServersText(sync, tables);
    expect((await valuesOf(sync, 'f')).size).toBe(tables.rows);
  });

  test('keys of every type: updates put the keys that the dump has put, and deletes remove them', async () => {
    const agree = async (what: string) => {
      await sync.caughtUp();
      for (const table of keys) {
        const found = [...(await valuesOf(sync, table.name)).keys()].sort();
        expect(found, `${table.types}: ${what}`).toEqual(await table.expected(sync.database));
      }
    };
    const each = async (sql: (table: string) => string) => {
      for (const { name } of keys) await sync.sql(sql(name));
    };
    await agree('dumped');
    await each((table) => `UPDATE ${table} SET v = n`);
    await agree('updated');
    for (const { name } of keys) {
      const values = (await valuesOf(sync, name)).values();
      expect([...values].map((json) => JSON.parse(json).v)).not.toContain(null);
    }
    await each(
      (table) => `CREATE TEMPORARY TABLE kept SELECT * FROM ${table};
      DELETE FROM ${table} WHERE n < 4; INSERT INTO ${table} SELECT * FROM kept WHERE n < 3; DROP TEMPORARY TABLE kept`,
    );
    await agree('deleted');
  });

  test.skipIf(flavour === 'mysql56')('every type: compressed in the log', async () => {
    const settings = flavour === 'mysql' ? sessionCompression : globalCompression;
    await using _ = await withSettings(sync.database, settings);
    const from = await logEnd(sync.database);
    await sync.sql('BEGIN');
    await tables.insert(sync.database, streamed);
    await sync.sql('COMMIT');
    await sync.sql('UPDATE v SET touched = -2; UPDATE f SET touched = -2');
    await sync.caughtUp();
    await expectSameBytes(sync, tables, streamed);
    await expectServersText(sync, tables);
    await sync.sql(`DELETE FROM v WHERE id >= ${streamed}; DELETE FROM f WHERE id >= ${streamed}`);
    await sync.caughtUp();
    await expectServersText(sync, tables);
    const events = await sync.sql(`SHOW BINLOG EVENTS IN '${from.file}' FROM ${from.offset}`);
    const types = new Set(events.map(({ Event_type }) => Event_type));
    const packed = flavour === 'mysql' ? ['Transaction_payload'] : compressedEvents;
    expect([...types]).toEqual(expect.arrayContaining(packed));
  });

  test('values.numbers: string', async () => {
    await sync.restart({ values: { numbers: 'string' } });
    await sync.caughtUp();
    await tables.insert(sync.database, streamed);
    await sync.sql('UPDATE v SET touched = -1; UPDATE f SET touched = -1');
    await sync.caughtUp();
    await expectSameBytes(sync, tables, streamed);
    const values = await valuesOf(sync, 'v');
    const expected = await tables.expected(sync.database);
    const wide = tables.columns.filter(({ type }) => /BIGINT|DECIMAL/.test(type));
    for (const { name, type } of wide) {
      const member = new RegExp(`"${name}":("?)([^,"]+)`);
      for (const [id, json] of values) {
        const [, quote, digits] = member.exec(json) ?? [];
        const [, , plain] = member.exec(expected.get(id) ?? '') ?? [];
        expect([quote, digits], `${type} ${id}`).toEqual([plain === 'null' ? '' : '"', plain]);
      }
    }
  });
});

const unnamed = {
  mysql: () =>
    startMysql({ version: '9.7', gtid: false, settings: { binlog_row_metadata: 'MINIMAL' } }),
  mariadb: () => startMariadb({ version: '10.11', settings: { binlog_row_metadata: 'NO_LOG' } }),
};

/** MySQL 5.6 names none anyway. */
describe.each(['mysql', 'mariadb'] as const)('%s: names are not in the log', (flavour) => {
  test.skipIf(missing(flavour) !== undefined)('every type, as before', async () => {
    await using server = await unnamed[flavour]();
    const { sync, tables } = await startWithValues(server, flavour);
    await using _ = sync;
    await tables.insert(sync.database, streamed);
    await sync.caughtUp();
    await expectSameBytes(sync, tables, streamed);
    await expectServersText(sync, tables);
    const { warnings } = await sync.status();
    expect(warnings.map(({ message }) => message).join()).toContain(
      'the log does not name columns',
    );
  });
});
