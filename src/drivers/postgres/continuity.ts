/**
 * Whether the log can be followed from a checkpoint: the numbered table of slot cases (DESIGN §4). Pure.
 */
import { WatcherError } from '../../errors.ts';
import type { Preparation, SourceIdentity } from '../../replication/driver.ts';
import { formatLsn } from '../../replication/position.ts';
import { quoteText } from './sql-text.ts';
import type { TimelineSwitch } from './timeline.ts';

/** A row of pg_replication_slots. */
export interface Slot {
  readonly name: string;
  readonly type: 'logical' | 'physical';
  readonly plugin: string | null;
  readonly database: string | null;
  readonly temporary: boolean;
  readonly activePid: number | null;
  /** null: the server has let the log go. */
  readonly restartLsn: bigint | null;
  readonly confirmedLsn: bigint | null;
  /** `lost`, an invalidation reason, or null while the slot is sound. */
  readonly lostBecause: string | null;
}

export interface ContinuityFacts {
  readonly slot: Slot | null;
  readonly identity: PostgresIdentity;
  readonly database: string;
  /** End of the server's log now. */
  readonly currentLsn: bigint;
  /** Of the server's timeline. */
  readonly history: readonly TimelineSwitch[];
  readonly resume: { readonly lsn: bigint; readonly identity: SourceIdentity } | null;
}

/** What a checkpoint remembers of its source. */
export type PostgresIdentity = {
  readonly system: string;
  readonly timeline: number;
  /** oid */
  readonly database: number;
  /** oid; null before there is one. */
  readonly publication: number | null;
};

export type Continuity = Preparation['continuity'];

/**
 *     slot                                     checkpoint                        what happens
 *  1. physical, other plugin, other database   any                               slot_foreign, a person's
 *  2. in use                                   any                               slot_in_use, retried
 *  3. any                                      none                              dump (a slot of ours is made anew)
 *  4. any                                      of another system or database     source_replaced, dump
 *  5. any                                      past the switch to this timeline  source_replaced, dump
 *  6. any                                      past the end of the log           source_replaced, dump
 *  7. any                                      of another publication            publication_replaced, dump
 *  8. missing                                  sound                             slot_missing, dump
 *  9. lost                                     sound                             slot_lost, dump
 * 10. ahead of the checkpoint                  sound                             slot_ahead, dump
 * 11. at the checkpoint or behind it           sound                             resume
 * @throws WatcherError `slot_foreign`, `slot_in_use`.
 */
export function judgeContinuity(facts: ContinuityFacts): Continuity {
  refuseUnusable(facts.slot, facts.database);
  if (facts.resume === null) return { kind: 'dump', cause: null };
  const cause = gap(facts, facts.resume);
  return cause === null ? { kind: 'resume' } : { kind: 'dump', cause };
}

/** Cases 1 and 2. */
export function refuseUnusable(slot: Slot | null, database: string): void {
  if (slot === null) return;
  const foreign = foreignBecause(slot, database);
  if (foreign !== null) {
    throw new WatcherError('slot_foreign', {
      message: `The replication slot ${slot.name} ${foreign}`,
      remedy: `Choose another postgres.slot, or drop the slot: SELECT pg_drop_replication_slot(${quoteText(slot.name)});`,
    });
  }
  if (slot.activePid !== null) {
    throw new WatcherError('slot_in_use', {
      message: `The replication slot ${slot.name} is held by the backend ${slot.activePid}`,
      remedy: `SELECT pg_terminate_backend(${slot.activePid}); if that reader is not wanted.`,
    });
  }
}

function foreignBecause(slot: Slot, database: string): string | null {
  if (slot.type !== 'logical') return 'is a physical one';
  if (slot.plugin !== 'pgoutput') return `has the output plugin ${slot.plugin}, not pgoutput`;
  if (slot.database !== database) return `belongs to the database ${slot.database}`;
  return slot.temporary ? 'is a temporary one' : null;
}

function gap(
  facts: ContinuityFacts,
  resume: NonNullable<ContinuityFacts['resume']>,
): WatcherError | null {
  return otherSource(facts, resume) ?? unusableSlot(facts.slot, resume.lsn);
}

function otherSource(
  facts: ContinuityFacts,
  resume: NonNullable<ContinuityFacts['resume']>,
): WatcherError | null {
  const then = resume.identity as Partial<PostgresIdentity>;
  const now = facts.identity;
  if (then.system !== now.system) {
    return replaced(`The system identifier is ${now.system}; the checkpoint is of ${then.system}`);
  }
  if (then.database !== now.database) {
    return replaced(
      `The database has the oid ${now.database}; the checkpoint is of ${then.database}`,
    );
  }
  const past = pastSwitch(facts, resume.lsn, then.timeline ?? 0);
  if (past !== null) return past;
  if (resume.lsn > facts.currentLsn) {
    return replaced(
      `The log of the server ends at ${formatLsn(facts.currentLsn)}, before the checkpoint at ${formatLsn(resume.lsn)}: the server was set back`,
    );
  }
  if (then.publication !== now.publication) return new WatcherError('publication_replaced');
  return null;
}

/** On another timeline the log is the same up to where the checkpoint's timeline ended. */
function pastSwitch(facts: ContinuityFacts, lsn: bigint, timeline: number): WatcherError | null {
  if (timeline === facts.identity.timeline) return null;
  const end = facts.history.find((change) => change.timeline === timeline)?.at;
  if (end !== undefined && lsn <= end) return null;
  const where = end === undefined ? 'is not an ancestor of it' : `ended at ${formatLsn(end)}`;
  return replaced(
    `The server is on timeline ${facts.identity.timeline}; the checkpoint at ${formatLsn(lsn)} is of timeline ${timeline}, which ${where}`,
  );
}

/** Cases 8 to 10. */
export function unusableSlot(slot: Slot | null, lsn: bigint): WatcherError | null {
  if (slot === null) return new WatcherError('slot_missing');
  if (slot.lostBecause !== null || slot.restartLsn === null || slot.confirmedLsn === null) {
    const why = slot.lostBecause ?? 'it was never made completely';
    return new WatcherError('slot_lost', {
      message: `The replication slot ${slot.name} can no longer be read: ${why}`,
    });
  }
  if (slot.confirmedLsn > lsn) {
    return new WatcherError('slot_ahead', {
      message: `The replication slot ${slot.name} is confirmed to ${formatLsn(slot.confirmedLsn)}, beyond the checkpoint at ${formatLsn(lsn)}`,
    });
  }
  return null;
}

function replaced(message: string): WatcherError {
  return new WatcherError('source_replaced', { message });
}
