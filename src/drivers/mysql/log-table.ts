/** The tables as the log describes them: what the assembler asks of `log-tables.ts`. */
import type { CatalogEvent, Change, Relation } from '../../replication/change.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { RowsEvent } from './binlog/rows.ts';
import type { TableMap } from './binlog/table-map.ts';
import type { TableEffect } from './statement.ts';

/** A table from a TABLE_MAP on, until the next of its table id. */
export interface LogTable {
  /** null: the table is not of the sync. */
  readonly relation: Relation | null;
  /** False: its changes stand although their transaction is rolled back. */
  readonly transactional: boolean;
  /**
   * @param messagesBefore rows of the transaction before this event; those of the event count up from it.
   * @throws WatcherError `binlog_setting` for a row image that is not full, and what the codecs say, with table and
   *   column.
   */
  read(event: RowsEvent, messagesBefore: number): LogRows;
}

export interface LogRows {
  /** Rows in the event, of tables that are not of the sync, too: what `messages` counts. */
  readonly rows: number;
  readonly changes: readonly Change[];
}

/** What a statement or a committed transaction asks for beside its rows. */
export interface TableOutcome {
  /** Truncates. */
  readonly changes: readonly Change[];
  readonly events: readonly CatalogEvent[];
}

export interface LogTables {
  /** @param commit of the transaction: the GTIDs with it, and where it begins */
  describe(map: TableMap, commit: MysqlPosition): LogTable;
  /** @param place where the statement is; its end is the position after it */
  apply(
    effects: readonly TableEffect[],
    place: MysqlPosition,
    signal: AbortSignal,
  ): Promise<TableOutcome>;
  /**
   * Tables to dump again because rows of them are not in the log, or could not be read: foreign keys have changed them,
   * or nobody knows their columns. Called before each part is handed out, and at the end of each group that ends without
   * one (then with no changes): what it returns goes out before that part or position. Cheap when there are none.
   * @param place in the transaction, or behind it: a dump from there or later has all of them
   */
  cascades(changes: readonly Change[], place: MysqlPosition): readonly CatalogEvent[];
  /**
   * A transaction is committed here whose rows were in the log before it was read, and are not staged: each table may
   * have changed.
   * @param xid of the XA transaction @param place behind the commit
   */
  unknownCommit(xid: string, place: MysqlPosition): readonly CatalogEvent[];
}
