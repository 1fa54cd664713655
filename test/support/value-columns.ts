/** One column for each type of SPEC §6: the texts that have broken programs, and random ones. */
import type { TextOf } from './random-values.ts';
import * as of from './random-values.ts';

export interface ValueColumn {
  readonly type: string;
  readonly hostile: readonly string[];
  readonly random: TextOf;
  /** The first version that has the type (server_version_num). */
  readonly since?: number;
  readonly extension?: string;
}

/** Everything that the columns need, made before the table. */
export const valueTypes = [
  `CREATE TYPE mood AS ENUM ('ok', 'so, so', 'say "hi"', 'back\\slash', '{}', '(x)', 'NULL', '')`,
  'CREATE TYPE pair AS (x int, "the ""y""" text)',
  'CREATE TYPE mixed AS (p pair, q pair[], gone int, n numeric, t timestamptz, b bool, j json, m mood[])',
  'ALTER TYPE mixed DROP ATTRIBUTE gone',
  'CREATE TYPE one AS (a text)',
  'CREATE TYPE blank AS ()',
  'CREATE DOMAIN positive AS int CHECK (VALUE > 0)',
  'CREATE DOMAIN exact AS numeric(20, 4)',
  'CREATE DOMAIN exacter AS exact NOT NULL',
  'CREATE DOMAIN big AS int8',
  'CREATE DOMAIN ints AS int[]',
  'CREATE DOMAIN some_pair AS pair',
  'CREATE DOMAIN moment AS timestamptz',
  'CREATE TYPE texts AS RANGE (subtype = text)',
];

const minMax = (bits: number) => {
  const half = 2n ** BigInt(bits - 1);
  return [String(-half), String(half - 1n), '0', '-1'];
};

const texts = [
  '',
  ' ',
  'NULL',
  'null',
  '\\N',
  '\\',
  '"',
  "'",
  'a"b',
  'a\\b',
  '\t\n\r\b\f\v',
  '\u0001\u001f\u007f',
  '🙂',
  '\u2028\u2029',
  '\ufeffx',
  'é',
  '{}',
  '(,)',
  '[1:2]={}',
  '\\x00',
  'x'.repeat(300),
  'ü'.repeat(300),
];
const dates = [
  '4713-01-01 BC',
  '0044-03-15 BC',
  '0001-01-01',
  '9999-12-31',
  '10000-01-01',
  '5874897-12-31',
  'infinity',
  '-infinity',
];
const stamps = [
  '4714-11-24 00:00:00 BC',
  '0001-12-31 23:59:59.999999 BC',
  '0001-01-01 00:00:00',
  '294276-12-31 23:59:59.999999',
  '2020-01-01 00:00:00',
  '2020-01-01 10:00:00.5',
  '2020-02-29 23:59:60',
  '1999-01-01 00:00:00.000001',
  'infinity',
  '-infinity',
];
const point: TextOf = (random) => `(${of.float(random)},${of.float(random)})`;
const pair = of.rowOf(of.integer(32), of.text);
const mood: TextOf = (random) =>
  of.pick(random, ['ok', 'so, so', 'say "hi"', 'back\\slash', '{}', '(x)', 'NULL', '']);
const sortedInts = (random: of.Random): [string, string] => {
  const low = of.int(random, -1000, 1000);
  return [String(low), String(low + of.int(random, 1, 50))];
};
const sortedStamps = (random: of.Random): [string, string] => [
  `"${of.pick(random, ['2020-01-01 00:00:00+02', '0044-03-15 00:00:00+00 BC'])}"`,
  `"2021-05-05 05:05:05.${of.int(random, 1, 999)}+00"`,
];
const byteText: TextOf = (random) => `\\x${of.hex(of.int(random, 0, 20))(random)}`;
const uuid: TextOf = (random) => of.hex(16)(random);
const bits: TextOf = (random) => of.int(random, 0, 255).toString(2).padStart(8, '0');
const address: TextOf = (random) => `10.${of.int(random, 0, 255)}.0.${of.int(random, 0, 255)}`;
const lsn: TextOf = (random) => `${of.hex(2)(random)}/${of.hex(4)(random)}`;
const wide: TextOf = (random) => `${of.int(random, 0, 4_294_967_295)}`;
const word = of.word;

export const valueColumns: readonly ValueColumn[] = [
  { type: 'bool', hostile: ['t', 'f'], random: (r) => of.pick(r, ['t', 'f']) },
  { type: 'int2', hostile: minMax(16), random: of.integer(16) },
  { type: 'int4', hostile: minMax(32), random: of.integer(32) },
  { type: 'int8', hostile: [...minMax(64), '9007199254740993'], random: of.integer(64) },
  {
    type: 'numeric',
    hostile: [
      '1e400',
      '-1e-400',
      '0',
      '-0',
      '0.000',
      'NaN',
      '1.10',
      `${'9'.repeat(1000)}.${'1'.repeat(500)}`,
    ],
    random: of.numeric,
  },
  { type: 'numeric', since: 140_000, hostile: ['Infinity', '-Infinity'], random: of.numeric },
  {
    type: 'numeric(65,30)',
    hostile: ['1', '-12345678901234567890123456789012345.123456789012345678901234567891'],
    random: of.float,
  },
  {
    type: 'float4',
    hostile: [
      '1.1',
      '1e-7',
      '3.4028235e38',
      '1e-45',
      '-0',
      'NaN',
      'Infinity',
      '-Infinity',
      '16777217',
    ],
    random: of.float,
  },
  {
    type: 'float8',
    hostile: [
      '1.1',
      '1e-7',
      '5e-324',
      '1.7976931348623157e308',
      '-0',
      'NaN',
      'Infinity',
      '-Infinity',
      '1e20',
      '0.1',
      '123456789012345680',
    ],
    random: of.float,
  },
  {
    type: 'money',
    hostile: ['0', '-1234567.89'],
    random: (r) => `${of.int(r, -100_000, 100_000) / 100}`,
  },
  { type: 'oid', hostile: ['0', '4294967295'], random: wide },
  { type: 'xid', hostile: ['3'], random: wide },
  { type: 'xid8', since: 130_000, hostile: ['18446744073709551615'], random: wide },
  { type: 'cid', hostile: ['1'], random: wide },
  { type: 'tid', hostile: ['(0,1)'], random: (r) => `(${of.int(r, 0, 9)},${of.int(r, 1, 9)})` },
  { type: 'regclass', hostile: ['pg_class', '-', '0'], random: () => 'pg_type' },
  { type: 'regtype', hostile: ['timestamp with time zone', 'pair[]'], random: () => 'int4' },
  { type: 'pg_lsn', hostile: ['0/0', 'FFFFFFFF/FFFFFFFF'], random: lsn },
  { type: 'text', hostile: texts, random: of.text },
  { type: 'varchar(400)', hostile: texts, random: of.text },
  { type: 'char(8)', hostile: ['', ' ', 'a', 'é"'], random: word },
  { type: '"char"', hostile: ['"', '\\', ''], random: (r) => of.pick(r, ['a', ',', '{']) },
  { type: 'name', hostile: ['a "b"', ''], random: word },
  { type: 'bytea', hostile: ['\\x', '\\x00', '\\x5c22ff'], random: byteText },
  { type: 'date', hostile: dates, random: of.date },
  { type: 'time', hostile: ['00:00:00', '24:00:00', '23:59:59.999999'], random: of.time },
  {
    type: 'timetz',
    hostile: ['24:00:00-15:59', '00:00:00.1+05:30'],
    random: (r) => of.time(r) + of.zone(r),
  },
  { type: 'timestamp', hostile: stamps, random: of.timestamp },
  { type: 'timestamp(3)', hostile: ['2020-01-01 00:00:00.1239'], random: of.timestamp },
  {
    type: 'timestamptz',
    hostile: [...stamps.slice(1), '2020-06-01 12:00:00+05:45', '2020-06-01 12:00:00 Europe/Berlin'],
    random: of.timestamptz,
  },
  {
    type: 'interval',
    hostile: [
      '0',
      '1 year -2 mons +3 days -04:05:06.7',
      '-178000000 years',
      '100:00:00.000001',
      '-1 day +1 second',
    ],
    random: of.interval,
  },
  { type: 'uuid', hostile: ['00000000-0000-0000-0000-000000000000'], random: uuid },
  {
    type: 'json',
    hostile: [
      ' {"a" : 1.0,\n "a": 12345678901234567890123456789.10} ',
      'null',
      '"x\\u00e9\\ud83d\\ude42"',
      '[ ]',
      '1e400',
      '-0.0',
    ],
    random: of.json,
  },
  {
    type: 'jsonb',
    hostile: ['{"b": 1.00, "a": 1e3, "a": 12345678901234567890.50}', 'null', '"NULL"', '[]', '{}'],
    random: of.json,
  },
  { type: 'jsonpath', since: 120_000, hostile: ['$."a b"[*] ? (@ > 1)'], random: () => '$.x' },
  {
    type: 'xml',
    hostile: ['<a b="c">&lt;\n</a>', '<?xml version="1.0"?><x/>', 'just text'],
    random: (r) => `<a>${word(r)}</a>`,
  },
  { type: 'bit(8)', hostile: ['00000000', '11111111'], random: bits },
  { type: 'bit varying', hostile: ['', '1'], random: bits },
  { type: 'inet', hostile: ['::1', '192.168.0.1/24', '::ffff:1.2.3.4'], random: address },
  {
    type: 'cidr',
    hostile: ['10.0.0.0/8', '2001:db8::/32'],
    random: (r) => `10.${of.int(r, 0, 9)}.0.0/16`,
  },
  { type: 'macaddr', hostile: ['00:00:00:00:00:00'], random: of.hex(6) },
  { type: 'macaddr8', hostile: ['08:00:2b:01:02:03:04:05'], random: of.hex(8) },
  { type: 'tsvector', hostile: ['', `'a''b':1A 'c\\\\d':2 '"'`], random: word },
  { type: 'tsquery', hostile: [`'a' & !'b c'`], random: word },
  { type: 'point', hostile: ['(1.1,-0)', '(NaN,Infinity)'], random: point },
  { type: 'line', hostile: ['{1,-1,0}'], random: () => '[(0,0),(1,1)]' },
  { type: 'lseg', hostile: ['[(0,0),(1,1)]'], random: (r) => `[${point(r)},${point(r)}]` },
  { type: 'box', hostile: ['(1,1),(0,0)'], random: (r) => `${point(r)},${point(r)}` },
  {
    type: 'path',
    hostile: ['[(0,0),(1,1)]', '((0,0),(1,1))'],
    random: (r) => `[${point(r)},${point(r)}]`,
  },
  { type: 'polygon', hostile: ['((0,0),(1,1),(2,0))'], random: (r) => `(${point(r)},${point(r)})` },
  { type: 'circle', hostile: ['<(0,0),0>'], random: (r) => `<${point(r)},${of.int(r, 0, 9)}>` },
  { type: 'mood', hostile: ['so, so', 'say "hi"', 'back\\slash', '{}', 'NULL', ''], random: mood },
  { type: 'int4range', hostile: ['empty', '(,)', '[1,5]'], random: of.rangeOf(sortedInts) },
  {
    type: 'tstzrange',
    hostile: ['[2020-01-01 00:00:00+02,infinity)', '[-infinity,)'],
    random: of.rangeOf(sortedStamps),
  },
  { type: 'texts', hostile: ['["a,b","c""d")', '["","\\\\"]'], random: (r) => `[a,z${word(r)}]` },
  {
    type: 'tstzmultirange',
    since: 140_000,
    hostile: ['{}', '{[2020-01-01,2020-01-02),[2021-01-01,)}'],
    random: () => '{(,2020-01-01)}',
  },
  { type: 'positive', hostile: ['1'], random: (r) => `${of.int(r, 1, 999)}` },
  { type: 'exact', hostile: ['1', 'NaN'], random: (r) => `${of.int(r, -999, 999)}.5` },
  { type: 'big', hostile: minMax(64), random: of.integer(64) },
  { type: 'moment', hostile: ['infinity', '2020-01-01 00:00:00+02'], random: of.timestamptz },
  { type: 'ints', hostile: ['{}', '[0:1]={1,NULL}'], random: of.arrayOf(of.integer(32)) },
  { type: 'some_pair', hostile: ['(,)', '(1,"")'], random: pair },
  {
    type: 'pair',
    hostile: ['(,)', '(1,NULL)', '(1,"a ""b"" \\\\ (,) {}")', '(1," ")'],
    random: pair,
  },
  { type: 'one', hostile: ['()', '("")', '("(")'], random: of.rowOf(of.text) },
  { type: 'blank', hostile: ['()'], random: () => '()' },
  {
    type: 'mixed',
    hostile: [
      '(,,,,,,)',
      of.quotedRow([
        '(1,"x ""y"" \\\\")',
        '{"(1,\\"a,\\"\\"b\\"\\"{}\\")",NULL}',
        '1.50',
        '2020-01-01 00:00:00+02',
        't',
        ' {"a" : 1.0}',
        '{"so, so",NULL}',
      ]),
    ],
    random: of.rowOf(
      pair,
      of.arrayOf(pair),
      of.numeric,
      of.timestamptz,
      (r) => of.pick(r, ['t', 'f']),
      of.json,
      of.arrayOf(mood),
    ),
  },
  { type: 'bool[]', hostile: ['{}', '{t,f,NULL}'], random: of.arrayOf(() => 't') },
  {
    type: 'int2[]',
    hostile: ['[2:4]={1,2,3}', '[-2:-1][5:5]={{1},{2}}'],
    random: of.arrayOf(of.integer(16)),
  },
  {
    type: 'int8[]',
    hostile: ['{{{1,2},{3,4}},{{5,6},{7,9223372036854775807}}}'],
    random: of.arrayOf(of.integer(64)),
  },
  { type: 'numeric[]', hostile: ['{NaN,1.10,1e400}'], random: of.arrayOf(of.numeric) },
  { type: 'float8[]', hostile: ['{NaN,-0,5e-324,Infinity}'], random: of.arrayOf(of.float) },
  {
    type: 'text[]',
    hostile: ['{NULL,"NULL","null",""," "}', of.quotedArray(texts)],
    random: of.arrayOf(of.text),
  },
  { type: 'bytea[]', hostile: ['{"\\\\x00"}'], random: of.arrayOf(byteText) },
  { type: 'date[]', hostile: [of.quotedArray(dates)], random: of.arrayOf(of.date) },
  { type: 'timestamp[]', hostile: [of.quotedArray(stamps)], random: of.arrayOf(of.timestamp) },
  {
    type: 'timestamptz[]',
    hostile: [of.quotedArray(stamps.slice(1))],
    random: of.arrayOf(of.timestamptz),
  },
  { type: 'json[]', hostile: ['{"{\\"a\\" :  [1.0]}",NULL,"null"}'], random: of.arrayOf(of.json) },
  { type: 'jsonb[]', hostile: ['{"\\"\\\\\\"\\""}'], random: of.arrayOf(of.json) },
  {
    type: 'box[]',
    hostile: ['{(1,1),(0,0);(2,2),(1,1)}', '{NULL}'],
    random: of.arrayOf((r) => `${point(r)},${point(r)}`, ';'),
  },
  { type: 'point[]', hostile: ['{"(1,1)",NULL}'], random: of.arrayOf(point) },
  { type: 'mood[]', hostile: ['{}', '{"so, so","NULL",NULL}'], random: of.arrayOf(mood) },
  {
    type: 'pair[]',
    hostile: ['{"(1,\\"a,\\"\\"b\\"\\"\\")",NULL,"(,)"}'],
    random: of.arrayOf(pair),
  },
  {
    type: 'ints[]',
    hostile: ['{"{1,2}","{}",NULL,"[2:2]={5}"}'],
    since: 110_000,
    random: of.arrayOf(of.arrayOf(of.integer(32))),
  },
  { type: 'some_pair[]', since: 110_000, hostile: ['{"(1,x)"}'], random: of.arrayOf(pair) },
  {
    type: 'tstzrange[]',
    hostile: ['{"[\\"2020-01-01 00:00:00+02\\",)"}'],
    random: of.arrayOf(of.rangeOf(sortedStamps)),
  },
  { type: 'oid[]', hostile: ['{1,4294967295}'], random: of.arrayOf(wide) },
  { type: 'int2vector', hostile: ['', '1', '1 -2 3'], random: (r) => `${of.int(r, 0, 9)} 7` },
  { type: 'oidvector', hostile: ['', '4294967295 1'], random: wide },
  { type: 'int2vector[]', hostile: ['{"1 2","",3}'], random: () => '{"1 2"}' },
  {
    type: 'hstore',
    extension: 'hstore',
    hostile: ['', 'a=>NULL,"NULL"=>"NULL"', '"a\\"b\\\\"=>"=>, {"'],
    random: (r) => `a=>"${word(r)}",${word(r)}=>NULL`,
  },
  {
    type: 'hstore[]',
    extension: 'hstore',
    hostile: ['{"\\"a\\"=>\\"1\\"",""}'],
    random: of.arrayOf((r) => `a=>${word(r)}`),
  },
  { type: 'citext', extension: 'citext', hostile: texts, random: of.text },
  { type: 'ltree', extension: 'ltree', hostile: ['', 'a.b.c'], random: word },
  { type: 'cube', extension: 'cube', hostile: ['(1,2),(3,4)'], random: () => '(0)' },
];
