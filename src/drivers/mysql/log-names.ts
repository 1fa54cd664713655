/** Finds tables by the names that the log has for them. Pure. */
import type { CascadeTargets } from './foreign-keys.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { ServerFacts } from './server-facts.ts';
import { tableIdOf } from './sql-text.ts';
import type { TableName } from './statement.ts';
import type { TableDefinition, TableSelection } from './tables.ts';

/** lower_case_table_names: 0, names differ by case; 1 and 2, they do not, and the log has them in either. */
export function nameFold(facts: Pick<ServerFacts, 'variables'>): (name: string) => string {
  const setting = facts.variables.get('lower_case_table_names') ?? '0';
  return setting === '0' ? (name) => name : (name) => name.toLowerCase();
}

/** By patterns: as it was written, or as the catalog has it, which is folded where lower_case_table_names is 1. */
export function isMatched(
  { schema, table }: TableName,
  { matches }: Pick<MysqlDriverOptions, 'matches'>,
  fold: (name: string) => string,
): boolean {
  return matches(schema, table) || matches(fold(schema), fold(table));
}

/** The tables of one selection. */
export class LogNames {
  readonly #tables = new Map<string, TableDefinition>();
  readonly #excluded: ReadonlySet<string>;
  readonly #parents: ReadonlyMap<string, CascadeTargets>;
  readonly #databases: ReadonlySet<string>;
  readonly #options: Pick<MysqlDriverOptions, 'databases' | 'matches'>;
  readonly #fold: (name: string) => string;

  constructor(
    selection: TableSelection,
    options: Pick<MysqlDriverOptions, 'databases' | 'matches'>,
    fold: (name: string) => string,
  ) {
    for (const table of selection.tables) this.#tables.set(fold(table.id), table);
    this.#excluded = new Set(selection.excluded.map(({ tableId }) => fold(tableId)));
    this.#parents = new Map([...selection.cascades].map(([id, targets]) => [fold(id), targets]));
    this.#databases = new Set(options.databases.map(fold));
    this.#options = options;
    this.#fold = fold;
  }

  /** By which tables are told apart. */
  keyOf({ schema, table }: TableName): string {
    return this.#fold(tableIdOf(schema, table));
  }

  find(name: TableName): TableDefinition | null {
    return this.#tables.get(this.keyOf(name)) ?? null;
  }

  /** Those of a database. */
  within(schema: string): readonly TableDefinition[] {
    const folded = this.#fold(schema);
    return [...this.#tables.values()].filter((table) => this.#fold(table.schema) === folded);
  }

  /** Whether the configuration wants a table of this name. */
  isWanted(name: TableName): boolean {
    return this.hasDatabase(name.schema) && isMatched(name, this.#options, this.#fold);
  }

  hasDatabase(schema: string): boolean {
    return this.#databases.has(this.#fold(schema));
  }

  /** It is there, but cannot be replicated. */
  isExcluded(name: TableName): boolean {
    return this.#excluded.has(this.keyOf(name));
  }

  /** What its changes change without the log saying so. */
  parent(name: TableName): CascadeTargets | null {
    return this.#parents.size === 0 ? null : (this.#parents.get(this.keyOf(name)) ?? null);
  }
}
