import { expect, test } from 'vitest';
import type { Row, SourceConnection } from '../../../../src/drivers/mysql/connection.ts';
import { readSchema } from '../../../../src/drivers/mysql/schema.ts';
import { selectTables } from '../../../../src/drivers/mysql/tables.ts';
import { mysqlFacts, plainOptions } from '../../../support/mysql-facts.ts';

const of = { schema: 's', table: 't' };
const column = (name: string, type: string): Row => ({
  ...of,
  name,
  column_type: type,
  data_type: type,
  nullable: 'NO',
  extra: '',
});

/** information_schema with one table. */
function catalog(columns: readonly Row[]): SourceConnection {
  const answers: Readonly<Record<string, readonly Row[]>> = {
    TABLES: [{ schema: 's', name: 't', type: 'BASE TABLE', engine: 'InnoDB', estimate: '1' }],
    COLUMNS: columns,
    STATISTICS: [{ ...of, name: 'PRIMARY', non_unique: '0', column: 'id', prefix: null }],
  };
  const query = async (sql: string) =>
    answers[/information_schema\.(\w+)/.exec(sql)?.[1] ?? ''] ?? [];
  return { query } as unknown as SourceConnection;
}

test('a column of a type that is not known keeps its place, and the table is left out until it is excluded', async () => {
  const source = catalog([column('id', 'int'), column('x', 'xmltype'), column('b', 'int')]);
  const facts = mysqlFacts();
  const select = async (excluded: string) => {
    const options = plainOptions({ excludesColumn: (_schema, _table, name) => name === excluded });
    return selectTables(await readSchema(source, facts, options), facts, options);
  };
  const refused = await select('');
  expect(refused.tables).toEqual([]);
  expect(refused.excluded[0]?.warning).toMatchObject({
    code: 'table_unsupported',
    message: expect.stringContaining('xmltype'),
  });
  const [table] = (await select('x')).tables;
  expect(table?.columns.map(({ name }) => name)).toEqual(['id', 'b']);
  expect(table?.allColumns.map(({ name }) => name)).toEqual(['id', 'x', 'b']);
});
