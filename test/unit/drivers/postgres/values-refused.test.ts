import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PgType } from '../../../../src/drivers/postgres/types.ts';
import { fragmentEncoder } from '../../../../src/drivers/postgres/values.ts';
import { WatcherError } from '../../../../src/errors.ts';
import { catalog, encode, type Name } from '../../../support/sample-types.ts';

describe('a text that is not of the type is refused', () => {
  test.each<[Name, string]>([
    ['bool', 'true'],
    ['int4', ''],
    ['int4', '1,2'],
    ['int8', '01'],
    ['float8', '1.'],
    ['numeric', 'nan'],
    ['numeric', '.5'],
    ['bytea', 'abc'],
    ['bytea', '\\x"'],
    ['json', ''],
    ['date', '01/02/2020'],
    ['timestamp', '2020-01-01 10:00:00+00'],
    ['timestamptz', '2020-01-01 10:00:00+02'],
    ['timestamptz', '2020-01-01 10:00:00'],
    ['int4[]', ''],
    ['int4[]', '1'],
    ['int4[]', '{'],
    ['int4[]', '{1'],
    ['int4[]', '{1,}'],
    ['int4[]', '{,1}'],
    ['int4[]', '{1}}'],
    ['int4[]', '{1}{2}'],
    ['int4[]', '{{1},2}'],
    ['int4[]', '{1,{2}}'],
    ['int4[]', '{{1}'],
    ['int4[]', '{1;2}'],
    ['int4[]', '[2:3]'],
    ['int4[]', '{{},{}}'],
    ['text[]', '{"a}'],
    ['text[]', '{"a"b}'],
    ['text[]', '{a"b"}'],
    ['text[]', '{"a\\'],
    ['text[]', '{a\\b}'],
    ['text[]', '{} '],
    ['pair', ''],
    ['pair', '(1,a'],
    ['pair', '1,a'],
    ['pair', '(1,"a)'],
    ['pair', '(1,a)x'],
    ['pair', '(1,a"b")'],
    ['pair', '(1)'],
    ['pair', '(1,a,b)'],
    ['none', '(1)'],
    ['one', '(a,b)'],
    ['hstore', 'a=>1'],
    ['hstore', '"a"'],
    ['hstore', '"a"=>"1",'],
    ['hstore', '"a"=>"1"x'],
    ['hstore', '"a"=>"1'],
    ['hstore', '"a"=>null'],
    ['int2vector', '1,2'],
  ])('%s %s', (type, text) => {
    let error: unknown;
    try {
      encode(type, text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(WatcherError);
    expect(error).toMatchObject({ code: 'unsupported_value' });
  });

  test('the error does not show the value', () => {
    expect(() => encode('pair', '(1,secret')).not.toThrow(/secret/);
    expect(() => encode('int4', 'secret')).not.toThrow(/secret/);
  });

  test('a type that was not loaded', () => {
    const refused = expect.objectContaining({ code: 'unsupported_value' });
    const type: PgType = { kind: 'array', oid: 1, name: 'x', element: 99999, delimiter: ',' };
    expect(() => fragmentEncoder(type, catalog, { numbers: 'number', key: false })).toThrow(
      refused,
    );
  });

  test('bounds of an array in a key, at any depth', () => {
    const refused = expect.objectContaining({ code: 'unsupported_value' });
    expect(() => encode('int4[]', '[2:3]={1,2}', 'number', true)).toThrow(refused);
    expect(() => encode('ints[]', '{"[2:3]={1,2}"}', 'number', true)).toThrow(refused);
    expect(encode('int4[]', '{1,2}', 'number', true)).toBe('[1,2]');
  });
});

test('any text is refused or becomes valid JSON', () => {
  const types: Name[] = [
    'int4[]',
    'text[]',
    'pair',
    'pair[]',
    'outer',
    'one',
    'hstore',
    'ints[]',
    'timestamptz',
    'bytea',
  ];
  const parts = [
    '{',
    '}',
    '(',
    ')',
    ',',
    '"',
    '\\',
    '=>',
    'NULL',
    '1',
    'a',
    ' ',
    '[1:2]=',
    '\n',
    '2020-01-01 00:00:00+00',
    '\\x',
  ];
  const text = fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((some) => some.join(''));
  fc.assert(
    fc.property(fc.constantFrom(...types), text, (type, value) => {
      try {
        JSON.parse(encode(type, value));
      } catch (error) {
        expect(error).toMatchObject({ code: 'unsupported_value' });
      }
    }),
    { numRuns: 20_000 },
  );
});
