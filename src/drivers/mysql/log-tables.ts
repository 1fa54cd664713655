/**
 * The tables as the log describes them, and what becomes of them.
 *
 * The catalog is of now, the log is of the past: between the two a table may have been altered, dropped or made again.
 * What a row was is in the log if binlog_row_metadata is FULL; where it is not, columns come from the catalog, and only
 * while that is as it was when the core was told of the table (`ToldTables`). Rows that cannot be read are passed over and
 * paid for: before the position moves on, their table is dumped again from a place behind them. That dump has them,
 * because they are in the log, and a dump has all that was in the log when it began (snapshot.ts).
 *
 * A table map is about
 *   1. a table of the sync, and all is known              its rows are changes
 *   2. a table of the sync, and not all is known          passed over, and dumped again; an error when that did not help
 *   3. a table that the configuration wants, that is not  passed over, and asked for once: it was made in the moment that
 *      there                                              tables were looked up; or it is gone, and the core forgets it
 *   4. another table                                      passed over
 */
import { WatcherError } from '../../errors.ts';
import type { CatalogEvent, Change } from '../../replication/change.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { BinlogRow } from './binlog/row-images.ts';
import type { RowsEvent } from './binlog/rows.ts';
import type { TableMap } from './binlog/table-map.ts';
import { CascadeWatch } from './cascade-watch.ts';
import type { LogContext } from './log-access.ts';
import type { LogBinding } from './log-binding.ts';
import { bindMap } from './log-binding.ts';
import { LogNames, nameFold } from './log-names.ts';
import { RowsReader } from './log-rows.ts';
import type { LogTable, LogTables, TableOutcome } from './log-table.ts';
import { passing } from './passed-rows.ts';
import { outcomeOf } from './schema-effects.ts';
import { logsCascades } from './server-facts.ts';
import { tableIdOf } from './sql-text.ts';
import type { TableEffect, TableName } from './statement.ts';
import type { TableDefinition, TableSelection } from './tables.ts';
import { hasTransaction, ToldTables } from './told-tables.ts';

export function createLogTables(context: LogContext): LogTables {
  return new Tables(context);
}

/** A table map comes with every statement, and nearly always it is the one that came before. */
interface Bound {
  readonly columns: TableMap['columns'];
  readonly selection: TableSelection;
  readonly table: LogTable;
}

const noEvents: readonly CatalogEvent[] = [];
const noChanges: readonly Change[] = [];
/** Table ids grow with each change of a table. */
const maxBound = 10_000;
const vainDumps = 4;
const notReadable = 'rows of it cannot be read by what is known of its columns';

class Tables implements LogTables {
  readonly #context: LogContext;
  readonly #fold: (name: string) => string;
  readonly #told: ToldTables;
  readonly #cascades: CascadeWatch;
  /** By table id of the log. */
  readonly #bound = new Map<number, Bound>();
  /** Rows of these were passed over, and why. */
  readonly #passed = new Map<string, CatalogEvent & { kind: 'redump' }>();
  /** Dumps of a table that did not help to read it, since it was altered. */
  readonly #vain = new Map<string, Set<MysqlPosition>>();
  /** Tables that were asked for, and may not be there. */
  readonly #asked = new Set<string>();
  /** Of the transaction that is read. */
  #commit: MysqlPosition | null = null;
  #selection: TableSelection;
  #names: LogNames;

  constructor(context: LogContext) {
    const { facts, options } = context;
    this.#context = context;
    this.#fold = nameFold(facts);
    this.#selection = context.selection();
    this.#names = new LogNames(this.#selection, options, this.#fold);
    this.#told = new ToldTables(context, this.#fold, this.#selection.tables);
    this.#cascades = new CascadeWatch(this.#told);
  }

  describe(map: TableMap, commit: MysqlPosition): LogTable {
    this.#commit = commit;
    this.#cascades.begin(commit);
    const selection = this.#lookUp();
    const known = this.#bound.get(map.tableId);
    if (known?.columns === map.columns && known.selection === selection) return known.table;
    const { table, lasting } = this.#bind(map);
    if (this.#bound.size >= maxBound) this.#bound.clear();
    if (lasting) this.#bound.set(map.tableId, { columns: map.columns, selection, table });
    else this.#bound.delete(map.tableId);
    return table;
  }

  async apply(
    effects: readonly TableEffect[],
    place: MysqlPosition,
    signal: AbortSignal,
  ): Promise<TableOutcome> {
    const touched = effects.flatMap((effect) => this.#touchedBy(effect));
    const concerned = touched.filter((name) => this.#concerns(name));
    if (concerned.length === 0 && !effects.some((effect) => this.#concernsDatabase(effect))) {
      return { changes: noChanges, events: noEvents };
    }
    await this.#context.refresh(signal, concerned);
    this.#lookUp();
    for (const name of touched) {
      this.#asked.delete(this.#names.keyOf(name));
      this.#vain.delete(this.#names.find(name)?.id ?? '');
    }
    return outcomeOf(effects, {
      names: this.#names,
      told: this.#told,
      numbers: this.#context.options.numbers,
      place,
      logsCascades: logsCascades(this.#context.facts),
    });
  }

  cascades(_changes: readonly Change[], place: MysqlPosition): readonly CatalogEvent[] {
    if (this.#passed.size === 0 && this.#cascades.isIdle) return noEvents;
    const passed = [...this.#passed.values()].filter(
      ({ tableId }) => !this.#told.isDumpedAfter(tableId, place),
    );
    this.#passed.clear();
    for (const { tableId } of passed) this.#tell(tableId);
    return [...passed, ...this.#cascades.take(place)];
  }

  unknownCommit(xid: string, place: MysqlPosition): readonly CatalogEvent[] {
    const { logger } = this.#context.options;
    logger.warn({ xid, place }, 'an XA transaction of unknown rows was committed');
    return this.#told.redumpAll(place, 'an XA transaction that was prepared before is not known');
  }

  /** The tables of now, whoever has looked them up. */
  #lookUp(): TableSelection {
    const selection = this.#context.selection();
    if (selection !== this.#selection) {
      this.#selection = selection;
      this.#names = new LogNames(selection, this.#context.options, this.#fold);
    }
    return selection;
  }

  #touchedBy(effect: TableEffect): readonly TableName[] {
    switch (effect.kind) {
      case 'create_database':
      case 'drop_database':
        return this.#told
          .within(effect.schema)
          .map(({ schema, name }) => ({ schema, table: name.slice(schema.length + 1) }));
      case 'rename':
        return [effect.name, effect.to];
      default:
        return [effect.name];
    }
  }

  /** Of the sync, or something that its tables reference. Names that differ by case alone may be one table. */
  #concerns(name: TableName): boolean {
    const names = this.#names;
    if (names.isWanted(name) || names.find(name) !== null) return true;
    return this.#told.get(names.keyOf(name)) !== null || names.parent(name) !== null;
  }

  #concernsDatabase(effect: TableEffect): boolean {
    return 'schema' in effect && this.#names.hasDatabase(effect.schema);
  }

  #bind(map: TableMap): { table: LogTable; lasting: boolean } {
    const definition = this.#names.find(map);
    if (definition === null) return { table: this.#bindOther(map), lasting: true };
    const binding = this.#isAsTold(map, definition)
      ? bindMap(map, definition, this.#context.options)
      : null;
    if (binding !== null)
      return { table: this.#bindTable(map, definition, binding), lasting: true };
    if (this.#isLost(definition)) throw lost(definition);
    const see = () => this.#pass(definition.id, map, notReadable);
    return { table: passing(map, definition.transactional, see), lasting: false };
  }

  /** Without names in the log: the columns of the catalog are those of the rows. */
  #isAsTold(map: TableMap, table: TableDefinition): boolean {
    return map.fullMetadata || this.#told.fingerprint(table) === table.fingerprint;
  }

  /**
   * The table was dumped as it is in the catalog, from places before the rows, again and again: one more would not help.
   * (Once may be by chance: a dump looks its columns up a moment after its place in the log.)
   */
  #isLost({ id, fingerprint }: TableDefinition): boolean {
    const dumped = this.#context.dumpedAt(id);
    if (dumped === null || this.#commit === null) return false;
    if (hasTransaction(dumped, behind(this.#commit))) return false;
    if (this.#context.dumpedAs(id) !== fingerprint) return false;
    const vain = this.#vain.get(id) ?? new Set();
    this.#vain.set(id, vain.add(dumped));
    return vain.size >= vainDumps;
  }

  #bindTable(map: TableMap, definition: TableDefinition, binding: LogBinding): LogTable {
    const { numbers } = this.#context.options;
    const { transactional } = definition;
    const parent = this.#cascades.parentOf(this.#names.parent(map), map, binding);
    const reader = new RowsReader({ map, binding, numbers, compared: parent?.compared ?? [] });
    const passed = passing(map, transactional, () => this.#pass(definition.id, map, notReadable));
    return {
      relation: binding.relation,
      transactional,
      read: (event, messagesBefore) => {
        const decoded = this.#decode(reader, event, map, definition);
        if (decoded === null) return passed.read(event, messagesBefore);
        const changes = new Array<Change>(decoded.length);
        let count = 0;
        for (let at = 0; at < decoded.length; at += 1) {
          const row = decoded[at] as BinlogRow;
          const change = reader.change(row, messagesBefore + at);
          if (change === null) continue;
          changes[count] = change;
          count += 1;
          if (parent !== null) parent.see(change.op, () => reader.differs(row));
        }
        changes.length = count;
        return { rows: decoded.length, changes };
      },
    };
  }

  /** @returns null when the rows do not fit the columns of the catalog, which may be newer than the rows. */
  #decode(
    reader: RowsReader,
    event: RowsEvent,
    map: TableMap,
    definition: TableDefinition,
  ): readonly BinlogRow[] | null {
    try {
      return reader.decode(event);
    } catch (error) {
      const mayHelp = error instanceof WatcherError && error.code !== 'binlog_setting';
      if (map.fullMetadata || !mayHelp || this.#isLost(definition)) throw error;
      return null;
    }
  }

  /** Cases 3 and 4. */
  #bindOther(map: TableMap): LogTable {
    const wanted = this.#names.isWanted(map) && !this.#names.isExcluded(map);
    const parent = this.#cascades.parentOf(this.#names.parent(map), map, null);
    return passing(map, true, (event) => {
      if (wanted) this.#ask(map);
      parent?.see(event.op, () => true);
    });
  }

  #ask(map: TableMap): void {
    const key = this.#names.keyOf(map);
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    const id = tableIdOf(map.schema, map.table);
    this.#told.ask(id, map);
    this.#pass(id, map, 'its rows are in the log');
  }

  #pass(tableId: string, { schema, table }: TableMap, reason: string): void {
    this.#passed.set(tableId, { kind: 'redump', tableId, table: `${schema}.${table}`, reason });
  }

  /** It will be dumped as it is now. */
  #tell(tableId: string): void {
    const table = this.#selection.tables.find(({ id }) => id === tableId);
    if (table !== undefined) this.#told.add(table);
  }
}

function lost({ schema, name }: TableDefinition): WatcherError {
  return new WatcherError('unsupported_event', {
    message: `${schema}.${name}: the log has other columns, or another key, than the catalog`,
    remedy: "SET GLOBAL binlog_row_metadata = 'FULL'; (where the server has it); then dump again.",
    table: `${schema}.${name}`,
  });
}

function behind(commit: MysqlPosition): MysqlPosition {
  return { ...commit, offset: commit.offset + 1 };
}
