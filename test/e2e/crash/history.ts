/**
 * What was committed at the source, in the order of its log: for each key of etcd the states that it went through.
 * Rows and their values come from the journal, the order from a slot of PostgreSQL's own `test_decoding`.
 */
import { parseLsn } from '../../../src/replication/position.ts';
import type { TestDatabase } from '../../support/database.ts';
import { keyOf, type TableName, tableNames } from './schema.ts';

/** A key from a transaction on; `value` null: it does not exist. */
export interface KeyState {
  /** Index of the transaction in the log; -1: from before the first. */
  readonly at: number;
  readonly value: string | null;
}

export interface CommittedTransaction {
  readonly xid: number;
  /** Where its commit record ends. */
  readonly end: bigint;
  /** Keys that it touched, by table; what it left behind is in `History.states`. */
  readonly touched: ReadonlySet<string>;
  /** For one that may be split: the values that its keys had in between, null included. */
  readonly between: ReadonlyMap<string, ReadonlySet<string | null>>;
  /** Tables whose rows it changed without the log saying so. */
  readonly unlogged: ReadonlySet<TableName>;
  readonly changes: number;
  readonly bytes: number;
  /** The most keys that a TRUNCATE of it removed. */
  readonly truncatedKeys: number;
}

export interface History {
  readonly transactions: readonly CommittedTransaction[];
  /** Without the prefix of the rows, for example `items/7`. */
  readonly states: ReadonlyMap<string, readonly KeyState[]>;
}

interface JournalRow {
  readonly xid: string;
  readonly tab: TableName;
  readonly op: 'row' | 'truncate' | 'unlogged';
  readonly rid: string | null;
  readonly value: string | null;
}

export interface FirstRow {
  readonly table: TableName;
  readonly rid: string;
  readonly value: string;
}

const oracleSlot = 'oracle_';

/** To be called while nobody writes. */
export async function beginHistory(database: TestDatabase): Promise<readonly FirstRow[]> {
  await database.query(`SELECT pg_create_logical_replication_slot($1, 'test_decoding')`, [
    oracleSlot + database.name,
  ]);
  return readRows(database);
}

/** Every row, as `row_to_json` has it. */
export async function readRows(database: TestDatabase): Promise<readonly FirstRow[]> {
  await database.query(`SET TimeZone = 'UTC'`);
  const rows: FirstRow[] = [];
  for (const table of tableNames) {
    const found = await database.query<{ rid: string; value: string }>(
      `SELECT rid::text, row_to_json(t)::text AS value FROM ${table} t`,
    );
    for (const { rid, value } of found) rows.push({ table, rid, value });
  }
  return rows;
}

/** To be called when nobody writes any more. */
export async function readHistory(
  database: TestDatabase,
  first: readonly FirstRow[],
): Promise<History> {
  const commits = await database.query<{ xid: string; lsn: string }>(
    `SELECT xid::text, lsn::text FROM pg_logical_slot_get_changes($1, NULL, NULL, 'skip-empty-xacts', '1')
     WHERE data LIKE 'COMMIT%'`,
    [oracleSlot + database.name],
  );
  const journal = await database.query<JournalRow>(
    'SELECT xid::text, tab, op, rid::text, value FROM journal ORDER BY seq',
  );
  const byXid = new Map<string, JournalRow[]>();
  for (const row of journal) {
    const rows = byXid.get(row.xid);
    if (rows === undefined) byXid.set(row.xid, [row]);
    else rows.push(row);
  }
  const replay = new Replay(first);
  const transactions = commits.map(({ xid, lsn }, at) => ({
    xid: Number(xid),
    end: parseLsn(lsn),
    ...replay.apply(at, byXid.get(xid) ?? []),
  }));
  return { transactions, states: replay.states };
}

interface Row {
  readonly table: TableName;
  readonly key: string;
  readonly value: string;
}

/** A transaction with more changes may have to be split; so may one with more bytes. */
const manyChanges = 900;
const manyBytes = 300_000;
/** So may a TRUNCATE of more keys: Watcher deletes 20,000 at a time. */
const manyTruncated = 15_000;

class Replay {
  readonly states = new Map<string, KeyState[]>();
  readonly #rows = new Map<string, Row>();
  /** Which row is at a key now. */
  readonly #at = new Map<string, string>();

  constructor(first: readonly FirstRow[]) {
    for (const { table, rid, value } of first) {
      const key = keyOf(table, value);
      this.#rows.set(rid, { table, key, value });
      this.#at.set(key, rid);
      this.states.set(key, [{ at: -1, value }]);
    }
  }

  apply(at: number, journal: readonly JournalRow[]): Omit<CommittedTransaction, 'xid' | 'end'> {
    const touched = new Set<string>();
    const rids = new Set<string>();
    const before = new Map<string, string>();
    const between = new Map<string, Set<string | null>>();
    const unlogged = new Set<TableName>();
    const bytes = journal.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    const isLarge =
      journal.length > manyChanges || bytes > manyBytes || this.#truncatesMany(journal);
    let truncatedKeys = 0;
    const touch = (key: string, value: string | null) => {
      touched.add(key);
      if (!isLarge) return;
      const values = between.get(key);
      if (values === undefined) between.set(key, new Set([value]));
      else values.add(value);
    };
    const set = (rid: string, row: Row | null) => {
      const old = this.#rows.get(rid);
      if (!rids.has(rid) && old !== undefined) before.set(rid, old.key);
      rids.add(rid);
      if (old !== undefined && old.key !== row?.key) touch(old.key, null);
      if (row === null) this.#rows.delete(rid);
      else this.#rows.set(rid, row);
      if (row !== null) touch(row.key, row.value);
    };
    for (const { tab, op, rid, value } of journal) {
      if (op === 'unlogged') unlogged.add(tab);
      else if (op === 'truncate') {
        const gone = [...this.#rows].filter(([, row]) => row.table === tab);
        for (const [id] of gone) set(id, null);
        truncatedKeys = Math.max(truncatedKeys, gone.length);
      } else if (rid !== null) {
        set(rid, value === null ? null : { table: tab, key: keyOf(tab, value), value });
      }
    }
    for (const [rid, key] of before) if (this.#at.get(key) === rid) this.#at.delete(key);
    for (const rid of rids) {
      const row = this.#rows.get(rid);
      if (row !== undefined) this.#at.set(row.key, rid);
    }
    for (const key of touched) this.#note(key, at);
    return { touched, between, unlogged, changes: journal.length, bytes, truncatedKeys };
  }

  #truncatesMany(journal: readonly JournalRow[]): boolean {
    const truncated = new Set(journal.filter(({ op }) => op === 'truncate').map(({ tab }) => tab));
    if (truncated.size === 0) return false;
    const gone = [...this.#rows.values()].filter(({ table }) => truncated.has(table));
    return gone.length > manyTruncated;
  }

  #note(key: string, at: number): void {
    const rid = this.#at.get(key);
    const value = rid === undefined ? null : (this.#rows.get(rid)?.value ?? null);
    const states = this.states.get(key);
    if (states === undefined) {
      if (value !== null) this.states.set(key, [{ at, value }]);
    } else if (states.at(-1)?.value !== value) states.push({ at, value });
  }
}
