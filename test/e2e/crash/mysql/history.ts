/** What was committed, as the crash test needs it: from the rows at the beginning, and the log since then. */
import type { MysqlAddress } from '../../../../tools/testenv/mysql-address.ts';
import type { MysqlTestDatabase } from '../../../support/mysql-database.ts';
import type { History, JournalEntry } from '../history.ts';
import { Replay } from '../history.ts';
import type { FirstRow } from '../source.ts';
import { fromLog, fromSelect, jsonOf, type Row } from './fragments.ts';
import { type LoggedEntry, type LogPlace, orderOfPlace, readLogText } from './log-text.ts';
import { type Column, columnsOf, type TableName, tableNames } from './schema.ts';

/** The columns of a table, and its rows by their `rid`. */
interface TableState {
  columns: readonly Column[];
  readonly rows: Map<string, Row>;
}

export type TableStates = ReadonlyMap<TableName, TableState>;

/** Every row of now. */
export async function readStates(database: MysqlTestDatabase): Promise<TableStates> {
  const states = new Map<TableName, TableState>();
  for (const table of tableNames) {
    const found = await database.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns
       WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`,
      [database.name, table],
    );
    const known = new Map(columnsOf(table).map((column) => [column.name, column]));
    const columns = found.map(({ name }) => known.get(name) ?? addedColumn(name));
    const asked = columns.map(({ name }, at) => `CAST(\`${name}\` AS CHAR) AS c${at}`);
    const rows = new Map<string, Row>();
    for (const row of await database.query(`SELECT ${asked.join(', ')} FROM ${table}`)) {
      const fragments = columns.map((column, at) => fromSelect(column, row[`c${at}`]));
      rows.set(ridOf(columns, fragments), fragments);
    }
    states.set(table, { columns, rows });
  }
  return states;
}

function addedColumn(name: string): Column {
  return { name, kind: 'integer' };
}

function ridOf(columns: readonly Column[], row: Row): string {
  return row[columns.findIndex(({ name }) => name === 'rid')] ?? '';
}

export function* asRows(states: TableStates): Generator<FirstRow> {
  for (const [table, { columns, rows }] of states) {
    for (const [rid, row] of rows) yield { table, rid, value: jsonOf(columns, row) };
  }
}

export interface HistoryOptions {
  readonly server: MysqlAddress;
  readonly database: MysqlTestDatabase;
  /** Where the log ended when `first` was read; it is used up. */
  readonly from: LogPlace;
  readonly first: TableStates;
}

/** To be called when nobody writes any more. @throws Error when the log does not lead to the rows of now */
export async function readHistory({
  server,
  database,
  from,
  first,
}: HistoryOptions): Promise<History> {
  const replay = new Replay([...asRows(first)]);
  const journal = new Journal(first, server.flavour);
  const transactions: History['transactions'][number][] = [];
  for await (const { name, end, entries } of readLogText(server, database.name, from)) {
    const effects = replay.apply(
      transactions.length,
      entries.flatMap((each) => journal.of(each)),
    );
    transactions.push({ xid: name, end, ...effects });
  }
  assertSame(first, await readStates(database));
  return {
    tables: tableNames,
    transactions,
    states: replay.states,
    order: orderOf,
    contains: (snapshot, { end }) => end <= orderOfPlace(JSON.parse(snapshot) as LogPlace),
    nameOf: (table) => `${database.name}.${table}`,
  };
}

/** A position of a checkpoint. */
export function orderOf(position: unknown): bigint | null {
  const { file, offset } = (position ?? {}) as Partial<LogPlace>;
  return file === undefined || offset === undefined ? null : orderOfPlace({ file, offset });
}

class Journal {
  readonly #states: TableStates;
  readonly #tool: MysqlAddress['flavour'];

  constructor(states: TableStates, tool: MysqlAddress['flavour']) {
    this.#states = states;
    this.#tool = tool;
  }

  of(entry: LoggedEntry): JournalEntry[] {
    const { table: tab } = entry;
    const state = this.#states.get(tab)!;
    switch (entry.kind) {
      case 'truncate':
        state.rows.clear();
        return [{ tab, op: 'truncate', rid: null, value: null }];
      case 'column':
        return this.#addColumn(tab, state, entry.column, entry.value);
      case 'row':
        return this.#change(tab, state, entry.old, entry.row);
      default:
        return entry satisfies never;
    }
  }

  /** The server rewrites the rows without the log saying so. */
  #addColumn(tab: TableName, state: TableState, column: string, value: string): JournalEntry[] {
    state.columns = [...state.columns, addedColumn(column)];
    for (const [rid, row] of state.rows) state.rows.set(rid, [...row, value]);
    const rows = [...state.rows].map(
      ([rid, row]): JournalEntry => ({ tab, op: 'row', rid, value: jsonOf(state.columns, row) }),
    );
    return [{ tab, op: 'unlogged', rid: null, value: null }, ...rows];
  }

  #change(
    tab: TableName,
    state: TableState,
    oldCells: readonly string[] | null,
    cells: readonly string[] | null,
  ): JournalEntry[] {
    const { columns, rows } = state;
    const entries: JournalEntry[] = [];
    const old = oldCells === null ? null : this.#row(columns, oldCells);
    const row = cells === null ? null : this.#row(columns, cells);
    const oldRid = old === null ? null : ridOf(columns, old);
    const rid = row === null ? null : ridOf(columns, row);
    if (oldRid !== null && !rows.delete(oldRid)) throw new Error(`the oracle lacks row ${oldRid}`);
    // REPLACE may be logged as the update of one row to another.
    if (oldRid !== null && oldRid !== rid)
      entries.push({ tab, op: 'row', rid: oldRid, value: null });
    if (row !== null && rid !== null) {
      if (rows.has(rid)) throw new Error(`the oracle has row ${rid} twice`);
      rows.set(rid, row);
      entries.push({ tab, op: 'row', rid, value: jsonOf(columns, row) });
    }
    return entries;
  }

  #row(columns: readonly Column[], cells: readonly string[]): Row {
    if (cells.length !== columns.length) throw new Error(`${cells.length} cells in the log`);
    return columns.map((column, at) => fromLog(column, cells[at] ?? '', this.#tool));
  }
}

function assertSame(replayed: TableStates, now: TableStates): void {
  for (const [table, { rows }] of now) {
    const known = replayed.get(table)?.rows ?? new Map<string, Row>();
    const wrong = [...rows].filter(
      ([rid, row]) => JSON.stringify(known.get(rid)) !== JSON.stringify(row),
    );
    if (wrong.length === 0 && known.size === rows.size) continue;
    const [rid = '', row] = wrong[0] ?? [];
    throw new Error(
      `the oracle is wrong on ${table}: ${known.size} rows for ${rows.size}, ${wrong.length} differ; row ${rid}` +
        ` is ${JSON.stringify(row)}, and not ${JSON.stringify(known.get(rid))}`,
    );
  }
}
