/** The start of an attempt: every requirement, the tables, and where the log can be followed from. */
import { WatcherError } from '../../errors.ts';
import type { Warning } from '../../replication/change.ts';
import type { ResumePoint } from '../../replication/driver.ts';
import type { Outcome } from '../outcome.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import { isDenied } from './errors.ts';
import type { ReferencingTable } from './foreign-keys.ts';
import { readAncestors } from './foreign-keys.ts';
import type { Identified } from './identity.ts';
import { identify } from './identity.ts';
import type { MysqlDriverOptions } from './options.ts';
import { checkServer } from './preflight.ts';
import { checkTables } from './preflight-tables.ts';
import type { SchemaSnapshot } from './schema.ts';
import type { ServerFacts } from './server-facts.ts';
import { readServerFacts } from './server-facts.ts';
import { quoteAccount } from './sql-text.ts';
import type { SteadyOptions } from './steady-schema.ts';
import { readSteadySchema } from './steady-schema.ts';
import type { TableSelection } from './tables.ts';
import { redumpsCascades, selectTables } from './tables.ts';

export interface Prepared extends Identified {
  readonly facts: ServerFacts;
  readonly selection: TableSelection;
  /** About the server; those of excluded tables are in the selection. */
  readonly warnings: readonly Warning[];
}

interface Inspection {
  readonly facts: ServerFacts;
  readonly outcomes: readonly Outcome[];
  /** null: the server has failed, no table was looked at. */
  readonly selection: (() => TableSelection) | null;
}

/** All outcomes, failures included. After a failure of the server itself no other is looked for. */
export async function inspect(
  connection: SourceConnection,
  options: MysqlDriverOptions,
): Promise<Inspection> {
  const facts = await readServerFacts(connection);
  const outcomes = checkServer(facts, options);
  if (outcomes.some(({ error }) => error !== null)) return { facts, outcomes, selection: null };
  const schema = await readSteadySchema(connection, facts, options);
  const more = await checkTables({ connection, facts, options, schema });
  const ancestors = await ancestorsOf(connection, facts, options, schema);
  return {
    facts,
    outcomes: [...outcomes, ...more],
    selection: () => selectTables(schema, facts, options, ancestors),
  };
}

/** @throws WatcherError the first requirement that is not met. */
export async function prepareSource(
  connection: SourceConnection,
  target: ConnectTarget,
  options: MysqlDriverOptions,
  resume: ResumePoint | null,
  signal: AbortSignal,
): Promise<Prepared> {
  const { facts, outcomes, selection } = await inspect(connection, options);
  for (const { error } of outcomes) if (error !== null) throw error;
  const identified = await identify(connection, target, facts, resume, signal);
  return {
    ...identified,
    facts,
    selection: selection?.() ?? { tables: [], excluded: [], cascades: new Map() },
    warnings: serverWarnings(outcomes),
  };
}

/** Of the checks of the server; those of tables have their table. */
function serverWarnings(outcomes: readonly Outcome[]): readonly Warning[] {
  return outcomes
    .map(({ finding }) => finding)
    .filter(({ level, subject }) => level === 'warning' && !subject.includes('.'))
    .map(({ message, remedy }) => ({ code: 'source_limited', message, remedy, table: null }));
}

export async function readSelection(
  connection: SourceConnection,
  facts: ServerFacts,
  options: MysqlDriverOptions,
  steady: SteadyOptions,
): Promise<TableSelection> {
  const schema = await readSteadySchema(connection, facts, options, steady);
  const ancestors = await ancestorsOf(connection, facts, options, schema);
  return selectTables(schema, facts, options, ancestors);
}

/** @throws WatcherError `privilege_missing` when a table that is referenced may not be looked at. */
async function ancestorsOf(
  connection: SourceConnection,
  facts: ServerFacts,
  options: MysqlDriverOptions,
  schema: SchemaSnapshot,
): Promise<readonly ReferencingTable[]> {
  if (!redumpsCascades(facts, options)) return [];
  try {
    return await readAncestors(connection, schema);
  } catch (error) {
    if (!(error instanceof WatcherError) || !isDenied(error)) throw error;
    throw new WatcherError('privilege_missing', {
      message: `Tables of the sync reference a table that the account may not see: ${error.message}`,
      remedy: `GRANT SELECT ON … TO ${quoteAccount(facts.account)}; for the table that the message names.`,
      cause: error,
    });
  }
}
