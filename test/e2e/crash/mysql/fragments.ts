/** Text of a value, by the servers' own tools → the JSON that etcd is to hold (SPEC §6). */
import type { Column } from './schema.ts';

export type Row = readonly string[];

export function jsonOf(columns: readonly Column[], row: Row): string {
  const members = columns.map(({ name }, at) => `${JSON.stringify(name)}:${row[at]}`);
  return `{${members.join(',')}}`;
}

/** @param text of CAST(… AS CHAR) */
export function fromSelect({ kind }: Column, text: string | null): string {
  if (text === null) return 'null';
  if (kind === 'text' || kind === 'date') return JSON.stringify(text);
  if (kind === 'datetime') return JSON.stringify(text.replace(' ', 'T'));
  return text;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', 0: '\0', Z: '\x1a' };

/** MySQL's mysqlbinlog writes `\n` and `\'`; MariaDB's writes `\x0a`, and quotes and backslashes as they are. */
const unescapedBy = {
  mysql: (text: string) =>
    text.replaceAll(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter),
  mariadb: (text: string) =>
    text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
} as const;

/** @param text what stands behind `@1=` in the output of `mysqlbinlog -v` */
export function fromLog({ kind }: Column, text: string, tool: keyof typeof unescapedBy): string {
  if (text === 'NULL') return 'null';
  switch (kind) {
    case 'integer':
      // A negative one is followed by what it would be without a sign.
      return text.replace(/ \(\d+\)$/, '');
    case 'unsigned':
      return / \((\d+)\)$/.exec(text)?.[1] ?? text;
    case 'decimal':
      return text;
    case 'date':
      return JSON.stringify(unquoted(text).replaceAll(':', '-'));
    case 'datetime':
      return JSON.stringify(unquoted(text).replace(' ', 'T'));
    case 'text':
      return JSON.stringify(unescapedBy[tool](unquoted(text)));
    default:
      return kind satisfies never;
  }
}

function unquoted(text: string): string {
  if (!/^'.*'$/s.test(text)) throw new Error(`the oracle does not understand ${text}`);
  return text.slice(1, -1);
}
