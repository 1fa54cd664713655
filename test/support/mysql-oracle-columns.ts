/** Columns of plain types, and how three readers of the binlog write a value of each: as a JSON fragment in the end. */
import type { Random } from './random.ts';

export interface OracleColumn {
  readonly name: string;
  readonly type: string;
  /** A random value, as SQL. */
  literal(random: Random): string;
  /** `mysqlbinlog -v` → fragment; NULL is not asked for. */
  fromTool(text: string): string;
  /** @vlasky/zongji, with dates as strings → fragment; null is not asked for. Absent where it reads values wrong. */
  readonly fromReader?: (value: unknown) => string;
}

const quote = (text: string): string => JSON.stringify(text);
const asIs = (text: string): string => text;
const plainText = (value: unknown): string => String(value);

/** Without the quotes, and what is escaped: MySQL and MariaDB do it differently, and alike if there is no backslash. */
function bytesOf(text: string): Buffer {
  const inner = text.slice(1, -1);
  const unescaped = inner.replace(/\\(?:x([0-9a-f]{2})|(.))/gs, (_, hex?: string, letter = '') =>
    hex === undefined
      ? ({ n: '\n', r: '\r', t: '\t', 0: '\0' }[letter as string] ?? letter)
      : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(unescaped);
}

function integer(name: string, type: string, values: readonly string[]): OracleColumn {
  const unsigned = /BIGINT UNSIGNED/.test(type);
  return {
    name,
    type,
    literal: (random) => random.pick([...values, String(random.below(100))]),
    // The tool does not know the sign.
    fromTool: unsigned ? (text) => String(BigInt.asUintN(64, BigInt(text))) : asIs,
    fromReader: plainText,
  };
}

function text(name: string, type: string): OracleColumn {
  const words = [
    '',
    'a',
    `it''s`,
    'é 😀',
    'two\\nlines',
    'tab\\there',
    '漢字',
    '100 %',
    'x/y',
    '"q"',
  ];
  return {
    name,
    type,
    literal: (random) => `'${random.pick(words)}${random.pick(words)}'`,
    fromTool: (found) => quote(bytesOf(found).toString()),
    fromReader: (value) => quote(String(value)),
  };
}

type Times = readonly [date: string, time: string];

function temporal(
  name: string,
  type: string,
  format: (parts: Times) => string,
  fragment: (text: string) => string,
): OracleColumn {
  return {
    name,
    type,
    literal: (random) => {
      const two = (from: number, bound: number) =>
        String(from + random.below(bound)).padStart(2, '0');
      const date = `20${two(0, 37)}-${two(1, 12)}-${two(1, 28)}`;
      const time = `${two(0, 24)}:${two(0, 60)}:${two(0, 60)}.${random.pick(['125', '000', '5', '001'])}`;
      return quote(format([date, time]));
    },
    fromTool: (found) => fragment(found.replace(/^'|'$/g, '')),
    fromReader: (value) => fragment(String(value)),
  };
}

function withoutReader({ name, type, literal, fromTool }: OracleColumn): OracleColumn {
  return { name, type, literal, fromTool };
}

const seconds = (text: string): string => {
  if (!/^\d+(\.\d+)?$/.test(text)) return quote(`${text.replace(' ', 'T')}+00:00`);
  const iso = new Date(Math.round(Number(text) * 1000)).toISOString();
  return quote(iso.replace('Z', '+00:00'));
};

const labels = ['a', 'b,c', 'é'];
const members = ['x', 'y', 'z'];

export const oracleColumns: readonly OracleColumn[] = [
  integer('n', 'BIGINT', ['-9223372036854775808', '9007199254740993', '-1']),
  integer('u', 'BIGINT UNSIGNED', ['18446744073709551615', '9223372036854775808']),
  integer('s', 'SMALLINT', ['-32768', '-1', '32767']),
  integer('m', 'MEDIUMINT', ['-8388608', '-1']),
  {
    name: 'd',
    type: 'DECIMAL(30,4)',
    literal: (random) =>
      `${random.pick(['-', ''])}${random.below(1e9)}${random.below(1e9)}.${random.below(1e4)}`,
    fromTool: asIs,
    fromReader: plainText,
  },
  {
    name: 'f',
    type: 'DOUBLE',
    // What has an end in both systems, so that each prints it alike.
    literal: (random) => String((random.below(2_000_000) - 1_000_000) / 8),
    fromTool: (found) => String(Number(found)),
    fromReader: plainText,
  },
  text('t', 'VARCHAR(40) CHARACTER SET utf8mb4'),
  text('x', 'TEXT CHARACTER SET utf8mb4'),
  {
    name: 'b',
    type: 'VARBINARY(20)',
    literal: (random) =>
      `x'${Array.from({ length: random.below(9) }, () => random.pick(['00', '27', '61', '0a', '7f', '20'])).join('')}'`,
    fromTool: (found) => quote(bytesOf(found).toString('base64')),
    fromReader: (value) => quote((value as Buffer).toString('base64')),
  },
  temporal(
    'da',
    'DATE',
    ([date]) => date,
    (found) => quote(found.replaceAll(':', '-')),
  ),
  temporal(
    'dt',
    'DATETIME(3)',
    (parts) => parts.join(' '),
    (found) => quote(found.replace(' ', 'T')),
  ),
  temporal('ti', 'TIME(3)', ([, time]) => time, quote),
  // @vlasky/zongji 0.9.0 reads -16:34:00.000 as -16:33:64.000.
  withoutReader(temporal('tn', 'TIME(3)', ([, time]) => `-${time}`, quote)),
  temporal('ts', 'TIMESTAMP(3) NULL', (parts) => parts.join(' '), seconds),
  {
    name: 'y',
    type: 'YEAR',
    // Both read 0000 as 1900.
    literal: (random) => random.pick(['1901', '2155', '1970', '2024']),
    fromTool: asIs,
    fromReader: plainText,
  },
  {
    name: 'bi',
    type: 'BIT(10)',
    literal: (random) => `b'${random.below(1024).toString(2)}'`,
    fromTool: (found) => String(Number.parseInt(found.slice(2, -1), 2)),
    fromReader: (value) => String((value as Buffer).readUInt16BE()),
  },
  {
    name: 'e',
    type: `ENUM('${labels.join(`','`)}') CHARACTER SET utf8mb4`,
    literal: (random) => `'${random.pick(labels)}'`,
    fromTool: (found) => quote(labels[Number(found) - 1] ?? ''),
    fromReader: (value) => quote(String(value)),
  },
  {
    name: 'st',
    type: `SET('${members.join(`','`)}')`,
    literal: (random) => String(random.below(8)),
    fromTool: (found) => {
      const bits = Number.parseInt(found.slice(2, -1), 2);
      return quote(members.filter((_, bit) => (bits >> bit) & 1).join());
    },
    fromReader: (value) => quote(Array.isArray(value) ? value.join() : String(value)),
  },
];
