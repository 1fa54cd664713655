import { describe, expect, test } from 'vitest';
import { jsonText } from '../../../../../../src/drivers/mysql/binlog/values/json.ts';
import {
  type JsonDiff,
  JsonDiffs,
} from '../../../../../../src/drivers/mysql/binlog/values/json-diff.ts';
import { opaqueText } from '../../../../../../src/drivers/mysql/binlog/values/json-opaque.ts';
import { parseJsonPath } from '../../../../../../src/drivers/mysql/binlog/values/json-path.ts';
import {
  compactJson,
  formatJson,
  parseJson,
} from '../../../../../../src/drivers/mysql/binlog/values/json-text.ts';

describe('compactJson', () => {
  test.each([
    ['{"a": 1, "b": [1, 2.50, "x, y: z"]}', '{"a":1,"b":[1,2.50,"x, y: z"]}'],
    ['"a \\" b, \\\\"', '"a \\" b, \\\\"'],
    ['[]', '[]'],
    [' [ ] ', '[]'],
    ['18446744073709551615', '18446744073709551615'],
    ['{"a": "eHh4\neA==",\n "b\n": 1}', '{"a":"eHh4\\neA==","b\\n":1}'],
    ['{"": {"k\\\\": null}}', '{"":{"k\\\\":null}}'],
  ])('%s', (text, compact) => {
    expect(compactJson(text)).toBe(compact);
    expect(compactJson(compact)).toBe(compact);
    expect(formatJson(parseJson(compact))).toBe(compact);
  });

  test('a string without an end is refused', () => {
    expect(() => compactJson('{"a": "b')).toThrow('JSON');
  });
});

test.each(['', '{', '[1', '[1,]', '{"a"}', '{"a":}', '{a:1}', '01x', 'nul', '[1]]', '{"a":1,}'])(
  '%s is no document',
  (text) => {
    expect(() => parseJson(text)).toThrow(expect.objectContaining({ code: 'unsupported_value' }));
  },
);

test('paths', () => {
  expect(parseJsonPath('$')).toEqual([]);
  expect(parseJsonPath('$.a."b.c \\"d\\""[3][last][last-2].é')).toEqual([
    { type: 'member', name: 'a' },
    { type: 'member', name: 'b.c "d"' },
    { type: 'cell', index: 3, fromEnd: false },
    { type: 'cell', index: 0, fromEnd: true },
    { type: 'cell', index: 2, fromEnd: true },
    { type: 'member', name: 'é' },
  ]);
  for (const path of ['', 'a', '$a', '$.', '$[x]', '$.*', '$**.a', '$[*]', '$."a']) {
    expect(() => parseJsonPath(path)).toThrow('path');
  }
});

describe('differences', () => {
  const apply = (base: string, op: JsonDiff['op'], path: string, value: string | null = null) =>
    new JsonDiffs([{ op, path: parseJsonPath(path), value }]).apply(base);

  test.each([
    ['{"a":1.10}', 'replace', '$.a', '{"b":2}', '{"a":{"b":2}}'],
    ['{"a":1}', 'replace', '$', '[]', '[]'],
    ['[1,2,3]', 'replace', '$[1]', '9', '[1,9,3]'],
    ['[1,2,3]', 'replace', '$[last]', '9', '[1,2,9]'],
    ['{"a":1}', 'replace', '$.a[0]', '2', '{"a":2}'],
    ['{"bb":1}', 'insert', '$.a', '2', '{"a":2,"bb":1}'],
    ['{"bb":1}', 'insert', '$."cc"', '2', '{"bb":1,"cc":2}'],
    ['{"zz":1}', 'insert', '$."é"', '2', '{"zz":1,"é":2}'],
    ['{"é":1}', 'insert', '$.z', '2', '{"z":2,"é":1}'],
    ['[1]', 'insert', '$[0]', '"x"', '["x",1]'],
    ['[1]', 'insert', '$[last-1]', '2', '[2,1]'],
    ['[]', 'insert', '$[last]', '2', '[2]'],
    ['[1]', 'insert', '$[7]', '2', '[1,2]'],
    ['{"a":{"b":[1,2]}}', 'remove', '$.a.b[0]', null, '{"a":{"b":[2]}}'],
    ['{"a":1,"b":2}', 'remove', '$.a', null, '{"b":2}'],
  ] as const)('%s %s %s %s', (base, op, path, value, expected) => {
    expect(apply(base, op, path, value)).toBe(expected);
  });

  test.each([
    ['{"a":1}', 'replace', '$.b', '1'],
    ['{"a":1}', 'insert', '$.a', '1'],
    ['{"a":1}', 'remove', '$.b', null],
    ['{"a":1}', 'remove', '$', null],
    ['[1]', 'replace', '$[1]', '1'],
    ['[1]', 'remove', '$[1]', null],
    ['1', 'insert', '$.a', '1'],
    ['{"a":1}', 'replace', '$.b.c', '1'],
  ] as const)('%s %s %s does not fit', (base, op, path, value) => {
    expect(() => apply(base, op, path, value)).toThrow('does not fit');
  });
});

test.each([
  [56, 0],
  [57, 0],
  [58, 1],
  [114, 1],
  [115, 2],
])('binary values of %i bytes have %i line breaks, escaped', (sizeBytes, breaks) => {
  const text = opaqueText(15, Buffer.alloc(sizeBytes, 'x'));
  const value: string = JSON.parse(text);
  const lines = value.replace('base64:type15:', '').split('\n');
  expect(lines).toHaveLength(breaks + 1);
  expect(lines.slice(0, -1).every(({ length }) => length === 76)).toBe(true);
  expect(Buffer.from(lines.join(''), 'base64').toString()).toBe('x'.repeat(sizeBytes));
});

test('an empty value is null, as on the server', () => {
  expect(jsonText(Buffer.alloc(0))).toBe('null');
});
