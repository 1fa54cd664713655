/** Rows that nobody wants, or that cannot be read: they are counted. */
import { WatcherError } from '../../errors.ts';
import type { Change } from '../../replication/change.ts';
import { RowDecoder } from './binlog/row-images.ts';
import type { RowsEvent } from './binlog/rows.ts';
import type { TableMap } from './binlog/table-map.ts';
import type { LogRows, LogTable } from './log-table.ts';

const noChanges: readonly Change[] = [];

/**
 * Its rows are counted, if their lengths are known: how long times of MariaDB 5.3 are is said in the catalog alone
 * (skip.ts). Rows that are not counted never are, so that the count is always the same.
 */
export function passing(
  map: TableMap,
  transactional: boolean,
  see: (event: RowsEvent) => void,
): LogTable {
  const counter = new RowDecoder(map, { numbers: 'number', isWanted: () => false });
  return {
    relation: null,
    transactional,
    read(event): LogRows {
      see(event);
      return { rows: count(counter, event), changes: noChanges };
    },
  };
}

function count(counter: RowDecoder, event: RowsEvent): number {
  try {
    return counter.decode(event).length;
  } catch (error) {
    if (error instanceof WatcherError) return 0;
    throw error;
  }
}
