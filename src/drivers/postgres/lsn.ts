import { WatcherError } from '../../errors.ts';
import type { Position } from '../../replication/position.ts';

/** @throws WatcherError `internal` when it is a position of another kind of database. */
export function lsnOf(position: Position): bigint {
  if (position.kind === 'postgres') return position.lsn;
  throw new WatcherError('internal', { message: 'a position that is not of PostgreSQL' });
}
