/**
 * What the core was told of the tables: which belong to the sync, and as what they were dumped, or will be. It is of the
 * place in the log that was read last, while the catalog is of now.
 */
import type { CatalogEvent } from '../../replication/change.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { LogContext } from './log-access.ts';
import { comparePlaces } from './log-place.ts';
import { includes, isMariadb } from './snapshot-mark.ts';
import type { TableName } from './statement.ts';
import type { TableDefinition } from './tables.ts';

export interface ToldTable {
  readonly id: string;
  readonly schema: string;
  /** `schema.table` */
  readonly name: string;
  /** `TableDefinition.fingerprint` */
  fingerprint: string;
  /** The dump that the fingerprint is of; null: it is of what was told. */
  dumpedAt: MysqlPosition | null;
}

type Context = Pick<LogContext, 'dumpedAt' | 'dumpedAs'>;

export class ToldTables {
  readonly #context: Context;
  readonly #fold: (name: string) => string;
  readonly #tables = new Map<string, ToldTable>();

  constructor(
    context: Context,
    fold: (name: string) => string,
    tables: readonly TableDefinition[],
  ) {
    this.#context = context;
    this.#fold = fold;
    for (const table of tables) this.add(table);
  }

  /** @param key as `LogNames.keyOf` */
  get(key: string): ToldTable | null {
    return this.#tables.get(key) ?? null;
  }

  byId(tableId: string): ToldTable | null {
    return this.get(this.#fold(tableId));
  }

  within(schema: string): readonly ToldTable[] {
    const folded = this.#fold(schema);
    return [...this.#tables.values()].filter((told) => this.#fold(told.schema) === folded);
  }

  /**
   * The core knows it from now on. @param fingerprint as what it is dumped, or will be: as it is in the catalog now, if it
   * is not given
   */
  add(
    { id, schema, name, fingerprint: now }: TableDefinition,
    fingerprint: string | null = now,
  ): void {
    const dumpedAt = this.#context.dumpedAt(id);
    const told = {
      id,
      schema,
      name: `${schema}.${name}`,
      fingerprint: fingerprint ?? now,
      dumpedAt,
    };
    this.#tables.set(this.#fold(id), told);
  }

  /** The core is told of it although the catalog does not have it: it asks whether there is one. */
  ask(id: string, { schema, table }: TableName): void {
    const told = { id, schema, name: `${schema}.${table}`, fingerprint: '', dumpedAt: null };
    this.#tables.set(this.#fold(id), told);
  }

  remove(key: string): void {
    this.#tables.delete(key);
  }

  /** As what the rows in etcd were written, or will be; null: the core does not know the table. */
  fingerprint({ id }: TableDefinition): string | null {
    const told = this.#tables.get(this.#fold(id));
    if (told === undefined) return null;
    const dumpedAt = this.#context.dumpedAt(id);
    if (dumpedAt !== null && dumpedAt !== told.dumpedAt) {
      told.dumpedAt = dumpedAt;
      told.fingerprint = this.#context.dumpedAs(id) ?? told.fingerprint;
    }
    return told.fingerprint;
  }

  /** Its fingerprint in the last dump of this attempt; null: there was none. */
  dumpedAs(tableId: string): string | null {
    return this.#context.dumpedAs(tableId);
  }

  /** All of them are to be dumped from behind the place. */
  redumpAll(place: MysqlPosition, reason: string): readonly CatalogEvent[] {
    return [...this.#tables.values()]
      .filter(({ id }) => !this.isDumpedAfter(id, place))
      .map(({ id, name }) => ({ kind: 'redump', tableId: id, table: name, reason }));
  }

  /** The table was dumped, in this attempt, at a place that has the whole transaction that `place` is in. */
  isDumpedAfter(tableId: string, place: MysqlPosition): boolean {
    const dumped = this.#context.dumpedAt(tableId);
    return dumped !== null && hasTransaction(dumped, place);
  }
}

/**
 * Both are of one server, so MariaDB's places decide (server.ts).
 * @param position between transactions
 * @param place within one, behind its first byte, and with its GTIDs
 */
export function hasTransaction(position: MysqlPosition, place: MysqlPosition): boolean {
  const { gtid } = place;
  if (position.gtid !== null && gtid !== null && !isMariadb(gtid)) {
    return includes(position.gtid, gtid);
  }
  return comparePlaces(position, place) >= 0;
}
