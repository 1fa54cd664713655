import type { SourceConnection } from './connection.ts';
import type { ServerFacts } from './server-facts.ts';
import { quoteTable } from './sql-text.ts';
import type { TableDefinition } from './tables.ts';

/**
 * Which tables have rows. A snapshot of MySQL before 5.7 shows a table that is truncated after it as empty, and says nothing
 * of it.
 * @param guard on which nobody can write to the tables
 * @returns their ids; null: this server does not need it
 */
export async function readOccupied(
  guard: SourceConnection,
  { flavour, version }: ServerFacts,
  tables: readonly TableDefinition[],
): Promise<ReadonlySet<string> | null> {
  if (flavour !== 'mysql' || version >= 50700) return null;
  const occupied = new Set<string>();
  for (const table of tables) {
    const found = await guard.query(`SELECT 1 FROM ${quoteTable(table)} LIMIT 1`);
    if (found.length > 0) occupied.add(table.id);
  }
  return occupied;
}
