/**
 * What was committed: rows and their values come from the journal, the order from a slot of PostgreSQL's own
 * `test_decoding`.
 */

import { snapshotContains } from '../../../../src/drivers/postgres/snapshot-mark.ts';
import { parseLsn } from '../../../../src/replication/position.ts';
import type { TestDatabase } from '../../../support/database.ts';
import type { History, JournalEntry } from '../history.ts';
import { Replay } from '../history.ts';
import type { FirstRow } from '../source.ts';
import { tableNames } from './schema.ts';

interface JournalRow extends JournalEntry {
  readonly xid: string;
}

const oracleSlot = 'oracle_';

/** To be called while nobody writes. */
export async function beginHistory(database: TestDatabase): Promise<readonly FirstRow[]> {
  await database.query(`SELECT pg_create_logical_replication_slot($1, 'test_decoding')`, [
    oracleSlot + database.name,
  ]);
  return readRows(database);
}

/** Every row, as `row_to_json` has it. */
export async function readRows(database: TestDatabase): Promise<readonly FirstRow[]> {
  await database.query(`SET TimeZone = 'UTC'`);
  const rows: FirstRow[] = [];
  for (const table of tableNames) {
    const found = await database.query<{ rid: string; value: string }>(
      `SELECT rid::text, row_to_json(t)::text AS value FROM ${table} t`,
    );
    for (const { rid, value } of found) rows.push({ table, rid, value });
  }
  return rows;
}

/** To be called when nobody writes any more. */
export async function readHistory(
  database: TestDatabase,
  first: readonly FirstRow[],
): Promise<History> {
  const commits = await database.query<{ xid: string; lsn: string }>(
    `SELECT xid::text, lsn::text FROM pg_logical_slot_get_changes($1, NULL, NULL, 'skip-empty-xacts', '1')
     WHERE data LIKE 'COMMIT%'`,
    [oracleSlot + database.name],
  );
  const journal = await database.query<JournalRow>(
    'SELECT xid::text, tab, op, rid::text, value FROM journal ORDER BY seq',
  );
  const byXid = new Map<string, JournalRow[]>();
  for (const row of journal) {
    const rows = byXid.get(row.xid);
    if (rows === undefined) byXid.set(row.xid, [row]);
    else rows.push(row);
  }
  const replay = new Replay(first);
  const transactions = commits.map(({ xid, lsn }, at) => ({
    xid,
    end: parseLsn(lsn),
    ...replay.apply(at, byXid.get(xid) ?? []),
  }));
  return {
    tables: tableNames,
    transactions,
    states: replay.states,
    order: orderOf,
    contains: (snapshot, { xid }) => snapshotContains(snapshot, Number(xid)),
    nameOf: (table) => `public.${table}`,
  };
}

/** A position of a checkpoint. */
export function orderOf(position: unknown): bigint | null {
  const { lsn } = (position ?? {}) as { readonly lsn?: string };
  return lsn === undefined ? null : parseLsn(lsn);
}
