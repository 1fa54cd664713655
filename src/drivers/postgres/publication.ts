/** The publication: made and kept in step where Watcher manages it, compared with what is needed where not. */
import { WatcherError } from '../../errors.ts';
import type { Warning } from '../../replication/change.ts';
import type { CatalogSnapshot, CatalogTable, Publication } from './catalog.ts';
import type { SourceConnection } from './connection.ts';
import type { Logger, PostgresDriverOptions } from './options.ts';
import { quoteName, quoteTable, quoteText } from './sql-text.ts';
import { wantedTables } from './tables.ts';

const lockTimeout = '5s';

/** What the managed publication lacks and has too much. */
export interface PublicationPlan {
  readonly create: boolean;
  /** Operations or the root option differ. */
  readonly reset: boolean;
  readonly add: readonly CatalogTable[];
  /** Oids. */
  readonly drop: readonly number[];
}

/** An existing publication FOR ALL TABLES is used as it is. Null when there is nothing to do. */
export function planPublication(
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
): PublicationPlan | null {
  const { publication, version } = snapshot;
  if (!options.managePublication || publication?.allTables === true) return null;
  const wanted = wantedTables(snapshot, options);
  if (publication === null) return { create: true, reset: false, add: wanted, drop: [] };
  const add = wanted.filter((table) => !isIn(publication, table));
  const keep = new Set(wanted.map((table) => table.oid));
  const drop = [...publication.members].filter((oid) => !keep.has(oid));
  const reset =
    operationsOf(version).some((operation) => !publication.operations.includes(operation)) ||
    (version >= 130000 && !publication.viaRoot);
  if (!reset && add.length === 0 && drop.length === 0) return null;
  return { create: false, reset, add, drop };
}

function isIn(publication: Publication, table: CatalogTable): boolean {
  return publication.members.has(table.oid) || publication.tables.has(table.oid);
}

/** Version 10 has no TRUNCATE in publications. */
function operationsOf(version: number): readonly string[] {
  const all = ['insert', 'update', 'delete', 'truncate'];
  return version >= 110000 ? all : all.slice(0, 3);
}

function publicationOptions(version: number): string {
  const publish = `publish = ${quoteText(operationsOf(version).join(', '))}`;
  return version >= 130000 ? `${publish}, publish_via_partition_root = true` : publish;
}

/**
 * @throws WatcherError `source_busy` when a lock did not come in 5 s, `privilege_missing`.
 */
export async function applyPublicationPlan(
  connection: SourceConnection,
  plan: PublicationPlan,
  version: number,
  name: string,
  logger: Logger,
): Promise<void> {
  const publication = quoteName(name);
  if (plan.create) {
    await connection.query(
      `CREATE PUBLICATION ${publication} WITH (${publicationOptions(version)})`,
    );
  }
  if (plan.reset) {
    await connection.query(`ALTER PUBLICATION ${publication} SET (${publicationOptions(version)})`);
  }
  for (const oid of plan.drop) await dropTable(connection, publication, oid);
  for (const table of plan.add) await addTable(connection, publication, table);
  const { create, add, drop } = plan;
  logger.info(
    { publication: name, created: create, added: add.length, dropped: drop.length },
    'publication aligned',
  );
}

/**
 * The lock waits until no running transaction has written to the table: servers before the minor releases of
 * 2025 do not tell transactions in progress of the new member, and leave their rows out. A partitioned table is
 * locked with its partitions, because a row may be written to a partition directly.
 */
async function addTable(
  connection: SourceConnection,
  publication: string,
  table: CatalogTable,
): Promise<void> {
  const target = `${table.kind === 'p' ? '' : 'ONLY '}${quoteTable(table)}`;
  await inTransaction(connection, `${table.schema}.${table.name}`, [
    `LOCK TABLE ${target} IN SHARE ROW EXCLUSIVE MODE`,
    `ALTER PUBLICATION ${publication} ADD TABLE ${target}`,
  ]);
}

async function dropTable(
  connection: SourceConnection,
  publication: string,
  oid: number,
): Promise<void> {
  const [row] = await connection.query(
    'SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid',
    [String(oid)],
  );
  if (row === undefined) return;
  const table = { schema: String(row.schema), name: String(row.name) };
  await inTransaction(connection, `${table.schema}.${table.name}`, [
    `ALTER PUBLICATION ${publication} DROP TABLE ONLY ${quoteTable(table)}`,
  ]);
}

async function inTransaction(
  connection: SourceConnection,
  table: string,
  statements: readonly string[],
): Promise<void> {
  await connection.query('BEGIN');
  try {
    await connection.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
    for (const statement of statements) await connection.query(statement);
    await connection.query('COMMIT');
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => connection.destroy());
    throw error instanceof WatcherError && error.code === 'source_busy'
      ? busy(table, error)
      : error;
  }
}

function busy(table: string, cause: WatcherError): WatcherError {
  return new WatcherError('source_busy', {
    message: `${table} could not be locked for the publication within ${lockTimeout}: a transaction that has written to it is still running`,
    remedy: `End that transaction: SELECT pid, xact_start, query FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE relation = ${quoteText(table)}::regclass);`,
    table,
    cause,
  });
}

/** What an unmanaged publication lacks, and what users of any should know. */
export function judgePublication(
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
): { readonly failure: WatcherError | null; readonly warnings: readonly Warning[] } {
  const { publication, version } = snapshot;
  if (publication === null) return { failure: missing(snapshot, options), warnings: [] };
  const name = quoteName(options.publication);
  const lacks = ['insert', 'update', 'delete'].filter(
    (operation) => !publication.operations.includes(operation),
  );
  if (lacks.length > 0) {
    const failure = new WatcherError('publication_mismatch', {
      message: `The publication ${name} does not publish ${lacks.join(', ')}`,
      remedy: `ALTER PUBLICATION ${name} SET (publish = ${quoteText(operationsOf(version).join(', '))});`,
    });
    return { failure, warnings: [] };
  }
  if (publication.operations.includes('truncate')) return { failure: null, warnings: [] };
  return { failure: null, warnings: [truncateWarning(version, name)] };
}

function truncateWarning(version: number, name: string): Warning {
  const code = 'truncate_not_published';
  const message = `TRUNCATE is not published by ${name}: the rows stay in etcd`;
  const remedy =
    version >= 110000
      ? `ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');`
      : 'PostgreSQL 11 or later publishes it; until then use DELETE, or dump again after a TRUNCATE.';
  return { code, message, remedy, table: null };
}

function missing(snapshot: CatalogSnapshot, options: PostgresDriverOptions): WatcherError {
  return new WatcherError('publication_missing', {
    message: `The publication ${quoteName(options.publication)} does not exist, and postgres.manage_publication is off`,
    remedy: createStatement(snapshot, options),
  });
}

/** The statement that a person would run for the tables that match. */
export function createStatement(snapshot: CatalogSnapshot, options: PostgresDriverOptions): string {
  const tables = wantedTables(snapshot, options)
    .map((table) => `${table.kind === 'p' ? '' : 'ONLY '}${quoteTable(table)}`)
    .join(', ');
  const list = tables === '' ? '' : ` FOR TABLE ${tables}`;
  return `CREATE PUBLICATION ${quoteName(options.publication)}${list} WITH (${publicationOptions(snapshot.version)});`;
}

/** Tables of a publication FOR ALL TABLES whose UPDATE and DELETE fail in the application. */
export async function unidentifiedTables(connection: SourceConnection): Promise<readonly string[]> {
  const rows = await connection.query(`
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND (c.relreplident = 'n' OR (c.relreplident IN ('d', 'i') AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
      AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END)))
ORDER BY 1`);
  return rows.map((row) => String(row.name));
}

export function allTablesWarning(tables: readonly string[], name: string): Warning {
  return {
    code: 'no_replica_identity',
    message: `The publication ${quoteName(name)} is FOR ALL TABLES: UPDATE and DELETE fail in the application on ${tables.join(', ')}, which have no replica identity`,
    remedy: tables.map((table) => `ALTER TABLE ${table} REPLICA IDENTITY FULL;`).join(' '),
    table: null,
  };
}
