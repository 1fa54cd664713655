/** What the rest of the driver asks of the part that reads the log (`stream.ts`). */
import type { StreamBatch } from '../../replication/change.ts';
import type { ResumePoint, StagedLog } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { Control } from '../control.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import type { MissedTables } from './missed-tables.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { ServerFacts } from './server-facts.ts';
import type { TableName } from './statement.ts';
import type { TableSelection } from './tables.ts';

export interface LogContext {
  readonly options: MysqlDriverOptions;
  readonly target: ConnectTarget;
  readonly facts: ServerFacts;
  /** For SQL beside the log. */
  readonly control: Control<SourceConnection>;
  /** Of the dumps of this attempt. */
  readonly missed: MissedTables;
  /** The tables as they were looked up last. */
  selection(): TableSelection;
  /**
   * Looks them up again: after a change of the schema in the log. @param changed tables that a statement has changed, or
   * made: it may not have ended yet, for it is in the log before.
   */
  refresh(signal: AbortSignal, changed?: readonly TableName[]): Promise<TableSelection>;
  /**
   * Where the table was dumped last in this attempt; null: it was not. A change of the schema at or before this place
   * needs no dump: the rows were read after it.
   */
  dumpedAt(tableId: string): MysqlPosition | null;
  /** The fingerprint of the table in that dump. */
  dumpedAs(tableId: string): string | null;
}

/**
 * Reads the log after `from`, which is a place between transactions, until `signal` is aborted.
 * - A part's `xid` is the transaction's GTID (`uuid:5`, `uuid:tag:5`, `0-1-5`); without GTIDs it is the place where
 *   the transaction begins, `binlog.000002:1234`.
 * - `commit` is the same in each part: the GTIDs with the transaction, and the file and offset where it *begins*.
 * - Rows of a prepared XA transaction are staged (`StagingStep`), and read back from `staged` at its XA COMMIT.
 * - At the end of the log a heartbeat comes within a second or two, with the position of the end.
 */
export type StreamBinlog = (
  context: LogContext,
  from: ResumePoint,
  signal: AbortSignal,
  staged: StagedLog,
) => AsyncGenerator<StreamBatch>;
