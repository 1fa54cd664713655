/** What etcd should hold for a table of MySQL or MariaDB, by the server's own text (SPEC §6). */
import type { MysqlTestDatabase } from './mysql-database.ts';
import { type ExpectedTable, keyPart } from './source-rows.ts';

interface Column {
  readonly name: string;
  readonly type: string;
  readonly isJson: boolean;
}

/** What every key of the table begins with, where the template is `prefix{schema}/{table}/{key}`. */
export function mysqlKeyBase(prefix: string, database: MysqlTestDatabase, table: string): string {
  const [schema, name] = table.includes('.') ? table.split('.', 2) : [database.name, table];
  return `${prefix}${keyPart(schema ?? '')}/${keyPart(name ?? '')}/`;
}

/**
 * Key → JSON of every row of now. Float columns hold what six digits can say.
 * @param expected `columns`: their names, with commas between them
 */
export async function mysqlRows(
  prefix: string,
  database: MysqlTestDatabase,
  expected: ExpectedTable,
): Promise<Map<string, string>> {
  const { table } = expected;
  const [schema = '', name = ''] = table.includes('.')
    ? table.split('.', 2)
    : [database.name, table];
  const columns = await columnsOf(database, schema, name);
  const key = expected.key ?? (await primaryKey(database, schema, name));
  const asked = columns.map((column, at) => `${ask(column)} AS c${at}`).join(', ');
  const rows = await database.query<Record<string, string | null>>(
    `SELECT ${asked} FROM ${quote(schema)}.${quote(name)}`,
  );
  const base = expected.base ?? mysqlKeyBase(prefix, database, table);
  const wanted = expected.columns?.split(',').map((column) => column.trim());
  return new Map(
    rows.map((row) => {
      const texts = columns.map((_, at) => row[`c${at}`] ?? null);
      const parts = key.map((part) => {
        const at = columns.findIndex((column) => column.name === part);
        return keyPart(keyText(columns[at] as Column, texts[at] ?? ''));
      });
      const members = columns.map(
        (column, at) => `${JSON.stringify(column.name)}:${json(column, texts[at] ?? null)}`,
      );
      const written = members.filter((_, at) => wanted?.includes(columns[at]?.name ?? '') ?? true);
      return [base + parts.join('/'), `{${written.join(',')}}`];
    }),
  );
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

async function primaryKey(
  database: MysqlTestDatabase,
  schema: string,
  table: string,
): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.key_column_usage
     WHERE table_schema = ? AND table_name = ? AND constraint_name = 'PRIMARY' ORDER BY ordinal_position`,
    [schema, table],
  );
  return rows.map(({ name }) => name);
}

async function columnsOf(
  database: MysqlTestDatabase,
  schema: string,
  table: string,
): Promise<readonly Column[]> {
  const rows = await database.query<{ name: string; type: string }>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`,
    [schema, table],
  );
  return rows.map(({ name, type }) => ({ name, type, isJson: type === 'json' }));
}

const numbers = /^(?:tinyint|smallint|mediumint|int|bigint|decimal|year|bit|float|double)$/;
const bytes = /^(?:binary|varbinary|tinyblob|blob|mediumblob|longblob|geometry|point)$/;

function ask({ name, type }: Column): string {
  const column = quote(name);
  if (type === 'bit' || type === 'year') return `CAST(${column} + 0 AS CHAR)`;
  if (bytes.test(type)) return `HEX(${column})`;
  return `CAST(${column} AS CHAR)`;
}

function json({ type, isJson }: Column, text: string | null): string {
  if (text === null) return 'null';
  if (numbers.test(type)) return text;
  if (isJson) return text;
  if (bytes.test(type)) return JSON.stringify(Buffer.from(text, 'hex').toString('base64'));
  if (type === 'datetime') return JSON.stringify(text.replace(' ', 'T'));
  if (type === 'timestamp') return JSON.stringify(`${text.replace(' ', 'T')}+00:00`);
  return JSON.stringify(text);
}

function keyText({ type }: Column, text: string): string {
  if (bytes.test(type)) return text.toLowerCase();
  if (type === 'datetime') return text.replace(' ', 'T');
  if (type === 'timestamp') return `${text.replace(' ', 'T')}+00:00`;
  return text;
}
