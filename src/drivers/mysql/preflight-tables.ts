/** The checks of databases and tables. */
import { WatcherError } from '../../errors.ts';
import type { Outcome } from '../outcome.ts';
import { failed, ok, warning } from '../outcome.ts';
import type { SourceConnection } from './connection.ts';
import { errnoOf, isDenied } from './errors.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { SchemaSnapshot } from './schema.ts';
import type { ServerFacts } from './server-facts.ts';
import { quoteAccount, quoteName, quoteTable, quoteText } from './sql-text.ts';
import type { TableDefinition, TableSelection } from './tables.ts';
import { selectTables } from './tables.ts';

export interface TablesContext {
  readonly connection: SourceConnection;
  readonly facts: ServerFacts;
  readonly options: MysqlDriverOptions;
  readonly schema: SchemaSnapshot;
}

export async function checkTables(context: TablesContext): Promise<readonly Outcome[]> {
  const databases = await checkDatabases(context);
  const selection = trySelect(context);
  if (selection instanceof WatcherError) {
    return [
      ...databases,
      failed(selection.table ?? 'tables', selection.code, selection, selection.table ?? undefined),
    ];
  }
  const excluded = selection.excluded.map(({ table, warning: reason }) => warning(table, reason));
  if (selection.tables.length === 0) return [...databases, noTables(context), ...excluded];
  const readable: Outcome[] = [];
  for (const table of selection.tables) readable.push(await checkTable(context, table));
  return [...databases, ...excluded, ...readable];
}

function trySelect({ schema, facts, options }: TablesContext): TableSelection | WatcherError {
  try {
    return selectTables(schema, facts, options);
  } catch (error) {
    if (error instanceof WatcherError) return error;
    throw error;
  }
}

/** A database without any privilege on it looks like one that is not there. */
async function checkDatabases(context: TablesContext): Promise<readonly Outcome[]> {
  const { connection, options, facts } = context;
  const rows = await connection.query(
    'SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN (?)',
    [[...options.databases]],
  );
  const there = new Set(rows.map((row) => row.name));
  return options.databases
    .filter((name) => !there.has(name))
    .map((name) =>
      failed(`database ${name}`, 'database_missing', {
        message: `There is no database ${name} that the account ${facts.account} may see`,
        remedy: `GRANT SELECT ON ${quoteName(name)}.* TO ${quoteAccount(facts.account)}; or correct database.name.`,
      }),
    );
}

function noTables({ schema, options }: TablesContext): Outcome {
  const message =
    schema.length === 0
      ? 'No table matches'
      : 'No table that matches can be replicated; the warnings say why';
  const list = options.databases.map(quoteText).join(', ');
  const remedy = `Check tables.include and tables.exclude against SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN (${list});`;
  return failed('tables', 'no_tables', { message, remedy });
}

/** All columns: with privileges on some of them the others do not seem to be there, but the log has them. */
async function checkTable(
  { connection, facts }: TablesContext,
  table: TableDefinition,
): Promise<Outcome> {
  const subject = `${table.schema}.${table.name}`;
  try {
    await connection.query(`SELECT * FROM ${quoteTable(table)} LIMIT 0`);
    return ok(subject, 'can be read');
  } catch (error) {
    if (!isDenied(error) && errnoOf(error) === 0) throw error;
    const reason = error instanceof WatcherError ? error : new WatcherError('internal');
    if (!isDenied(error)) return failed(subject, reason.code, reason, subject);
    return failed(
      subject,
      'privilege_missing',
      {
        message: `The account ${facts.account} may not read ${subject}, or not all of its columns`,
        remedy: `GRANT SELECT ON ${quoteTable(table)} TO ${quoteAccount(facts.account)};`,
      },
      subject,
    );
  }
}
