/** The checks of tables and publication. */
import { WatcherError } from '../../errors.ts';
import type { Outcome } from '../outcome.ts';
import { failed, ok, warning } from '../outcome.ts';
import type { CatalogTable } from './catalog.ts';
import type { SourceConnection } from './connection.ts';
import type { PreflightContext } from './preflight-context.ts';
import type { PublicationPlan } from './publication.ts';
import { createStatement, judgePublication, planPublication } from './publication.ts';
import { quoteName, quoteTable } from './sql-text.ts';
import { selectTables, wantedTables } from './tables.ts';

/** What the user may do with a table. */
interface Rights {
  readonly usage: boolean;
  readonly select: boolean;
  readonly owned: boolean;
  /** Row security applies to the user: a dump would lack rows. */
  readonly rowSecurity: boolean;
}

export async function checkTables(context: PreflightContext): Promise<readonly Outcome[]> {
  const { snapshot, options, connection } = context;
  const wanted = wantedTables(snapshot, options);
  const rights = await readRights(connection, wanted);
  const publication = checkPublication(context, rights);
  const excluded = checkExcluded(context);
  if (wanted.length === 0) return [noTables(snapshot.tables.length), ...excluded];
  return [
    ...publication,
    ...excluded,
    ...wanted.map((table) => checkTable(table, rights.get(table.oid), options.user)),
  ];
}

function noTables(matching: number): Outcome {
  const message =
    matching === 0
      ? 'No table matches'
      : 'No table that matches can be replicated; the warnings say why';
  const remedy =
    'Check tables.include and tables.exclude against SELECT schemaname, tablename FROM pg_tables;';
  return failed('tables', 'no_tables', { message, remedy });
}

function checkTable(table: CatalogTable, rights: Rights | undefined, user: string): Outcome {
  const subject = `${table.schema}.${table.name}`;
  const role = quoteName(user);
  const fail = (message: string, remedy: string) =>
    failed(subject, 'privilege_missing', { message, remedy }, subject);
  if (rights?.usage === false) {
    return fail(
      `The role ${user} may not use the schema ${table.schema}`,
      `GRANT USAGE ON SCHEMA ${quoteName(table.schema)} TO ${role};`,
    );
  }
  if (rights?.select === false) {
    return fail(
      `The role ${user} may not read ${subject}`,
      `GRANT SELECT ON ${quoteTable(table)} TO ${role};`,
    );
  }
  if (rights?.rowSecurity === true) {
    return fail(
      `Row security hides rows of ${subject} from the role ${user}`,
      `ALTER ROLE ${role} BYPASSRLS;`,
    );
  }
  return ok(subject, 'can be read');
}

/** Includes an excluded key column, which is a failure. */
function checkExcluded({ snapshot, options }: PreflightContext): readonly Outcome[] {
  const expected = { ...snapshot, publication: planned(snapshot, options) };
  try {
    return selectTables(expected, options).excluded.map(({ table, warning: reason }) =>
      warning(table, reason),
    );
  } catch (error) {
    if (!(error instanceof WatcherError)) throw error;
    return [failed(error.table ?? 'tables', error.code, error, error.table ?? undefined)];
  }
}

/** The publication as it will be once it is in step. */
function planned(
  snapshot: PreflightContext['snapshot'],
  options: PreflightContext['options'],
): PreflightContext['snapshot']['publication'] {
  const plan = planPublication(snapshot, options);
  if (plan === null) return snapshot.publication;
  const whole = { columns: null, rowFilter: null, relOid: null };
  const tables = new Map(plan.add.map((table) => [table.oid, whole]));
  const { publication } = snapshot;
  const empty = { oid: 0, allTables: false, operations: [], viaRoot: true, owned: true };
  const members = new Set(publication?.members ?? []);
  return {
    ...(publication ?? empty),
    members,
    tables: new Map([...(publication?.tables ?? []), ...tables]),
  };
}

function checkPublication(
  context: PreflightContext,
  rights: ReadonlyMap<number, Rights>,
): readonly Outcome[] {
  const { snapshot, options } = context;
  const subject = 'publication';
  const plan = planPublication(snapshot, options);
  if (plan !== null) return checkPlan(context, plan, rights);
  const { failure, warnings } = judgePublication(snapshot, options);
  if (failure !== null) return [failed(subject, failure.code, failure)];
  if (warnings.length > 0) return warnings.map((reason) => warning(subject, reason));
  return [ok(subject, `${options.publication} is as it should be`)];
}

/** Whether the user may do what the plan says. */
function checkPlan(
  { facts, snapshot, options }: PreflightContext,
  plan: PublicationPlan,
  rights: ReadonlyMap<number, Rights>,
): readonly Outcome[] {
  const subject = 'publication';
  const role = quoteName(options.user);
  const fail = (message: string, remedy: string) =>
    failed(subject, 'privilege_missing', { message, remedy });
  if (facts.inRecovery) {
    return [
      failed(subject, 'publication_mismatch', {
        message: `The publication ${options.publication} must be changed, which a standby cannot`,
        remedy: `On the primary: ${createStatement(snapshot, options)}`,
      }),
    ];
  }
  if (plan.create && !facts.mayCreate) {
    return [
      fail(
        `The role ${options.user} may not create the publication ${options.publication}`,
        `GRANT CREATE ON DATABASE ${quoteName(facts.database)} TO ${role};`,
      ),
    ];
  }
  if (!plan.create && snapshot.publication?.owned === false) {
    return [
      fail(
        `The role ${options.user} does not own the publication ${options.publication}`,
        `ALTER PUBLICATION ${quoteName(options.publication)} OWNER TO ${role}; or set postgres.manage_publication: false.`,
      ),
    ];
  }
  const foreign = plan.add.filter((table) => rights.get(table.oid)?.owned === false);
  if (foreign.length === 0) {
    return [ok(subject, `${options.publication} will be ${plan.create ? 'created' : 'altered'}`)];
  }
  const names = foreign.map((table) => `${table.schema}.${table.name}`).join(', ');
  return [
    fail(
      `The role ${options.user} does not own ${names}, and only an owner adds a table to a publication`,
      `Run as the owner or a superuser: ${createStatement(snapshot, options)} and set postgres.manage_publication: false; or ${foreign.map((table) => `ALTER TABLE ${quoteTable(table)} OWNER TO ${role};`).join(' ')}`,
    ),
  ];
}

/** Columns of a table suffice when each of them may be read. */
const rightsSql = `
SELECT c.oid::int8 AS oid, has_schema_privilege(c.relnamespace, 'USAGE') AS usage,
  has_table_privilege(c.oid, 'SELECT') OR (
    SELECT bool_and(has_column_privilege(c.oid, attnum, 'SELECT'))
    FROM unnest(string_to_array(t.columns, ',')::int2[]) attnum) AS select,
  pg_has_role(c.relowner, 'USAGE') AS owned, row_security_active(c.oid) AS row_security
FROM unnest($1::oid[], $2::text[]) AS t(oid, columns) JOIN pg_class c ON c.oid = t.oid`;

async function readRights(
  connection: SourceConnection,
  tables: readonly CatalogTable[],
): Promise<ReadonlyMap<number, Rights>> {
  const rows = await connection.query(rightsSql, [
    tables.map((table) => String(table.oid)),
    tables.map((table) => table.columns.map((column) => column.attnum).join(',')),
  ]);
  return new Map(
    rows.map((row) => [
      Number(row.oid),
      {
        usage: row.usage === true,
        select: row.select === true,
        owned: row.owned === true,
        rowSecurity: row.row_security === true,
      },
    ]),
  );
}
