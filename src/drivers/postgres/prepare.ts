/** The start of an attempt: every requirement, the publication in step, and where the log can be followed from. */
import type { WatcherError } from '../../errors.ts';
import type { Warning } from '../../replication/change.ts';
import type { ResumePoint } from '../../replication/driver.ts';
import { parseLsn } from '../../replication/position.ts';
import type { Outcome } from '../outcome.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { inSnapshot, readCatalog } from './catalog.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import { connect } from './connection.ts';
import type { Continuity, PostgresIdentity } from './continuity.ts';
import { judgeContinuity } from './continuity.ts';
import { lsnOf } from './lsn.ts';
import type { PostgresDriverOptions } from './options.ts';
import { checkServer, checkSync } from './preflight.ts';
import {
  allTablesWarning,
  applyPublicationPlan,
  judgePublication,
  planPublication,
  unidentifiedTables,
} from './publication.ts';
import type { ServerFacts } from './server-facts.ts';
import { readServerFacts } from './server-facts.ts';
import { readSlot } from './slot.ts';
import type { TableSelection } from './tables.ts';
import { selectTables } from './tables.ts';
import type { TimelineSwitch } from './timeline.ts';
import { parseTimelineHistory } from './timeline.ts';

export interface Prepared {
  readonly facts: ServerFacts;
  readonly identity: PostgresIdentity;
  readonly snapshot: CatalogSnapshot;
  readonly selection: TableSelection;
  /** Of the publication; those of excluded tables are in the selection. */
  readonly warnings: readonly Warning[];
  /** Those among them that only the start of an attempt looks for. */
  readonly standing: readonly Warning[];
  readonly continuity: Continuity;
}

/** All outcomes, failures included. After a failure of the server itself no other is looked for. */
export async function inspect(
  connection: SourceConnection,
  options: PostgresDriverOptions,
): Promise<{
  readonly facts: ServerFacts;
  readonly outcomes: readonly Outcome[];
  readonly snapshot: CatalogSnapshot | null;
}> {
  const facts = await readServerFacts(connection);
  const outcomes = checkServer(facts, options);
  if (outcomes.some(({ error }) => error !== null)) return { facts, outcomes, snapshot: null };
  const snapshot = await inSnapshot(connection, () =>
    readCatalog(connection, facts.version, options),
  );
  const more = await checkSync({ facts, connection, options, snapshot });
  return { facts, outcomes: [...outcomes, ...more], snapshot };
}

/** @throws WatcherError the first requirement that is not met. */
export async function prepareSource(
  connection: SourceConnection,
  target: ConnectTarget,
  options: PostgresDriverOptions,
  resume: ResumePoint | null,
  signal: AbortSignal,
): Promise<Prepared> {
  const { facts, outcomes, snapshot: found } = await inspect(connection, options);
  throwFirst(outcomes);
  const snapshot = await align(connection, options, facts.version, found);
  const { failure, warnings } = judgePublication(snapshot, options);
  if (failure !== null) throw failure;
  const selection = selectTables(snapshot, options);
  const standing = await standingWarnings(connection, snapshot, options);
  const system = await identifySystem(target, signal);
  const identity: PostgresIdentity = {
    system: system.identifier,
    timeline: system.timeline,
    database: facts.databaseOid,
    publication: snapshot.publication?.oid ?? null,
  };
  const slot = await readSlot(connection, facts.version, options.slot);
  const continuity = judgeContinuity({
    slot,
    identity,
    database: facts.database,
    currentLsn: system.walEnd,
    history: system.history,
    resume: resume && { lsn: lsnOf(resume.position), identity: resume.identity },
  });
  const all = [...standing, ...warnings];
  return { facts, identity, snapshot, selection, warnings: all, standing, continuity };
}

function throwFirst(outcomes: readonly Outcome[]): void {
  const errors: WatcherError[] = outcomes.flatMap(({ error }) => (error === null ? [] : [error]));
  const [first] = errors;
  if (first !== undefined) throw first;
}

async function align(
  connection: SourceConnection,
  options: PostgresDriverOptions,
  version: number,
  found: CatalogSnapshot | null,
): Promise<CatalogSnapshot> {
  const read = () => inSnapshot(connection, () => readCatalog(connection, version, options));
  const snapshot = found ?? (await read());
  const plan = planPublication(snapshot, options);
  if (plan === null) return snapshot;
  await applyPublicationPlan(connection, plan, version, options.publication, options.logger);
  return read();
}

async function standingWarnings(
  connection: SourceConnection,
  snapshot: CatalogSnapshot,
  options: PostgresDriverOptions,
): Promise<readonly Warning[]> {
  if (snapshot.publication?.allTables !== true) return [];
  const tables = await unidentifiedTables(connection);
  return tables.length === 0 ? [] : [allTablesWarning(tables, options.publication)];
}

interface System {
  readonly identifier: string;
  readonly timeline: number;
  readonly walEnd: bigint;
  readonly history: readonly TimelineSwitch[];
}

/** Also shows that the role may open a walsender at all. Source: IDENTIFY_SYSTEM, TIMELINE_HISTORY. */
export async function identifySystem(target: ConnectTarget, signal: AbortSignal): Promise<System> {
  const walsender = await connect(target, 'replication', signal);
  try {
    const row = (await walsender.query('IDENTIFY_SYSTEM'))[0] ?? {};
    const timeline = Number(row.timeline);
    const [file] = timeline > 1 ? await walsender.query(`TIMELINE_HISTORY ${timeline}`) : [];
    return {
      identifier: String(row.systemid),
      timeline,
      walEnd: parseLsn(String(row.xlogpos)),
      history: file === undefined ? [] : parseTimelineHistory(String(file.content)),
    };
  } finally {
    await walsender.close();
  }
}
