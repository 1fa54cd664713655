/** What a sync leaves at the server when it is not wanted any more: its slot and its publication. */
import { WatcherError } from '../../errors.ts';
import type { SourceLeftover, SourcePart } from '../../replication/driver.ts';
import type { SourceConnection } from './connection.ts';
import { refuseUnusable } from './continuity.ts';
import type { PostgresDriverOptions } from './options.ts';
import { readServerFacts, type ServerFacts } from './server-facts.ts';
import { readSlot } from './slot.ts';
import { quoteName } from './sql-text.ts';

const lockTimeout = '5s';

/**
 * The slot goes first: a slot that is read after its publication has gone fails at the first change.
 * @throws WatcherError `slot_in_use`, `privilege_missing`.
 */
export async function dropLeftovers(
  connection: SourceConnection,
  options: PostgresDriverOptions,
  parts: readonly SourcePart[],
  dryRun: boolean,
): Promise<readonly SourceLeftover[]> {
  const facts = await readServerFacts(connection);
  const slot = parts.includes('slot') ? await judgeSlot(connection, options, facts) : null;
  const publication = parts.includes('publication')
    ? await judgePublication(connection, options, facts)
    : null;
  if (!dryRun) {
    if (slot?.kept === null) await dropSlot(connection, slot.name, options);
    if (publication?.kept === null) await dropPublication(connection, publication.name, options);
  }
  return [slot, publication].filter((leftover) => leftover !== null);
}

async function judgeSlot(
  connection: SourceConnection,
  { slot: name }: PostgresDriverOptions,
  { version, database }: ServerFacts,
): Promise<SourceLeftover | null> {
  const slot = await readSlot(connection, version, name);
  if (slot === null) return null;
  try {
    refuseUnusable(slot, database);
  } catch (error) {
    if (!(error instanceof WatcherError) || error.code !== 'slot_foreign') throw error;
    return { part: 'slot', name, kept: error.message };
  }
  return { part: 'slot', name, kept: null };
}

/** Only what Watcher itself makes: for single tables, and with leave to manage it. */
async function judgePublication(
  connection: SourceConnection,
  { publication: name, managePublication, user }: PostgresDriverOptions,
  { version }: ServerFacts,
): Promise<SourceLeftover | null> {
  const schemas =
    version >= 150000
      ? 'EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid)'
      : 'false';
  const [row] = await connection.query(
    `SELECT p.puballtables AS all_tables, ${schemas} AS schemas, pg_has_role(p.pubowner, 'USAGE') AS own
     FROM pg_publication p WHERE p.pubname = $1`,
    [name],
  );
  if (row === undefined) return null;
  const kept = (why: string): SourceLeftover => ({ part: 'publication', name, kept: why });
  if (!managePublication) return kept('postgres.manage_publication is false: it is not ours');
  if (row.all_tables === true) return kept('It is FOR ALL TABLES: Watcher did not make it');
  if (row.schemas === true) return kept('It is FOR TABLES IN SCHEMA: Watcher did not make it');
  if (row.own === true) return { part: 'publication', name, kept: null };
  throw new WatcherError('privilege_missing', {
    message: `The role ${user} does not own the publication ${name}`,
    remedy: `ALTER PUBLICATION ${quoteName(name)} OWNER TO ${quoteName(user)}; or, as its owner: DROP PUBLICATION ${quoteName(name)};`,
  });
}

async function dropSlot(
  connection: SourceConnection,
  name: string,
  { logger }: PostgresDriverOptions,
): Promise<void> {
  await connection.query('SELECT pg_drop_replication_slot($1)', [name]);
  logger.info({ slot: name }, 'replication slot dropped');
}

async function dropPublication(
  connection: SourceConnection,
  name: string,
  { logger }: PostgresDriverOptions,
): Promise<void> {
  await connection.query(`SET lock_timeout = '${lockTimeout}'`);
  await connection.query(`DROP PUBLICATION IF EXISTS ${quoteName(name)}`);
  logger.info({ publication: name }, 'publication dropped');
}
