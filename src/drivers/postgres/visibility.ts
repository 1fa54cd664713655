/**
 * A transaction is in the log before it is visible: for a moment always, and while it waits for a synchronous standby
 * for as long as that takes. A table that is dumped anew must not go back to before what the log has told already.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceConnection } from './connection.ts';
import { snapshotContains } from './snapshot-mark.ts';

/** The transactions that were handed out last, by their 32-bit ids: a ring, since every commit passes here. */
export class HandedOut {
  readonly #xids: Uint32Array;
  #count = 0;

  /** @param capacity more than can be handed out while one that was handed out before becomes visible */
  constructor(capacity = 65_536) {
    this.#xids = new Uint32Array(capacity);
  }

  note(xid: number): void {
    this.#xids[this.#count % this.#xids.length] = xid;
    this.#count += 1;
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#xids.subarray(0, this.#count).values();
  }
}

const retryMs = 20;

/**
 * Begins a transaction whose snapshot contains everything that was handed out.
 * @returns the text of the snapshot.
 */
export async function beginSnapshot(
  connection: SourceConnection,
  version: number,
  handedOut: Iterable<number>,
  signal: AbortSignal,
): Promise<string> {
  const required = [...handedOut, ...(await waitingForStandby(connection))];
  // pg_current_snapshot() came with version 13 and gives the same.
  const name = version >= 130000 ? 'pg_current_snapshot' : 'txid_current_snapshot';
  for (;;) {
    await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const [row] = await connection.query(`SELECT ${name}()::text AS snapshot`);
    const snapshot = String(row?.snapshot);
    if (required.every((xid) => snapshotContains(snapshot, xid))) return snapshot;
    await connection.query('ROLLBACK');
    await sleep(retryMs, undefined, { signal });
  }
}

/** Those may have been handed out before the last restart. Seen only of users whose statistics ours may read. */
async function waitingForStandby(connection: SourceConnection): Promise<number[]> {
  const rows = await connection.query(
    `SELECT backend_xid::text AS xid FROM pg_stat_activity
     WHERE wait_event = 'SyncRep' AND backend_xid IS NOT NULL AND datname = current_database()`,
  );
  return rows.map((row) => Number(row.xid));
}
