import { describe, expect, test } from 'vitest';
import { type PgType, TypeCatalog } from '../../../../src/drivers/postgres/types.ts';
import { fragmentEncoder, keyText } from '../../../../src/drivers/postgres/values.ts';
import { WatcherError } from '../../../../src/errors.ts';

const base = (oid: number, name: string): PgType => ({ kind: 'base', oid, name });
const array = (oid: number, element: number, delimiter = ','): PgType => ({
  kind: 'array',
  oid,
  name: `public._${element}`,
  element,
  delimiter,
});
const domain = (oid: number, baseType: number): PgType => ({
  kind: 'domain',
  oid,
  name: `public.d${oid}`,
  baseType,
});

const names = {
  bool: 16,
  bytea: 17,
  char: 18,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  box: 603,
  inet: 869,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  jsonb: 3802,
  uuid: 2950,
  xml: 142,
} as const;

const oids = {
  ...names,
  int2vector: 22,
  oidvector: 30,
  'int4[]': 1007,
  'text[]': 1009,
  'box[]': 1020,
  'int8[]': 1016,
  'json[]': 199,
  'bytea[]': 1001,
  'int2vector[]': 1006,
  'timestamptz[]': 1185,
  mood: 20001,
  int4range: 3904,
  int4multirange: 4451,
  hstore: 20002,
  pair: 20010,
  'pair[]': 20011,
  outer: 20012,
  none: 20013,
  one: 20014,
  positive: 20020,
  exact: 20021,
  exacter: 20022,
  ints: 20023,
  somePair: 20024,
  'ints[]': 20025,
  bytes: 20026,
} as const;

const catalog = new TypeCatalog([
  ...Object.entries(names).map(([name, oid]) => base(oid, `pg_catalog.${name}`)),
  { kind: 'vector', oid: 22, name: 'pg_catalog.int2vector', element: 21 },
  { kind: 'vector', oid: 30, name: 'pg_catalog.oidvector', element: 26 },
  array(1007, 23),
  array(1009, 25),
  array(1020, 603, ';'),
  array(1016, 20),
  array(199, 114),
  array(1001, 17),
  array(1006, 22),
  array(1185, 1184),
  { kind: 'enum', oid: 20001, name: 'public.mood' },
  { kind: 'hstore', oid: 20002, name: 'public.hstore' },
  { kind: 'range', oid: 3904, name: 'pg_catalog.int4range' },
  { kind: 'multirange', oid: 4451, name: 'pg_catalog.int4multirange' },
  {
    kind: 'composite',
    oid: 20010,
    name: 'public.pair',
    attributes: [
      { name: 'x', typeOid: 23 },
      { name: 'the "y"', typeOid: 25 },
    ],
  },
  array(20011, 20010),
  {
    kind: 'composite',
    oid: 20012,
    name: 'public.outer',
    attributes: [
      { name: 'p', typeOid: 20010 },
      { name: 'q', typeOid: 20011 },
      { name: 'n', typeOid: 1700 },
    ],
  },
  { kind: 'composite', oid: 20013, name: 'public.none', attributes: [] },
  { kind: 'composite', oid: 20014, name: 'public.one', attributes: [{ name: 'a', typeOid: 25 }] },
  domain(20020, 23),
  domain(20021, 1700),
  domain(20022, 20021),
  domain(20023, 1007),
  domain(20024, 20010),
  array(20025, 20023),
  domain(20026, 17),
]);

type Name = keyof typeof oids;

const encode = (type: Name, text: string, numbers: 'number' | 'string' = 'number', key = false) =>
  fragmentEncoder(catalog.get(oids[type]), catalog, { numbers, key })(text);

test.each<[Name, string, string]>([
  ['bool', 't', 'true'],
  ['bool', 'f', 'false'],
  ['int2', '-32768', '-32768'],
  ['int4', '0', '0'],
  ['int8', '9223372036854775807', '9223372036854775807'],
  ['numeric', '-0.00', '-0.00'],
  ['numeric', `1${'0'.repeat(400)}`, `1${'0'.repeat(400)}`],
  ['numeric', 'NaN', '"NaN"'],
  ['numeric', '-Infinity', '"-Infinity"'],
  ['float4', '1.1', '1.1'],
  ['float8', '1e-07', '1e-07'],
  ['float8', '5e-324', '5e-324'],
  ['float8', '1.7976931348623157e+308', '1.7976931348623157e+308'],
  ['float8', '-0', '-0'],
  ['float8', 'Infinity', '"Infinity"'],
  ['oid', '4294967295', '"4294967295"'],
  ['char', '"', '"\\""'],
  ['text', '', '""'],
  ['text', 'plain text', '"plain text"'],
  ['text', 'a"b\\c/\n\u0001\u2028🙂', '"a\\"b\\\\c/\\n\\u0001\u2028🙂"'],
  ['text', 'NULL', '"NULL"'],
  ['bytea', '\\x', '"\\\\x"'],
  ['bytea', '\\x00ff', '"\\\\x00ff"'],
  ['date', '2020-02-29', '"2020-02-29"'],
  ['date', '4713-01-01 BC', '"4713-01-01 BC"'],
  ['date', '5874897-12-31', '"5874897-12-31"'],
  ['date', '-infinity', '"-infinity"'],
  ['time', '24:00:00', '"24:00:00"'],
  ['timestamp', '2020-01-01 10:00:00', '"2020-01-01T10:00:00"'],
  ['timestamp', '2020-01-01 10:00:00.5', '"2020-01-01T10:00:00.5"'],
  ['timestamp', '294276-12-31 23:59:59.999999', '"294276-12-31T23:59:59.999999"'],
  ['timestamp', '4714-11-24 00:00:00 BC', '"4714-11-24T00:00:00 BC"'],
  ['timestamp', 'infinity', '"infinity"'],
  ['timestamptz', '2020-01-01 00:00:00+00', '"2020-01-01T00:00:00+00:00"'],
  ['timestamptz', '10000-01-01 00:00:00.000001+00', '"10000-01-01T00:00:00.000001+00:00"'],
  ['timestamptz', '0044-03-15 12:00:00.25+00 BC', '"0044-03-15T12:00:00.25+00:00 BC"'],
  ['timestamptz', '-infinity', '"-infinity"'],
  ['interval', '1 year -2 mons +3 days -04:05:06.7', '"1 year -2 mons +3 days -04:05:06.7"'],
  [
    'json',
    '{"a" : 1.0, "a": 123456789012345678901234567890}',
    '{"a" : 1.0, "a": 123456789012345678901234567890}',
  ],
  ['jsonb', 'null', 'null'],
  ['mood', 'so, "so"', '"so, \\"so\\""'],
  ['int4range', '[1,5)', '"[1,5)"'],
  ['int4multirange', '{[1,2),[3,4)}', '"{[1,2),[3,4)}"'],
  ['uuid', '550e8400-e29b-41d4-a716-446655440000', '"550e8400-e29b-41d4-a716-446655440000"'],
  ['int2vector', '', '[]'],
  ['int2vector', '1 2 -3', '[1,2,-3]'],
  ['oidvector', '1 4294967295', '["1","4294967295"]'],
  ['int2vector[]', '{"1 2",3,""}', '[[1,2],[3],[]]'],
  ['int4[]', '{}', '[]'],
  ['int4[]', '{1,NULL,-3}', '[1,null,-3]'],
  ['int4[]', '[2:4]={1,2,3}', '[1,2,3]'],
  ['int4[]', '[-1:0][2:2]={{1},{2}}', '[[1],[2]]'],
  ['int4[]', '{{{1,2},{3,4}},{{5,6},{7,8}}}', '[[[1,2],[3,4]],[[5,6],[7,8]]]'],
  ['text[]', '{NULL,"NULL","null",a b,"",é}', '[null,"NULL","null","a b","","é"]'],
  [
    'text[]',
    '{"a,b","{}","\\"","\\\\","x\\\\\\"y","\n"}',
    '["a,b","{}","\\"","\\\\","x\\\\\\"y","\\n"]',
  ],
  ['text[]', '{"[2:3]={}"}', '["[2:3]={}"]'],
  ['box[]', '{(1,2),(0,0);(3,4),(1,1)}', '["(1,2),(0,0)","(3,4),(1,1)"]'],
  ['json[]', '{"{\\"a\\": [1, 2.50]}",3}', '[{"a": [1, 2.50]},3]'],
  ['bytea[]', '{"\\\\x00",NULL}', '["\\\\x00",null]'],
  [
    'timestamptz[]',
    '{"2020-01-01 00:00:00+00",infinity}',
    '["2020-01-01T00:00:00+00:00","infinity"]',
  ],
  ['pair', '(1,a)', '{"x":1,"the \\"y\\"":"a"}'],
  ['pair', '(,)', '{"x":null,"the \\"y\\"":null}'],
  ['pair', '(1,"")', '{"x":1,"the \\"y\\"":""}'],
  ['pair', '(1,"a ""b"" \\\\ (,)")', '{"x":1,"the \\"y\\"":"a \\"b\\" \\\\ (,)"}'],
  ['none', '()', '{}'],
  ['one', '()', '{"a":null}'],
  [
    'pair[]',
    '{"(1,\\"a,\\"\\"b\\")",NULL,"(,)"}',
    '[{"x":1,"the \\"y\\"":"a,\\"b"},null,{"x":null,"the \\"y\\"":null}]',
  ],
  [
    'outer',
    '("(1,""a """"q"""" \\\\\\\\"")","{""(2,NULL)"",NULL}",1.50)',
    '{"p":{"x":1,"the \\"y\\"":"a \\"q\\" \\\\"},"q":[{"x":2,"the \\"y\\"":"NULL"},null],"n":1.50}',
  ],
  ['positive', '5', '5'],
  ['exacter', '5.0', '5.0'],
  ['ints', '{1,2}', '[1,2]'],
  ['ints[]', '{"{1,2}","{}",NULL}', '[[1,2],[],null]'],
  ['somePair', '(1,x)', '{"x":1,"the \\"y\\"":"x"}'],
  ['hstore', '', '{}'],
  ['hstore', '"a"=>"1", "b"=>NULL, "c"=>"NULL"', '{"a":"1","b":null,"c":"NULL"}'],
  ['hstore', '"a\\"\\\\, "=>"=>\\"", ""=>""', '{"a\\"\\\\, ":"=>\\"","":""}'],
])('%s %s', (type, text, fragment) => {
  expect(encode(type, text)).toBe(fragment);
  expect(() => JSON.parse(fragment)).not.toThrow();
});

test.each<[Name, string, string]>([
  ['int8', '1', '"1"'],
  ['numeric', '1.50', '"1.50"'],
  ['numeric', 'NaN', '"NaN"'],
  ['exacter', '1.50', '"1.50"'],
  ['int4', '1', '1'],
  ['float8', '1.5', '1.5'],
  ['int8[]', '{1}', '[1]'],
  ['outer', '(,,1.5)', '{"p":null,"q":null,"n":1.5}'],
])('numbers as strings: %s %s', (type, text, fragment) => {
  expect(encode(type, text, 'string')).toBe(fragment);
});

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

test('a signature changes with what a type is made of, and not with its names in the catalog', () => {
  expect(catalog.signature(oids.exacter)).toBe(catalog.signature(oids.numeric));
  expect(catalog.signature(oids.ints)).toBe(catalog.signature(oids['int4[]']));
  const altered = new TypeCatalog([
    base(23, 'int4'),
    base(25, 'text'),
    {
      kind: 'composite',
      oid: oids.pair,
      name: 'public.pair',
      attributes: [
        { name: 'x', typeOid: 23 },
        { name: 'y', typeOid: 25 },
      ],
    },
  ]);
  expect(altered.signature(oids.pair)).not.toBe(catalog.signature(oids.pair));
});
