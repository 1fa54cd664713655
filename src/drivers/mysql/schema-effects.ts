/**
 * What a statement that changes tables means for the sync. Pure: the catalog was looked up after the statement, so it is
 * as new as the statement or newer, and the statement itself is trusted for nothing but the names that it touches.
 *
 * For each name that a statement touches (create, alter, drop, both names of a rename, all tables of a dropped database):
 *   1. a table of that name is in the sync now, and was dumped after the statement    nothing
 *   2. … and is not dumped yet, or was before                                         redump
 *   3. no table of that name is in the sync now, and the core knows one               drop
 *   4. … and the core knows none                                                      nothing
 * So a table that is renamed is dropped under the one name and dumped under the other; one that a ghost was put in the
 * place of (gh-ost, pt-online-schema-change: RENAME t TO old, ghost TO t) is dumped once; one that was dropped, and made
 * again by a statement that is still to be read, is dumped now and, by case 1, not once more.
 *
 * Less is done where less is known to have happened:
 *   5. CREATE TABLE IF NOT EXISTS of a table that the core knows and that is there    nothing
 *   6. rows are kept (an index), and the table is what it was dumped as               nothing
 *   7. TRUNCATE of a table that the core knows and that is there                      its rows are deleted; else as 1 to 4
 * More is done where cascades are not logged, because those before the statement are judged by the foreign keys of now:
 *   8. a constraint is dropped                                                        touches its table, and those that
 *                                                                                     changes of that one change
 *   9. a table is renamed                                                             touches those that its changes change
 * CREATE DATABASE touches what is in it and not known: old names become valid (#mysql50#).
 */
import type { CatalogEvent, Change } from '../../replication/change.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { LogNames } from './log-names.ts';
import type { TableOutcome } from './log-table.ts';
import { bindDefinition } from './relation.ts';
import type { TableEffect, TableName } from './statement.ts';
import type { TableDefinition } from './tables.ts';
import type { ToldTables } from './told-tables.ts';

export interface EffectsOptions {
  readonly names: LogNames;
  readonly told: ToldTables;
  readonly numbers: 'number' | 'string';
  readonly place: MysqlPosition;
  /** What foreign keys change is in the log. */
  readonly logsCascades: boolean;
}

/** Changes what the core was told. */
export function outcomeOf(effects: readonly TableEffect[], options: EffectsOptions): TableOutcome {
  const outcome = new Outcome(options);
  for (const effect of effects) outcome.add(effect);
  return outcome.end();
}

class Outcome {
  readonly #options: EffectsOptions;
  readonly #changes: Change[] = [];
  /** Each once, however often a statement names it. */
  readonly #touched = new Map<string, TableName>();

  constructor(options: EffectsOptions) {
    this.#options = options;
  }

  add(effect: TableEffect): void {
    switch (effect.kind) {
      case 'create':
        if (effect.unlessExists !== true || !this.#isKnown(effect.name)) this.#touch(effect.name);
        return;
      case 'alter':
        this.#alter(effect);
        return;
      case 'drop':
        this.#touch(effect.name);
        return;
      case 'rename':
        this.#touch(effect.name);
        this.#touch(effect.to);
        this.#touchReached(effect.to);
        return;
      case 'truncate':
        this.#truncate(effect.name);
        return;
      case 'create_database':
        for (const table of this.#within(effect.schema)) {
          if (!this.#isKnown(table)) this.#touch(table);
        }
        return;
      case 'drop_database':
        for (const table of this.#within(effect.schema)) this.#touch(table);
        return;
      default:
        effect satisfies never;
    }
  }

  end(): TableOutcome {
    const events: CatalogEvent[] = [];
    for (const [key, name] of this.#touched) {
      const event = this.#eventOf(key, name);
      if (event !== null) events.push(event);
    }
    return { changes: this.#changes, events };
  }

  #alter({ name, rowsKept, constraintDropped }: Extract<TableEffect, { kind: 'alter' }>): void {
    const cut = constraintDropped === true && !this.#options.logsCascades;
    if (cut || rowsKept !== true || !this.#isAsDumped(name)) this.#touch(name);
    if (cut) this.#touchReached(name);
  }

  #touchReached(parent: TableName): void {
    const { names, told } = this.#options;
    const { onDelete = [], onKeyUpdate = [] } = names.parent(parent) ?? {};
    for (const id of [...onDelete, ...onKeyUpdate]) {
      const table = told.byId(id);
      if (table === null) continue;
      this.#touch({ schema: table.schema, table: table.name.slice(table.schema.length + 1) });
    }
  }

  #touch(name: TableName): void {
    this.#touched.set(this.#options.names.keyOf(name), name);
  }

  /** Those that are there, and those that the core knows. */
  #within(schema: string): readonly TableName[] {
    const { names, told } = this.#options;
    const there = names.within(schema).map((table) => ({ schema, table: table.name }));
    const known = told.within(schema).map(({ name }) => ({
      schema,
      table: name.slice(schema.length + 1),
    }));
    return [...there, ...known];
  }

  /** There, and the core knows it. */
  #known(name: TableName): TableDefinition | null {
    const { names, told } = this.#options;
    return told.get(names.keyOf(name)) === null ? null : names.find(name);
  }

  #isKnown(name: TableName): boolean {
    return this.#known(name) !== null;
  }

  #isAsDumped(name: TableName): boolean {
    const table = this.#known(name);
    return table !== null && this.#options.told.fingerprint(table) === table.fingerprint;
  }

  #truncate(name: TableName): void {
    const table = this.#known(name);
    if (table === null) {
      this.#touch(name);
      return;
    }
    const { relation } = bindDefinition(table, this.#options.numbers);
    this.#changes.push({ op: 'truncate', relation, messagesBefore: 0 });
  }

  #eventOf(key: string, name: TableName): CatalogEvent | null {
    const { names, told, place } = this.#options;
    const table = names.find(name);
    const known = told.get(key);
    if (table === null) {
      told.remove(key);
      return known === null ? null : { kind: 'drop', tableId: known.id, table: known.name };
    }
    if (told.isDumpedAfter(table.id, place)) {
      told.add(table, told.dumpedAs(table.id));
      return null;
    }
    told.add(table);
    const reason = known === null ? 'it was created' : 'it was altered';
    return { kind: 'redump', tableId: table.id, table: `${table.schema}.${table.name}`, reason };
  }
}
