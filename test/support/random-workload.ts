import type { FullRow, RowImage } from '../../src/replication/change.ts';
import type { Random } from './random.ts';
import {
  type LoggedTransaction,
  type Order,
  type RelationSpec,
  relationOf,
  type ScriptedSource,
} from './scripted-source.ts';

const maxRows = 25;
/** Column `v` is the number of the transaction that wrote the row: it must never go back. */
const specs: readonly RelationSpec[] = [
  { id: 'a', columns: ['id', 'v', 'n'] },
  { id: 'b', columns: ['x', 'id', 'v', 'n'], key: ['x', 'id'] },
  { id: 'toast', columns: ['id', 'v', 'n', 'body'], mayOmit: true },
  { id: 'defer', columns: ['id', 'v', 'n'], deferrable: true },
  { id: 'churn-0', table: 'churn', columns: ['id', 'v', 'n'] },
];

/** Transactions and schema changes at random, valid ones. */
export class RandomWorkload {
  onCommit: (transaction: LoggedTransaction | null) => void = () => undefined;
  readonly #source: ScriptedSource;
  readonly #random: Random;
  readonly #specs = new Map<string, RelationSpec>();
  #count = 0;
  #values = 0;
  #churned = 0;

  constructor(source: ScriptedSource, random: Random) {
    this.#source = source;
    this.#random = random;
    for (const spec of specs) this.#create(spec);
  }

  #create(spec: RelationSpec): void {
    this.#specs.set(spec.id, spec);
    const ids = this.#random.chance(0.8) ? [1, 2, 3, 4, 5] : [];
    this.#source.create(
      spec,
      ids.map((id) => this.#row(spec.id, id, this.#count)),
    );
  }

  #row(table: string, id: number, version: number): FullRow {
    this.#values += 1;
    const n = String(this.#values);
    return (this.#specs.get(table)?.columns ?? []).map((column) => {
      if (column === 'id') return String(id);
      if (column === 'v') return String(version);
      if (column === 'x') return `"${id % 2 === 0 ? 'p' : 'q'}"`;
      return column === 'body' ? `"${n}${'x'.repeat(this.#random.below(40))}"` : n;
    });
  }

  commit(): void {
    const { chance } = { chance: (probability: number) => this.#random.chance(probability) };
    const size = chance(0.15) ? 10 + this.#random.below(60) : 1 + this.#random.below(5);
    this.#count += 1;
    // Rows as they are within the transaction.
    const working = new Map(
      [...this.#source.tables].map(([id, { rows }]) => [id, new Map(rows)] as const),
    );
    const only = chance(0.3) ? this.#random.pick([...working.keys()]) : null;
    const orders: Order[] = [];
    while (orders.length < size) {
      const table = only ?? this.#random.pick([...working.keys()]);
      for (const order of this.#orders(table, working.get(table) ?? new Map())) orders.push(order);
    }
    this.onCommit(this.#source.commit(...orders));
  }

  #orders(table: string, rows: Map<string, FullRow>): Order[] {
    const dice = this.#random.next();
    const ids = [...rows.keys()];
    const free = Array.from({ length: maxRows }, (_, id) => id).find(
      (id) => !this.#has(table, rows, id),
    );
    if (dice < 0.02) {
      rows.clear();
      return [{ op: 'truncate', table }];
    }
    if ((dice < 0.4 || ids.length === 0) && free !== undefined) {
      return [{ op: 'insert', table, row: this.#put(table, rows, free) }];
    }
    const key = this.#random.pick(ids);
    const row = rows.get(key) as FullRow;
    if (dice < 0.6) {
      rows.delete(key);
      return [{ op: 'delete', table, old: this.#old(table, row) }];
    }
    if (dice < 0.75 && free !== undefined) {
      rows.delete(key);
      const moved = this.#put(table, rows, free);
      return [{ op: 'update', table, row: moved, old: this.#old(table, row) }];
    }
    if (this.#isDeferrable(table) && dice < 0.9) return this.#rotate(table, rows);
    return [this.#update(table, rows, row)];
  }

  #update(table: string, rows: Map<string, FullRow>, before: FullRow): Order {
    const idAt = this.#column(table, 'id');
    const row = [...this.#put(table, rows, Number(before[idAt]))];
    if (this.#isDeferrable(table)) return { op: 'update', table, row, old: before };
    const body = this.#column(table, 'body');
    if (body < 0 || this.#random.chance(0.3)) return { op: 'update', table, row };
    // Unchanged, and out of line: the log leaves it out.
    const kept = [...row];
    kept[body] = before[body] as string;
    rows.set(this.#keyOf(table, kept), kept);
    const image: (string | undefined)[] = [...kept];
    image[body] = undefined;
    return { op: 'update', table, row: image };
  }

  /** 1→2, 2→3, 3→1: allowed with a deferrable key. */
  #rotate(table: string, rows: Map<string, FullRow>): Order[] {
    const taken = [...rows.values()].slice(0, 2 + this.#random.below(3));
    const at = this.#column(table, 'id');
    return taken.map((old, index) => {
      const id = Number(taken[(index + 1) % taken.length]?.[at]);
      return { op: 'update', table, row: this.#put(table, rows, id), old };
    });
  }

  #put(table: string, rows: Map<string, FullRow>, id: number): FullRow {
    const row = this.#row(table, id, this.#count);
    rows.set(this.#keyOf(table, row), row);
    return row;
  }

  #old(table: string, row: FullRow): RowImage {
    if (this.#isDeferrable(table)) return row;
    const { key } = this.#source.table(table).relation;
    return row.map((value, index) => (key.includes(index) ? value : undefined));
  }

  #has(table: string, rows: Map<string, FullRow>, id: number): boolean {
    return rows.has(this.#keyOf(table, this.#row(table, id, 0)));
  }

  #keyOf(table: string, row: FullRow): string {
    return this.#source
      .table(table)
      .relation.key.map((index) => row[index])
      .join('/');
  }

  #column(table: string, name: string): number {
    return this.#specs.get(table)?.columns.indexOf(name) ?? -1;
  }

  #isDeferrable(table: string): boolean {
    return this.#source.table(table).relation.keyDeferrable;
  }

  /** A schema change, or an event of the catalog. */
  change(): void {
    const dice = this.#random.next();
    const table = this.#random.pick([...this.#source.tables.keys()]);
    if (dice < 0.35) this.#report(table);
    else if (dice < 0.7) this.#alter(table);
    else this.#churn();
    this.onCommit(null);
  }

  #report(id: string): void {
    const { relation } = this.#source.table(id);
    const table = `public.${relation.table}`;
    this.#source.catalog({ kind: 'redump', tableId: id, table, reason: 'a test' });
  }

  /** ADD COLUMN … DEFAULT: every row is another one, and the log says nothing. */
  #alter(id: string): void {
    const spec = this.#specs.get(id) as RelationSpec;
    if (spec.columns.length > 6) return;
    const altered = {
      ...spec,
      columns: [...spec.columns, `c${spec.columns.length}`],
      version: (spec.version ?? 1) + 1,
    };
    this.#specs.set(id, altered);
    const table = this.#source.table(id);
    table.relation = relationOf(altered);
    table.fingerprint += 1;
    for (const [key, row] of table.rows) table.rows.set(key, [...row, '7']);
    if (this.#random.chance(0.5)) this.#report(id);
  }

  /** DROP and CREATE under the same name; the catalog may be looked at late. */
  #churn(): void {
    const old = `churn-${this.#churned}`;
    this.#churned += 1;
    const id = `churn-${this.#churned}`;
    this.#source.tables.delete(old);
    this.#specs.delete(old);
    this.#create({ id, table: 'churn', columns: ['id', 'v', 'n'] });
    this.#source.catalog({ kind: 'drop', tableId: old, table: 'public.churn' });
    if (this.#random.chance(0.5)) this.#report(id);
  }

  reportAll(): void {
    for (const id of this.#source.tables.keys()) this.#report(id);
    this.onCommit(null);
  }
}
