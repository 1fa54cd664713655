/** Columns of every type with hostile values, and what a value of each must become by the server's own text (SPEC §6). */
import type { SharedMysql } from './mysql-global-setup.ts';

export interface ValueColumn {
  readonly name: string;
  readonly type: string;
  /** What to ask the server for; `@` stands for the column. */
  readonly ask: string;
  /** The server's answer → the JSON text. */
  expect(text: string): string;
  /** SQL literals. */
  readonly values: readonly string[];
  /** Where the type is known; everywhere without it. */
  readonly only?: readonly SharedMysql[];
}

const asText = 'CAST(@ AS CHAR)';
const asHex = 'HEX(@)';
const asUtf8 = 'HEX(CONVERT(@ USING utf8mb4))';

const digits = (text: string): string => text;
const quoted = (text: string): string => JSON.stringify(text);
const base64 = (hex: string): string => JSON.stringify(Buffer.from(hex, 'hex').toString('base64'));
const unicode = (hex: string): string => JSON.stringify(Buffer.from(hex, 'hex').toString('utf8'));

type Base = readonly [ask: string, expect: (text: string) => string];
const number: Base = [`${asText}`, digits];
const time: Base = [asText, quoted];
const datetime: Base = [asText, (text) => quoted(text.replace(' ', 'T'))];
const timestamp: Base = [asText, (text) => quoted(`${text.replace(' ', 'T')}+00:00`)];
const bytes: Base = [asHex, base64];
const characters: Base = [asUtf8, unicode];

function column(
  type: string,
  [ask, expect]: Base,
  values: readonly string[],
  only?: readonly SharedMysql[],
): Omit<ValueColumn, 'name'> {
  return { type, ask, expect, values, ...(only !== undefined && { only }) };
}

const words = [
  `''`,
  `'plain'`,
  `'quote " back \\\\ slash /'`,
  `'tab\\tnew\\nline'`,
  `'x\\0y'`,
  `'ends '`,
];
const latin = [`''`, `'é ÿ ß'`, `_latin1 x'80A09FFF'`, `'€uro'`];
const now: readonly SharedMysql[] = ['mysql'];
const modern: readonly SharedMysql[] = ['mysql', 'mariadb'];
const maria: readonly SharedMysql[] = ['mariadb'];

const list: readonly Omit<ValueColumn, 'name'>[] = [
  column('TINYINT', number, ['-128', '0', '127']),
  column('TINYINT UNSIGNED', number, ['0', '255']),
  column('SMALLINT', number, ['-32768', '32767']),
  column('SMALLINT UNSIGNED', number, ['65535']),
  column('MEDIUMINT', number, ['-8388608', '8388607']),
  column('MEDIUMINT UNSIGNED', number, ['16777215']),
  column('INT', number, ['-2147483648', '2147483647']),
  column('INT UNSIGNED', number, ['4294967295']),
  column('INT(8) UNSIGNED ZEROFILL', ['CAST(@ + 0 AS CHAR)', digits], ['0', '42']),
  column('BIGINT', number, ['-9223372036854775808', '9223372036854775807', '9007199254740993']),
  column('BIGINT UNSIGNED', number, ['18446744073709551615', '0']),
  column('DECIMAL(65,30)', number, [
    '-0.5',
    '12345678901234567890123456789012345.123456789012345678901234567890',
    '0',
  ]),
  column('DECIMAL(10,0)', number, ['-9999999999', '7']),
  column('DECIMAL(9,9)', number, ['0.000000001', '-0.999999999']),
  column('BIT(1)', ['CAST(@ + 0 AS CHAR)', digits], [`b'1'`, `b'0'`]),
  column('BIT(10)', ['CAST(@ + 0 AS CHAR)', digits], [`b'1000000001'`]),
  column('BIT(64)', ['CAST(@ + 0 AS CHAR)', digits], ['18446744073709551615', '1']),
  column('YEAR', ['CAST(@ + 0 AS CHAR)', digits], ['1901', '2155', '0']),
  column('DATE', time, [
    `'1000-01-01'`,
    `'9999-12-31'`,
    `'0000-00-00'`,
    `'2020-00-00'`,
    `'2020-02-00'`,
  ]),
  column('TIME', time, [`'-838:59:59'`, `'838:59:59'`, `'00:00:00'`, `'-00:00:01'`]),
  column('TIME(1)', time, [`'-00:00:00.1'`, `'12:34:56.7'`]),
  column('TIME(3)', time, [`'-838:59:58.999'`, `'01:02:03.004'`]),
  column('TIME(6)', time, [`'-12:34:56.000001'`, `'838:59:58.999999'`]),
  column('DATETIME', datetime, [
    `'1000-01-01 00:00:00'`,
    `'9999-12-31 23:59:59'`,
    `'0000-00-00 00:00:00'`,
  ]),
  column('DATETIME(1)', datetime, [`'2020-01-01 10:00:00.5'`]),
  column('DATETIME(4)', datetime, [`'2020-00-00 10:00:00.0123'`]),
  column('DATETIME(6)', datetime, [`'2020-02-29 23:59:59.999999'`, `'0000-00-00 00:00:00'`]),
  column('TIMESTAMP NULL', timestamp, [
    `'1970-01-01 00:00:01'`,
    `'2038-01-19 03:14:07'`,
    `'0000-00-00 00:00:00'`,
  ]),
  column('TIMESTAMP(6) NULL', timestamp, [`'2020-03-29 01:30:00.000001'`, `'0000-00-00 00:00:00'`]),
  column('TIMESTAMP(2) NULL', timestamp, [`'2020-03-29 01:30:00.99'`]),
  column('CHAR(30) CHARACTER SET utf8mb4', characters, [...words, `'😀 ä 漢'`]),
  column('VARCHAR(300) CHARACTER SET utf8mb4', characters, [...words, `REPEAT('ä😀', 150)`]),
  column('VARCHAR(40) CHARACTER SET latin1', characters, latin),
  column('CHAR(10) CHARACTER SET latin1', characters, latin),
  column('VARCHAR(40) CHARACTER SET ascii', characters, words),
  column('VARCHAR(40) CHARACTER SET utf16', characters, [`'😀 é'`, `''`]),
  column('VARCHAR(40) CHARACTER SET ucs2', characters, [`'é 漢'`]),
  column('VARCHAR(40) CHARACTER SET utf32', characters, [`'😀'`]),
  column('VARCHAR(40) CHARACTER SET gbk', characters, [`'漢字 a'`]),
  column('VARCHAR(40) CHARACTER SET sjis', characters, [`'漢字 ｱ'`]),
  column('VARCHAR(40) CHARACTER SET cp1251', characters, [`'Привет'`]),
  column('TINYTEXT CHARACTER SET utf8mb4', characters, words),
  column('TEXT CHARACTER SET latin1', characters, latin),
  column('MEDIUMTEXT CHARACTER SET utf8mb4', characters, [`REPEAT('é', 70000)`, `'b'`]),
  column('LONGTEXT CHARACTER SET utf8mb4', characters, words),
  column('BINARY(4)', bytes, [`x'61620000'`, `x'00000000'`, `'ab'`, `x'FF00FF00'`]),
  column('VARBINARY(300)', bytes, [`x''`, `x'00FF00'`, `REPEAT(x'00', 299)`]),
  column('TINYBLOB', bytes, [`x'FE'`]),
  column('BLOB', bytes, [`x''`, `REPEAT(x'80', 1000)`]),
  column('MEDIUMBLOB', bytes, [`x'00'`]),
  column('LONGBLOB', bytes, [`x'27220A5C00'`]),
  column(`ENUM('a,b','it''s','ö','c') CHARACTER SET utf8mb4`, characters, [
    `'a,b'`,
    `'it\\'s'`,
    `'ö'`,
    `4`,
    `'nosuch'`,
  ]),
  column(`ENUM('é','x') CHARACTER SET latin1`, characters, [`'é'`, `'x'`]),
  column(`SET('x','y z','ö','it''s') CHARACTER SET utf8mb4`, characters, [
    `''`,
    `'x,ö'`,
    `'y z,it\\'s'`,
    `15`,
  ]),
  column(`SET('','a','b')`, characters, ['0', '1', '2', '3', '5', '7']),
  column(`SET('a','','b')`, characters, ['0', '2', '3', '5', '7']),
  column(
    'GEOMETRY',
    bytes,
    [`ST_GeomFromText('POINT(1 2)')`, `ST_GeomFromText('LINESTRING(0 0,1 1)', 0)`],
    modern,
  ),
  column('POINT', bytes, [`ST_GeomFromText('POINT(-1.5 2)')`], modern),
  column(
    'JSON',
    [asText, compact],
    [
      `'{"b": 1, "a": [1.10, 1e300, -0.5, true, null], "é😀": "q\\\\"uote\\\\n"}'`,
      `'[]'`,
      `'"text"'`,
      `'18446744073709551615'`,
      `JSON_OBJECT('d', CAST(1.10 AS DECIMAL(5,2)), 't', CAST('12:00:00.5' AS TIME(6)), 'dt', CAST('2020-01-01 10:00:00' AS DATETIME), 'da', DATE'2020-01-01', 'bin', x'00FF')`,
      `JSON_ARRAY(CAST(REPEAT('x', 57) AS BINARY), CAST(REPEAT('x', 58) AS BINARY), CAST(REPEAT('x', 115) AS BINARY))`,
      `'null'`,
    ],
    now,
  ),
  // Values that need no rounding to be floats.
  column('VECTOR(3)', [asHex, floats], [`STRING_TO_VECTOR('[1, -2.5, 0.125]')`], now),
  column('JSON', characters, [`'{"b": 1,   "a": 1.10}'`, `'[]'`], maria),
  column(
    'UUID',
    time,
    [`'03d5ab5b-e6bf-11f1-a6df-02fc00000001'`, `'00000000-0000-0000-0000-000000000000'`],
    maria,
  ),
  column(
    'INET6',
    time,
    [`'::1'`, `'2001:db8::ff00:42:8329'`, `'::ffff:192.0.2.128'`, `'::'`],
    maria,
  ),
  column('INET4', time, [`'0.0.0.0'`, `'255.1.2.3'`], maria),
  // YEAR of 0000 is 1900, which is none.
  column(
    'YEAR(2)',
    [`REPLACE(YEAR(@), '1900', '0')`, digits],
    ['1905', '2005', '1970', '2155', `'0000'`, `'00'`, '1969'],
    maria,
  ),
  column(
    'VARCHAR(100) COMPRESSED CHARACTER SET utf8mb4',
    characters,
    [`''`, `REPEAT('äb', 50)`, `'x'`],
    maria,
  ),
  column('BLOB COMPRESSED', bytes, [`x''`, `REPEAT(x'00FF', 500)`], maria),
  column('INT INVISIBLE', number, ['5'], modern),
];

/** As the server prints it, without the spaces that it puts after `,` and `:`; strings are left alone. */
function compact(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part.startsWith('"') ? part : ''));
}

function floats(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  const numbers = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  return JSON.stringify(numbers);
}

/** FLOAT and DOUBLE are judged by their numbers; see the test. */
export const floatColumns: readonly (readonly [
  name: string,
  type: string,
  values: readonly string[],
])[] = [
  [
    'f',
    'FLOAT',
    ['1.1', '-3.4028234e38', '1.17549435e-38', '16777217', '0.1', '1e-45', '123456.789'],
  ],
  ['f_md', 'FLOAT(7,3)', ['1.1', '-1234.567']],
  [
    'd',
    'DOUBLE',
    [
      '0.1',
      '1.7976931348623157e308',
      '2.2250738585072014e-308',
      '1e15',
      '1e16',
      '123456789012345.6',
      '1e-7',
    ],
  ],
  ['d_md', 'DOUBLE(10,2)', ['1.1', '-99999999.99']],
];

export function valueColumns(server: SharedMysql): readonly ValueColumn[] {
  return list
    .filter(({ only }) => only === undefined || only.includes(server))
    .map((column, index) => ({ name: `c${index}`, ...column }));
}
