import { expect, test } from 'vitest';
import { parseInsert } from '../../../../src/drivers/mysql/insert-parser.ts';

function parse(sql: string) {
  const { table, columns, rows } = parseInsert(Buffer.from(sql));
  return {
    table,
    columns,
    rows: rows.map((row) => row.map((value) => value?.toString('latin1') ?? null)),
  };
}

test('values as both tools write them', () => {
  const sql =
    "INSERT INTO `t``x` (`id`, `a b`) VALUES (1,NULL),\n(-2.5,'it''s'),(3,'a\\nb\\\\c\\'d\\0e\\Z\\\"');";
  expect(parse(sql)).toEqual({
    table: 't`x',
    columns: ['id', 'a b'],
    rows: [
      ['1', null],
      ['-2.5', "it's"],
      ['3', 'a\nb\\c\'d\0e\x1a"'],
    ],
  });
});

test('bytes', () => {
  const sql =
    "INSERT INTO `t` (`a`,`b`,`c`,`d`,`e`) VALUES (0x00FFab,'',_binary 'x;),(',b'100000001',1e-7);";
  expect(parse(sql).rows).toEqual([['\x00\xff\xab', '', 'x;),(', '\x01\x01', '1e-7']]);
});

test('UTF-8 in names is text, in values bytes', () => {
  const { columns, rows } = parseInsert(Buffer.from("INSERT INTO `t` (`ä`) VALUES ('ä');"));
  expect(columns).toEqual(['ä']);
  expect(rows[0]?.[0]).toEqual(Buffer.from('ä'));
});

test.each([
  'INSERT INTO `t` VALUES (1);',
  'INSERT INTO `t` (`a`) VALUES (1,2);',
  'INSERT INTO `t` (`a`) VALUES (1)',
  "INSERT INTO `t` (`a`) VALUES ('open);",
  'INSERT INTO `t` (`a`) VALUES (NOW());',
  'INSERT INTO `t` (`a`) VALUES (1',
])('refused, without what it holds: %s', (sql) => {
  expect(() => parse(sql)).toThrow(expect.objectContaining({ code: 'mysqldump_failed' }));
  expect(() => parse(sql)).not.toThrow(/open|NOW/);
});
