/** Which columns are the key of a table (SPEC §5). Pure. */
import type { SchemaTable } from './schema.ts';
import { quoteName, quoteTable } from './sql-text.ts';

export type KeyChoice =
  | {
      readonly kind: 'key';
      /** Names, in key order. */
      readonly columns: readonly string[];
    }
  | { readonly kind: 'none'; readonly message: string; readonly remedy: string };

/**
 * 1. `keys.columns` of the configuration: NOT NULL, with a unique index on exactly these columns, whole ones.
 * 2. The primary key. One on a prefix of a column serves: what differs in a prefix differs. The end of the period that
 *    MariaDB adds to the key of a versioned table is left out: only current rows are replicated.
 */
export function chooseKey(
  table: SchemaTable,
  configured: readonly string[] | undefined,
): KeyChoice {
  if (configured !== undefined) return configuredKey(table, configured);
  const primary = table.indexes.find(({ name }) => name === 'PRIMARY');
  const names = withoutPeriod(table, primary?.columns ?? []);
  if (names.length === 0) return withoutKey(table);
  return { kind: 'key', columns: names };
}

function withoutPeriod(table: SchemaTable, names: readonly (string | null)[]): readonly string[] {
  const ends = table.columns.filter(({ period }) => period === 'end').map(({ name }) => name);
  return names.flatMap((name) => (name === null || ends.includes(name) ? [] : [name]));
}

function configuredKey(table: SchemaTable, names: readonly string[]): KeyChoice {
  const columns = names.map((name) => table.columns.find((column) => column.name === name));
  const missing = names.filter((_, index) => columns[index] === undefined);
  if (missing.length > 0) {
    const what = `has no column ${missing.join(', ')}, which keys.columns names`;
    return noKey(table, what, 'Correct keys.columns.');
  }
  const nullable = columns.filter((column) => column?.nullable === true);
  if (nullable.length > 0) {
    const changes = nullable.map(
      (column) => `MODIFY ${quoteName(column?.name ?? '')} ${column?.columnType ?? ''} NOT NULL`,
    );
    return noKey(
      table,
      `allows NULL in ${nullable.map((column) => column?.name).join(', ')}, which keys.columns names`,
      `ALTER TABLE ${quoteTable(table)} ${changes.join(', ')};`,
    );
  }
  if (
    !table.indexes.some(
      (index) => index.unique && isOn(table, index.columns, index.prefixes, names),
    )
  ) {
    const list = names.map(quoteName).join(', ');
    return noKey(
      table,
      `has no unique index on exactly ${list}, which keys.columns names`,
      `ALTER TABLE ${quoteTable(table)} ADD UNIQUE INDEX (${list});`,
    );
  }
  return { kind: 'key', columns: names };
}

function isOn(
  table: SchemaTable,
  indexed: readonly (string | null)[],
  prefixes: readonly string[],
  names: readonly string[],
): boolean {
  if (prefixes.length > 0 || indexed.includes(null)) return false;
  const columns = withoutPeriod(table, indexed);
  return columns.length === names.length && columns.every((name) => names.includes(name));
}

function withoutKey(table: SchemaTable): KeyChoice {
  return noKey(
    table,
    'has no primary key',
    `ALTER TABLE ${quoteTable(table)} ADD PRIMARY KEY (…); or name unique NOT NULL columns under keys.columns.`,
  );
}

function noKey(table: SchemaTable, what: string, remedy: string): KeyChoice {
  return { kind: 'none', message: `${quoteTable(table)} ${what}`, remedy };
}
