/**
 * What a row becomes, through the whole service: the dump and the stream write the same bytes, which are what the server
 * says of the row.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MysqlTestDatabase } from '../support/mysql-database.ts';
import {
  createValueTables,
  expectSameBytes,
  expectServersText,
  keyTables,
  type ValueTables,
  valuesOf,
} from '../support/mysql-oracle-values.ts';
import {
  eventTypesSince,
  logEnd,
  type MysqlTestSync,
  startMysqlSync,
} from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';

/** Of what the stream inserts. */
const streamed = 1_001;

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

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, flavour) => {
  let sync: MysqlTestSync;
  let tables: ValueTables;
  const keys = keyTables(flavour);
  beforeAll(async () => {
    const setup = async (database: MysqlTestDatabase) => {
      tables = await createValueTables(database, flavour);
      await tables.insert(database, 1);
      for (const table of keys) await table.create(database);
    };
    sync = await startMysqlSync({ server: server(), setup });
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
    const types = await eventTypesSince(sync.database, from);
    const packed = flavour === 'mysql' ? ['Transaction_payload'] : compressedEvents;
    expect([...new Set(types)]).toEqual(expect.arrayContaining(packed));
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
