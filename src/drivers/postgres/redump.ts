/**
 * Reads tables anew while the stream runs (DESIGN §3 rule 7): in one snapshot, which says of each transaction whether
 * it contains it. Comparing positions would not be exact: a transaction is in the log before it is visible.
 */
import type { RowChunk } from '../../replication/driver.ts';
import { connect } from './connection.ts';
import type { DumpContext } from './dump.ts';
import { readBound, rebinder } from './dump.ts';
import type { BoundTable } from './read-tables.ts';
import { readTables } from './read-tables.ts';
import { readWalPosition } from './wal-position.ts';

export interface StartedRedump {
  readonly tables: readonly BoundTable[];
  readonly chunks: AsyncIterable<RowChunk>;
  readonly snapshot: string;
  /** All transactions that the snapshot contains end at or before it. */
  readonly until: bigint;
}

export async function startRedump(
  context: DumpContext,
  tableIds: readonly string[],
  signal: AbortSignal,
): Promise<StartedRedump> {
  const { target, version, options } = context;
  const connection = await connect(target, 'sql', signal);
  try {
    await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // pg_current_snapshot() came with version 13 and gives the same.
    const name = version >= 130000 ? 'pg_current_snapshot' : 'txid_current_snapshot';
    const [row] = await connection.query(`SELECT ${name}()::text AS snapshot`);
    const until = await readWalPosition(connection);
    const all = await readBound(connection, version, options);
    const wanted = new Set(tableIds);
    const tables = all.tables.filter(({ definition }) => wanted.has(String(definition.oid)));
    const chunks = readTables({ connections: [connection], tables, rebind: rebinder(context) });
    return { tables, chunks, snapshot: String(row?.snapshot), until };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}
