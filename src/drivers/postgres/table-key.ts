/** Which columns are the key of a table, and whether the log names a row by them (SPEC §5). */
import type { ErrorCode } from '../../errors.ts';
import type { CatalogIndex, CatalogTable } from './catalog.ts';
import { quoteName, quoteTable } from './sql-text.ts';

export type KeyChoice =
  | {
      readonly kind: 'key';
      /** Names, in key order. */
      readonly columns: readonly string[];
      readonly deferrable: boolean;
    }
  | {
      readonly kind: 'none';
      readonly code: Extract<ErrorCode, 'no_key' | 'no_replica_identity'>;
      readonly message: string;
      readonly remedy: string;
    };

/**
 * 1. `keys.columns` of the configuration: NOT NULL, with a unique index on exactly these columns, and REPLICA
 *    IDENTITY FULL or that index.
 * 2. REPLICA IDENTITY USING INDEX: the columns of that index.
 * 3. The primary key, unless the replica identity is NOTHING. The server takes no deferrable primary key for
 *    its default identity (RelationGetReplicaIndex): such a table needs REPLICA IDENTITY FULL.
 * Indexes that are partial or on expressions never count.
 */
export function chooseKey(
  table: CatalogTable,
  configured: readonly string[] | undefined,
): KeyChoice {
  if (configured !== undefined) return configuredKey(table, configured);
  if (table.replicaIdentity === 'n') return withoutIdentity(table, 'DEFAULT');
  if (table.replicaIdentity === 'i') {
    const index = table.indexes.find((candidate) => candidate.identity);
    return index === undefined ? withoutIdentity(table, 'DEFAULT') : keyOf(table, index);
  }
  const primary = table.indexes.find((candidate) => candidate.primary);
  if (primary === undefined) return withoutKey(table);
  if (table.replicaIdentity === 'd' && !primary.immediate) return withoutIdentity(table, 'FULL');
  return keyOf(table, primary);
}

function configuredKey(table: CatalogTable, names: readonly string[]): KeyChoice {
  const list = names.map(quoteName).join(', ');
  const columns = names.map((name) => table.columns.find((column) => column.name === name));
  const missing = names.filter((_, index) => columns[index] === undefined);
  if (missing.length > 0) {
    return noKey(
      table,
      `has no column ${missing.join(', ')}, which keys.columns names`,
      'Correct keys.columns.',
    );
  }
  const nullable = columns
    .filter((column) => column?.notNull === false)
    .map((column) => column?.name ?? '');
  if (nullable.length > 0) {
    const actions = nullable
      .map((name) => `ALTER COLUMN ${quoteName(name)} SET NOT NULL`)
      .join(', ');
    return noKey(
      table,
      `allows NULL in ${nullable.join(', ')}, which keys.columns names`,
      `ALTER TABLE ${quoteTable(table)} ${actions};`,
    );
  }
  const wanted = new Set(columns.map((column) => column?.attnum));
  const candidates = table.indexes.filter(
    (index) =>
      index.columns.length === wanted.size && index.columns.every((attnum) => wanted.has(attnum)),
  );
  if (candidates.length === 0) {
    return noKey(
      table,
      `has no unique index on exactly ${list}, which keys.columns names`,
      `CREATE UNIQUE INDEX ON ${quoteTable(table)} (${list});`,
    );
  }
  const index = candidates.find((candidate) => namesRows(table, candidate)) ?? null;
  if (index === null) return withoutIdentity(table, 'FULL');
  return { kind: 'key', columns: names, deferrable: !index.immediate };
}

/** Whether an old image in the log holds the columns of the index. */
function namesRows(table: CatalogTable, index: CatalogIndex): boolean {
  switch (table.replicaIdentity) {
    case 'f':
      return true;
    case 'i':
      return index.identity;
    case 'd':
      return index.primary && index.immediate;
    case 'n':
      return false;
    default:
      return table.replicaIdentity satisfies never;
  }
}

function keyOf(table: CatalogTable, index: CatalogIndex): KeyChoice {
  const names = index.columns.map(
    (attnum) => table.columns.find((column) => column.attnum === attnum)?.name ?? '',
  );
  return { kind: 'key', columns: names, deferrable: !index.immediate };
}

function withoutKey(table: CatalogTable): KeyChoice {
  const mend =
    table.replicaIdentity === 'f'
      ? 'or name unique NOT NULL columns under keys.columns'
      : `or name unique NOT NULL columns under keys.columns and ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL;`;
  return noKey(
    table,
    'has no primary key',
    `ALTER TABLE ${quoteTable(table)} ADD PRIMARY KEY (…); ${mend}`,
  );
}

function noKey(table: CatalogTable, what: string, remedy: string): KeyChoice {
  return { kind: 'none', code: 'no_key', message: `${quoteTable(table)} ${what}`, remedy };
}

function withoutIdentity(table: CatalogTable, identity: 'DEFAULT' | 'FULL'): KeyChoice {
  return {
    kind: 'none',
    code: 'no_replica_identity',
    message: `The replica identity of ${quoteTable(table)} does not name a row by its key: updates and deletes cannot be followed`,
    remedy: `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY ${identity};`,
  };
}
