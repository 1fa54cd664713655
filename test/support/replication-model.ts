import type { Change, FullRow, Relation, RowImage } from '../../src/replication/change.ts';
import type { Checkpoint, TableRecords } from '../../src/replication/sink.ts';
import type { MemoryStore } from './memory-sink.ts';
import type { LoggedTransaction, ScriptedSource } from './scripted-source.ts';

type Rows = ReadonlyMap<string, string>;

interface TableImage {
  readonly fingerprint: string;
  readonly rows: Rows;
}

interface SourceImage {
  readonly lsn: bigint;
  readonly tables: ReadonlyMap<string, TableImage>;
}

function expectedKey({ table, key }: Relation, row: RowImage): string {
  return `/s/${table}/${key.map((index) => row[index]?.replaceAll('"', '')).join('/')}`;
}

function expectedValue({ columns }: Relation, row: FullRow): string {
  return `{${columns.map(({ name }, index) => `"${name}":${row[index]}`).join()}}`;
}

/** What etcd must hold, written down independently of the code: from the rows of the source after each commit. */
export class ReplicationModel {
  readonly #source: ScriptedSource;
  readonly #images: SourceImage[] = [];
  readonly #transactions = new Map<bigint, LoggedTransaction>();

  constructor(source: ScriptedSource) {
    this.#source = source;
    this.record();
  }

  /** To be called after each change of the source. */
  record(transaction: LoggedTransaction | null = null): void {
    if (transaction !== null) this.#transactions.set(transaction.finalLsn, transaction);
    const tables = [...this.#source.tables].map(([id, { relation, rows, fingerprint }]) => {
      const pairs = [...rows.values()].map((row) => [
        expectedKey(relation, row),
        expectedValue(relation, row),
      ]);
      const image = {
        fingerprint: String(fingerprint),
        rows: new Map(pairs as [string, string][]),
      };
      return [id, image] as const;
    });
    this.#images.push({ lsn: this.#source.lsn, tables: new Map(tables) });
  }

  /** All rows of now. */
  expected(): Record<string, string> {
    const tables = [...(this.#images.at(-1)?.tables.values() ?? [])];
    const pairs = tables.flatMap(({ rows }) => [...rows]);
    return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Everything that is wrong with the history of the store. */
  *faults(store: MemoryStore): Generator<string> {
    yield* store.violations;
    const rows = new Map<string, string>();
    const newest = new Map<string, number>();
    let tables: TableRecords = {};
    for (const { revision, batch, changed } of store.history) {
      tables = batch.tables ?? tables;
      for (const [key, value] of changed) {
        if (value === null) rows.delete(key);
        else rows.set(key, value);
        const version = value === null ? 0 : (JSON.parse(value) as { v: number }).v;
        if (value !== null && version < (newest.get(key) ?? 0)) {
          yield `revision ${revision} sets ${key} back to ${version} from ${newest.get(key)}`;
        }
        if (value !== null) newest.set(key, version);
      }
      yield* this.#differences(`revision ${revision}`, rows, batch.checkpoint, tables);
    }
  }

  /** A table that is in step holds exactly what the source held at the checkpoint. */
  *#differences(
    where: string,
    rows: Rows,
    checkpoint: Checkpoint,
    tables: TableRecords,
  ): Generator<string> {
    const { position, phase, partial } = checkpoint;
    if (phase !== 'stream' || position === null) return;
    const image = this.#imageAt(lsnIn(position));
    for (const [id, record] of Object.entries(tables)) {
      const table = image?.tables.get(id);
      if (record.state !== 'done' || record.mark !== null || table === undefined) continue;
      if (record.fingerprint !== table.fingerprint) continue;
      const expected =
        partial === null
          ? table.rows
          : this.#withPart(id, table.rows, lsnIn(partial.commit), partial.changes);
      if (expected === null) continue;
      const found = new Map([...rows].filter(([key]) => key.startsWith(record.prefixes[0] ?? '?')));
      const difference = firstDifference(expected, found);
      if (difference !== null) {
        yield `${where}, ${record.table} at ${JSON.stringify({ position, partial })}: ${difference}`;
      }
    }
  }

  #imageAt(lsn: bigint): SourceImage | undefined {
    return this.#images.findLast((image) => image.lsn <= lsn);
  }

  /** The first messages of a transaction on top of the rows; null for what they do not say (deferrable keys). */
  #withPart(id: string, before: Rows, commit: bigint, messages: number): Rows | null {
    const transaction = this.#transactions.get(commit);
    if (transaction === undefined) throw new Error(`the checkpoint names no commit: ${commit}`);
    const rows = new Map(before);
    for (const change of transaction.changes.slice(0, messages)) {
      if (change.relation.tableId !== id) continue;
      if (change.relation.keyDeferrable) return null;
      applyTo(rows, change);
    }
    // A large TRUNCATE is several pieces of one message.
    const next = transaction.changes[messages];
    return next?.op === 'truncate' && next.relation.tableId === id ? null : rows;
  }
}

function applyTo(rows: Map<string, string>, change: Change): void {
  const { relation } = change;
  if (change.op === 'truncate') {
    rows.clear();
    return;
  }
  const old =
    change.op === 'insert'
      ? null
      : change.op === 'delete'
        ? change.old
        : (change.old ?? change.row);
  const base = old === null ? undefined : rows.get(expectedKey(relation, old));
  if (old !== null) rows.delete(expectedKey(relation, old));
  if (change.op === 'delete') return;
  const omitted = base === undefined ? {} : (JSON.parse(base) as Record<string, unknown>);
  const row = change.row.map(
    (fragment, index) => fragment ?? JSON.stringify(omitted[relation.columns[index]?.name ?? '']),
  );
  rows.set(expectedKey(relation, row), expectedValue(relation, row));
}

function firstDifference(expected: Rows, found: Rows): string | null {
  for (const [key, value] of expected) {
    if (found.get(key) !== value) return `${key} is ${found.get(key)}, not ${value}`;
  }
  for (const key of found.keys()) if (!expected.has(key)) return `${key} should not be there`;
  return null;
}

function lsnIn(position: object): bigint {
  const [high = '', low = ''] = (position as { lsn: string }).lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
