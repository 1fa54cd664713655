/** What a sync has on its source besides the user's data, and the statements that remove it. */
import type { SyncConfig } from '../config/config.ts';
import { quoteName, quoteText } from './postgres/sql-text.ts';

export interface SourceObjects {
  readonly slot: string | null;
  readonly publication: string | null;
}

/** MySQL and MariaDB keep nothing for a reader. A publication that Watcher does not manage is not its own. */
export function sourceObjects({ driver, postgres }: SyncConfig): SourceObjects {
  if (driver !== 'pgx') return { slot: null, publication: null };
  const { slot, publication, managePublication } = postgres;
  return { slot, publication: managePublication ? publication : null };
}

export function dropStatements({ slot, publication }: SourceObjects): readonly string[] {
  return [
    ...(slot === null ? [] : [`SELECT pg_drop_replication_slot(${quoteText(slot)});`]),
    ...(publication === null ? [] : [`DROP PUBLICATION ${quoteName(publication)};`]),
  ];
}
