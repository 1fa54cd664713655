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
import { beginSnapshot } from './visibility.ts';
import { readWalPosition } from './wal-position.ts';

export interface StartedRedump {
  readonly tables: readonly BoundTable[];
  readonly chunks: AsyncIterable<RowChunk>;
  readonly snapshot: string;
  /** All transactions that the snapshot contains end at or before it. */
  readonly until: bigint;
}

/** @param handedOut transactions whose changes are not held back for the tables: the snapshot contains them. */
export async function startRedump(
  context: DumpContext,
  tableIds: readonly string[],
  handedOut: Iterable<number>,
  signal: AbortSignal,
): Promise<StartedRedump> {
  const { target, version, options } = context;
  const connection = await connect(target, 'sql', signal);
  try {
    const snapshot = await beginSnapshot(connection, version, handedOut, signal);
    const until = await readWalPosition(connection);
    const all = await readBound(connection, version, options);
    const wanted = new Set(tableIds);
    const tables = all.tables.filter(({ definition }) => wanted.has(String(definition.oid)));
    const chunks = readTables({ connections: [connection], tables, rebind: rebinder(context) });
    return { tables, chunks, snapshot, until };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}
