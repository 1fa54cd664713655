/** Values of a dump: by the server's own text (SPEC §6), and byte for byte what the log's decoder makes of them. */
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { RowDecoder } from '../../src/drivers/mysql/binlog/row-images.ts';
import type { TableMap } from '../../src/drivers/mysql/binlog/table-map.ts';
import type { ColumnHints } from '../../src/drivers/mysql/binlog/values/codec.ts';
import { connect } from '../../src/drivers/mysql/connection.ts';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import { readSchema } from '../../src/drivers/mysql/schema.ts';
import { hintsOf } from '../../src/drivers/mysql/schema-column.ts';
import { readServerFacts } from '../../src/drivers/mysql/server-facts.ts';
import { floatColumns, valueColumns } from '../support/mysql-columns.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { mysqlOptions, openMysqlDriver } from '../support/mysql-driver.ts';
import type { SharedMysql, SharedMysqlServer } from '../support/mysql-global-setup.ts';
import { readBinlog } from '../support/raw-binlog.ts';
import { describeMysql, external, mariadb } from '../support/servers.ts';

const signal = new AbortController().signal;
const servers: readonly SharedMysql[] = ['mysql', 'mariadb', 'mysql56'];

interface Column {
  readonly name: string;
  readonly type: string;
  readonly values: readonly string[];
}

/** Row i has the i-th value of each column, NULL where there is none; the last row is NULL throughout. */
async function fill(database: MysqlTestDatabase, columns: readonly Column[]): Promise<number> {
  await database.query(`SET sql_mode = ''`);
  const definitions = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  await database.query(`CREATE TABLE v (id INT PRIMARY KEY, ${definitions}) ROW_FORMAT=DYNAMIC`);
  const rows = 1 + Math.max(...columns.map(({ values }) => values.length));
  const names = columns.map(({ name }) => name).join(', ');
  for (let id = 1; id <= rows; id += 1) {
    const values = columns.map((column) => column.values[id - 1] ?? 'NULL').join(', ');
    await database.query(`INSERT INTO v (id, ${names}) VALUES (${id}, ${values})`);
  }
  return rows;
}

/** table and id → column → fragment. */
type Fragments = Map<string, Map<string, string>>;

async function dumped(options: MysqlDriverOptions): Promise<Fragments> {
  await using driver = openMysqlDriver(options);
  await driver.prepare(null, signal);
  const fragments: Fragments = new Map();
  for await (const { relation, rows } of (await driver.dump(signal)).chunks) {
    for (const row of rows) {
      const named = relation.columns.map(({ name }, at) => [name, row[at] ?? ''] as const);
      fragments.set(`${relation.table} ${row[0]}`, new Map(named));
    }
  }
  return fragments;
}

/** What the binlog holds of the table, by the decoder, with the hints that the driver takes from the catalog. */
async function logged(
  database: MysqlTestDatabase,
  server: SharedMysqlServer,
  options: MysqlDriverOptions,
): Promise<Fragments> {
  const target = { ...options, applicationName: 'test', connectTimeoutMs: 5_000 };
  const connection = await connect(target, signal);
  const facts = await readServerFacts(connection);
  const [table] = await readSchema(connection, facts, options);
  await connection.close();
  const columns = table?.columns ?? [];
  const events = await readBinlog(
    server,
    facts.logEnd?.file ?? '',
    server.programs ?? mariadb().programs,
  );
  const fragments: Fragments = new Map();
  let map: TableMap | null = null;
  for (const event of events) {
    if (event.type === 'table_map') map = event.schema === database.name ? event : null;
    if (event.type !== 'rows' || map === null) continue;
    const hints: ColumnHints[] = columns.map(hintsOf);
    for (const { after } of new RowDecoder(map, { numbers: options.numbers, hints }).decode(
      event,
    )) {
      const named = columns.map(({ name }, at) => [name, String(after?.[at])] as const);
      fragments.set(`v ${after?.[0]}`, new Map(named));
    }
  }
  return fragments;
}

describeMysql(servers, (server, flavour) => {
  test('every type is what the server says of it', async () => {
    await using database = await createMysqlDatabase(server());
    const columns = valueColumns(flavour);
    const rows = await fill(database, columns);
    const found = await dumped(mysqlOptions(database));
    expect(found.size).toBe(rows);
    for (const { name, type, ask, expect: expected } of columns) {
      const asked = await database.query<{ id: number; text: string | null }>(
        `SELECT id, ${ask.replaceAll('@', name)} AS text FROM v`,
      );
      for (const { id, text } of asked) {
        const fragment = found.get(`v ${id}`)?.get(name);
        expect(fragment, `${type}, row ${id}`).toBe(text === null ? 'null' : expected(text));
      }
    }
  });

  test('FLOAT and DOUBLE are exactly their numbers, in the fewest digits', async () => {
    await using database = await createMysqlDatabase(server());
    await fill(
      database,
      floatColumns.map(([name, type, values]) => ({ name, type, values })),
    );
    const found = await dumped(mysqlOptions(database));
    for (const [name, type, values] of floatColumns) {
      const single = type.startsWith('FLOAT');
      for (const [row, literal] of values.entries()) {
        const fragment = found.get(`v ${row + 1}`)?.get(name) ?? '';
        const exact = single ? Math.fround(Number(literal)) : Number(literal);
        const value = single ? Math.fround(Number(fragment)) : Number(fragment);
        expect(value, `${type} ${literal}: ${fragment}`).toBe(exact);
        expect(fragment.replace(/e.*|[-.]/g, '').length).toBeLessThanOrEqual(single ? 9 : 17);
      }
      expect(found.get('v 1')?.get(name)).toBe(values[0]);
    }
  });

  test
    .skipIf(external()[flavour === 'mysql56' ? 'mysql' : flavour])
    .each(['number', 'string'] as const)(
    'the log has the same fragments, byte for byte (numbers: %s)',
    async (numbers) => {
      await using database = await createMysqlDatabase(server());
      const floats = floatColumns.map(([name, type, values]) => ({ name, type, values }));
      const rows = await fill(database, [...valueColumns(flavour), ...floats]);
      const options = mysqlOptions(database, { numbers });
      const inLog = await logged(database, server(), options);
      expect(inLog.size).toBe(rows);
      const inDump = await dumped(options);
      for (const [id, row] of inDump) {
        for (const [name, fragment] of row) {
          expect(fragment, `${name}, row ${id}`).toBe(inLog.get(id)?.get(name));
        }
      }
      if (numbers === 'string') expect(inDump.get('v 1')?.get('c9')).toBe('"-9223372036854775808"');
    },
  );

  test.skipIf(flavour === 'mysql56' || external()[flavour === 'mariadb' ? 'mariadb' : 'mysql'])(
    'mysqldump gives the same keys and the same bytes',
    async () => {
      await using database = await createMysqlDatabase(server());
      await fill(
        database,
        valueColumns(flavour).filter(({ type }) => !/INVISIBLE|YEAR\(2\)/.test(type)),
      );
      await database.query('CREATE TABLE f (id INT PRIMARY KEY, f FLOAT)');
      await database.query('INSERT INTO f VALUES (1, 1.1)');
      const native = await dumped(mysqlOptions(database));
      const path = `${dirname(server().programs?.dump ?? '')}:/bin`;
      const byTool = await dumped(mysqlOptions(database, { dumpMethod: 'mysqldump', path }));
      expect(byTool).toEqual(native);
    },
  );
});
