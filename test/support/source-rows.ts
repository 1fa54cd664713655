/** What etcd should hold for a table, by PostgreSQL's own JSON, and how it differs from what etcd holds. */

import type { TestDatabase } from './database.ts';
import { jsonTokens } from './json-tokens.ts';

export interface ExpectedTable {
  /** What every key of the table begins with; `prefix/schema/table/` without it. */
  readonly base?: string;
  /** `schema.table` as it stands in keys; `public` without a dot. */
  readonly table: string;
  /** What stands after FROM; the quoted table name without it, and for a plain table without its children. */
  readonly from?: string;
  /** Columns of the value, as SQL; all of them without it. */
  readonly columns?: string;
  /** Key columns by name, in key order; those of the primary key without it. */
  readonly key?: readonly string[];
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function primaryKey(database: TestDatabase, relation: string): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT a.attname AS name FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, ord), pg_attribute a
     WHERE i.indrelid = $1::regclass AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY ord`,
    [relation],
  );
  return rows.map(({ name }) => name);
}

async function only(database: TestDatabase, relation: string): Promise<string> {
  const [row] = await database.query(`SELECT relkind FROM pg_class WHERE oid = $1::regclass`, [
    relation,
  ]);
  return row?.relkind === 'p' ? relation : `ONLY ${relation}`;
}

/** One part of a key (SPEC §5). */
export function keyPart(text: string): string {
  if (text === '') return '%';
  return text.replace(
    /[/%\u0000-\u001f\u007f]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function nameOf({ table }: ExpectedTable): readonly [schema: string, table: string] {
  const dot = table.indexOf('.');
  return dot === -1 ? ['public', table] : [table.slice(0, dot), table.slice(dot + 1)];
}

/** What every key of a table begins with, where the template is `prefix{schema}/{table}/{key}`. */
export function keyBase(prefix: string, expected: ExpectedTable): string {
  const [schema, table] = nameOf(expected);
  return expected.base ?? `${prefix}${keyPart(schema)}/${keyPart(table)}/`;
}

/** Key → JSON of every row of now. */
export async function expectedRows(
  database: TestDatabase,
  prefix: string,
  expected: ExpectedTable,
): Promise<Map<string, string>> {
  const [schema, table] = nameOf(expected);
  const relation = `${quote(schema)}.${quote(table)}`;
  const from = expected.from ?? (await only(database, relation));
  const key = expected.key ?? (await primaryKey(database, relation));
  const columns = expected.columns ?? 't.*';
  const parts = key.map((column) => `t.${quote(column)}::text`).join(', ');
  const rows = await database.query<{ key: string[]; value: string }>(
    `SELECT ARRAY[${parts}] AS key, (SELECT row_to_json(r)::text FROM (SELECT ${columns}) r) AS value FROM ${from} t`,
  );
  const base = keyBase(prefix, expected);
  return new Map(rows.map(({ key, value }) => [base + key.map(keyPart).join('/'), value]));
}

/** A line for each key that is missing, too much or different. */
export function sameRows(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string[] {
  const differences: string[] = [];
  for (const [key, value] of expected) {
    const other = found.get(key);
    if (other === undefined) differences.push(`missing: ${key} ${value.slice(0, 200)}`);
    else if (other !== value && !sameTokens(other, value)) {
      differences.push(`differs: ${key} ${other.slice(0, 200)} instead of ${value.slice(0, 200)}`);
    }
  }
  for (const [key, value] of found) {
    if (!expected.has(key)) differences.push(`too much: ${key} ${value.slice(0, 200)}`);
  }
  return differences;
}

function sameTokens(a: string, b: string): boolean {
  try {
    const others = jsonTokens(b);
    const tokens = jsonTokens(a);
    return tokens.length === others.length && tokens.every((token, at) => token === others[at]);
  } catch (error) {
    // Not JSON, then: it differs.
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
