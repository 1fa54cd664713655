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
   * @throws WatcherError `row_image_not_full` and what the codecs say, with table and column.
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
  describe(map: TableMap): LogTable;
  /** @param place where the statement is; its end is the position after it */
  apply(
    effects: readonly TableEffect[],
    place: MysqlPosition,
    signal: AbortSignal,
  ): Promise<TableOutcome>;
  /**
   * Tables to dump again because foreign keys have changed their rows without the log saying so; called for each
   * row change of a transaction before it is handed out. Cheap when there are none.
   */
  cascades(changes: readonly Change[], place: MysqlPosition): readonly CatalogEvent[];
}
