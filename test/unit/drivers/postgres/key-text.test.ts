import { expect, test } from 'vitest';
import { keyText } from '../../../../src/drivers/postgres/values.ts';
import { catalog, encode, type Name, oids } from '../../../support/sample-types.ts';

test.each<[Name, string, string]>([
  ['int4', '-5', '-5'],
  ['exacter', '1.50', '1.50'],
  ['numeric', 'NaN', 'NaN'],
  ['bool', 't', 'true'],
  ['text', 'a/b', 'a/b'],
  ['text', 'a"b\\\n\u0001é', 'a"b\\\n\u0001é'],
  ['text', 'null', 'null'],
  ['text', '"', '"'],
  ['bytea', '\\x', ''],
  ['bytea', '\\x00ff', '00ff'],
  ['bytes', '\\xab', 'ab'],
  ['timestamptz', '2020-01-01 00:00:00+00', '2020-01-01T00:00:00+00:00'],
  ['mood', 'so "so"', 'so "so"'],
  ['jsonb', '"1"', '"1"'],
  ['jsonb', '1', '1'],
  ['int4[]', '{1,2}', '[1,2]'],
  ['somePair', '(1,x)', '{"x":1,"the \\"y\\"":"x"}'],
  ['oidvector', '1 2', '["1","2"]'],
])('in a key: %s %s', (type, text, key) => {
  const toKey = keyText(catalog.get(oids[type]), catalog);
  expect(toKey(encode(type, text))).toBe(key);
});

test('in a key numbers are the same, whatever values.numbers is', () => {
  const toKey = keyText(catalog.get(oids.int8), catalog);
  expect(toKey(encode('int8', '12', 'string'))).toBe(toKey(encode('int8', '12', 'number')));
});
