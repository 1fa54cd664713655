/**
 * What a server must have, as one list of checks: `check()` shows all of them, `prepare()` throws the first that
 * fails. Each failure has the exact statement that mends it.
 */
import { WatcherError } from '../../errors.ts';
import type { Outcome } from '../outcome.ts';
import { failed, ok, warning } from '../outcome.ts';
import { refuseUnusable } from './continuity.ts';
import type { PostgresDriverOptions } from './options.ts';
import type { PreflightContext } from './preflight-context.ts';
import { checkTables } from './preflight-tables.ts';
import type { ServerFacts } from './server-facts.ts';
import { readSlot } from './slot.ts';
import { quoteName } from './sql-text.ts';

/** Needs nothing but the facts: after a failure here the catalog is not read. */
export function checkServer(
  facts: ServerFacts,
  options: PostgresDriverOptions,
): readonly Outcome[] {
  return [
    checkVersion(facts),
    checkEncoding(facts),
    checkRecovery(facts),
    checkWalLevel(facts),
    checkReplicationRole(facts, options),
  ];
}

export async function checkSync(context: PreflightContext): Promise<readonly Outcome[]> {
  return [
    await checkSlots(context),
    checkWalSenders(context.facts),
    ...(await checkTables(context)),
  ];
}

function checkVersion(facts: ServerFacts): Outcome {
  if (facts.version >= 100000) return ok('version', facts.versionText);
  return failed('version', 'source_unsupported', {
    message: `PostgreSQL ${facts.versionText} has no logical replication by pgoutput`,
    remedy: 'Upgrade the server to PostgreSQL 10 or later.',
  });
}

function checkEncoding(facts: ServerFacts): Outcome {
  if (facts.encoding !== 'SQL_ASCII') return ok('encoding', facts.encoding);
  return failed('encoding', 'source_unsupported', {
    message: `The database ${facts.database} has the encoding SQL_ASCII: its bytes need not be text`,
    remedy: `Make the database anew with ENCODING 'UTF8' and load it from pg_dump -E of the encoding that its texts really have.`,
  });
}

function checkRecovery(facts: ServerFacts): Outcome {
  if (!facts.inRecovery || facts.version >= 160000)
    return ok('recovery', facts.inRecovery ? 'a standby' : 'a primary');
  return failed('recovery', 'source_unsupported', {
    message: `The server is a standby of version ${facts.versionText}: only standbys of PostgreSQL 16 and later decode their log`,
    remedy: 'Set database.host to the primary.',
  });
}

function checkWalLevel(facts: ServerFacts): Outcome {
  if (facts.walLevel === 'logical') return ok('wal_level', facts.walLevel);
  return failed('wal_level', 'source_setting', {
    message: `wal_level is ${facts.walLevel}; logical replication needs logical`,
    remedy:
      "ALTER SYSTEM SET wal_level = 'logical'; then restart the server (Amazon RDS: rds.logical_replication = 1 in the parameter group).",
  });
}

function checkReplicationRole(facts: ServerFacts, options: PostgresDriverOptions): Outcome {
  if (facts.mayReplicate) return ok('replication role', options.user);
  const role = quoteName(options.user);
  return failed('replication role', 'privilege_missing', {
    message: `The role ${options.user} may not replicate`,
    remedy: `ALTER ROLE ${role} REPLICATION; (Amazon RDS: GRANT rds_replication TO ${role};)`,
  });
}

async function checkSlots(context: PreflightContext): Promise<Outcome> {
  const { facts, connection, options } = context;
  const subject = 'replication slot';
  const slot = await readSlot(connection, facts.version, options.slot, 0);
  if (slot === null && facts.slotsUsed >= facts.slotsMax) {
    return failed(subject, 'slots_exhausted', {
      message: `All ${facts.slotsMax} replication slots are in use`,
      remedy: `Drop unused ones: SELECT slot_name FROM pg_replication_slots WHERE NOT active; or ALTER SYSTEM SET max_replication_slots = ${facts.slotsMax + 10}; and restart.`,
    });
  }
  try {
    refuseUnusable(slot, facts.database);
  } catch (error) {
    if (!(error instanceof WatcherError)) throw error;
    // Most likely this very sync, running. Whoever prepares looks again and waits a moment.
    if (error.code === 'slot_in_use') return warning(subject, error);
    return failed(subject, error.code, error);
  }
  if (slot !== null && slot.lostBecause !== null) {
    return warning(subject, {
      message: `The slot ${slot.name} can no longer be read: ${slot.lostBecause}`,
      remedy: 'None needed: the sync dumps again.',
    });
  }
  return ok(subject, slot === null ? `${options.slot} will be made` : `${options.slot} is there`);
}

function checkWalSenders(facts: ServerFacts): Outcome {
  if (facts.sendersUsed < facts.sendersMax)
    return ok('walsenders', `${facts.sendersUsed} of ${facts.sendersMax} in use`);
  return failed('walsenders', 'slots_exhausted', {
    message: `All ${facts.sendersMax} walsenders are in use`,
    remedy: `ALTER SYSTEM SET max_wal_senders = ${facts.sendersMax + 10}; and restart, or stop unused readers: SELECT pid, application_name FROM pg_stat_replication;`,
  });
}
