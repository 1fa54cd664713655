/** The first copy: a new slot, and all tables in the snapshot that was exported with it. */
import { WatcherError } from '../../errors.ts';
import type { RowChunk } from '../../replication/driver.ts';
import type { Control } from '../control.ts';
import { readCatalog } from './catalog.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import { connect } from './connection.ts';
import type { PostgresDriverOptions } from './options.ts';
import type { BoundTable } from './read-tables.ts';
import { readTables } from './read-tables.ts';
import { bindDefinition } from './relation.ts';
import { createSlot } from './slot.ts';
import { quoteText } from './sql-text.ts';
import type { TableDefinition } from './tables.ts';
import { selectTables } from './tables.ts';
import type { TypeCatalog } from './types.ts';

export interface DumpContext {
  readonly options: PostgresDriverOptions;
  readonly target: ConnectTarget;
  readonly control: Control<SourceConnection>;
  readonly version: number;
  readonly database: string;
}

export interface StartedDump {
  readonly lsn: bigint;
  readonly publication: number;
  readonly tables: readonly BoundTable[];
  readonly chunks: AsyncIterable<RowChunk>;
}

const slotTimeoutMs = 30_000;

/** The walsender that made the slot stays idle until every connection has imported its snapshot. */
export async function startDump(context: DumpContext, signal: AbortSignal): Promise<StartedDump> {
  const { options, target, control, version, database } = context;
  const walsender = await connect(target, 'replication', signal);
  try {
    const request = {
      name: options.slot,
      database,
      failover: options.failover,
      version,
      timeoutMs: options.slotTimeoutMs ?? slotTimeoutMs,
    };
    const slot = await control.exclusive((sql) =>
      createSlot(sql, walsender, request, options.logger),
    );
    options.logger.info({ slot: options.slot, snapshot: slot.snapshot }, 'replication slot made');
    const first = await openInSnapshot(target, slot.snapshot, signal);
    const { tables, publication } = await readBound(first, version, options);
    const more = Math.max(0, Math.min(options.parallel, tables.length) - 1);
    const others = await Promise.all(
      Array.from({ length: more }, () => openInSnapshot(target, slot.snapshot, signal)),
    );
    const rebind = rebinder(context);
    const chunks = readTables({ connections: [first, ...others], tables, rebind });
    return { lsn: slot.consistentPoint, publication, tables, chunks };
  } finally {
    await walsender.close();
  }
}

async function openInSnapshot(
  target: ConnectTarget,
  snapshot: string,
  signal: AbortSignal,
): Promise<SourceConnection> {
  const connection = await connect(target, 'sql', signal);
  await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await connection.query(`SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`);
  return connection;
}

/** The tables as the snapshot of the connection has them. */
export async function readBound(
  connection: SourceConnection,
  version: number,
  options: PostgresDriverOptions,
): Promise<{ readonly tables: readonly BoundTable[]; readonly publication: number }> {
  const snapshot = await readCatalog(connection, version, options);
  if (snapshot.publication === null) throw new WatcherError('publication_replaced');
  const { tables } = selectTables(snapshot, options);
  return {
    tables: bindAll(tables, snapshot.types, options),
    publication: snapshot.publication.oid,
  };
}

export function bindAll(
  definitions: readonly TableDefinition[],
  types: TypeCatalog,
  options: PostgresDriverOptions,
): readonly BoundTable[] {
  return definitions.map((definition) => ({
    definition,
    bound: bindDefinition(definition, types, options.numbers),
  }));
}

/** Types are looked up as they are now, outside of the dump's snapshot: that is how values are printed. */
export function rebinder(context: DumpContext) {
  const { control, options, version } = context;
  return async (definition: TableDefinition) => {
    const { types } = await control.exclusive((sql) => readCatalog(sql, version, options));
    return bindDefinition(definition, types, options.numbers);
  };
}
