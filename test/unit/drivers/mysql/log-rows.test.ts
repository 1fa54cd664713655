import { expect, test } from 'vitest';
import { JsonDiffs } from '../../../../src/drivers/mysql/binlog/values/json-diff.ts';
import { RowsReader } from '../../../../src/drivers/mysql/log-rows.ts';
import { makeRelation } from '../../../../src/drivers/mysql/relation.ts';
import { events } from './binlog/fixtures.ts';

test('differences of a JSON document that do not fit it: the error names table and column', () => {
  const list = events('mysql-9.7/partial-json');
  const at = list.findIndex((event) => event.type === 'rows' && event.partialJson);
  const [map, event] = [list[at - 1], list[at]];
  if (map?.type !== 'table_map' || event?.type !== 'rows') throw new Error('not in the fixture');
  const names = map.columns.map(({ name }) => name ?? '');
  const columns = names.map((name) => ({ name, shape: { kind: 'json' } as const }));
  const { schema, table } = map;
  const relation = makeRelation({ schema, table, columns, key: names.slice(0, 1) }, 'number');
  const picks = names.map((_, index) => index);
  const binding = { relation, picks, key: [0], hints: [], periodEnd: null };
  const reader = new RowsReader({ map, binding, numbers: 'number', compared: [] });
  const [row] = reader.decode(event);
  const partial = row?.after?.findIndex((value) => value instanceof JsonDiffs) ?? -1;
  expect(() => reader.change({ before: names.map(() => '1'), after: row?.after ?? [] }, 0)).toThrow(
    expect.objectContaining({
      code: 'unsupported_value',
      table: `${schema}.${table}`,
      message: expect.stringContaining(`${schema}.${table}, ${names[partial]}: `),
    }),
  );
});
