/**
 * Compares the catalog with what was reported, while the stream runs: what DDL does to stored rows is not in the
 * log (DESIGN §4). It looks every 10 s (on an idle server, every five minutes), and at once when the log describes a table that is not known like that.
 */
import { performance } from 'node:perf_hooks';
import { WatcherError } from '../../errors.ts';
import type { CatalogEvent, Warning } from '../../replication/change.ts';
import type { Control } from '../control.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { inSnapshot, readCatalog } from './catalog.ts';
import { ancestorsSql } from './catalog-sql.ts';
import type { SourceConnection } from './connection.ts';
import type { PostgresDriverOptions } from './options.ts';
import { applyPublicationPlan, judgePublication, planPublication } from './publication.ts';
import { SettledLog } from './settled-log.ts';
import type { TableDefinition, TableSelection } from './tables.ts';
import { selectTables } from './tables.ts';
import type { TypeCatalog } from './types.ts';
import { readWalPosition } from './wal-position.ts';

export interface CatalogWatchOptions {
  readonly options: PostgresDriverOptions;
  readonly control: Control<SourceConnection>;
  readonly version: number;
  /** Oid of the publication that is followed. */
  readonly publication: number;
  readonly tables: readonly TableDefinition[];
  /** Those of the tables; what is read is added. */
  readonly types: TypeCatalog;
  readonly warnings: readonly Warning[];
  /** Warnings that only the start of an attempt looks for. */
  readonly standing: readonly Warning[];
  /** Events may be ready, or types have changed. */
  onLook(): void;
}

const joined = 'it joined the sync';
const changed = 'its definition or its storage changed';

/** While a lock is waited for, writers of the table wait behind it: that is not to be their every-day life. */
const refusedPauseMs = 60_000;

interface Pending {
  readonly event: CatalogEvent;
  /** The log up to here may still hold changes of what is gone; null: none. */
  readonly after: bigint | null;
  /** Makes it so for the stream. */
  apply(): void;
}

export class CatalogWatch {
  readonly types: TypeCatalog;
  readonly #options: CatalogWatchOptions;
  readonly #log = new SettledLog();
  /** What the stream hands out, by oid. */
  readonly #definitions: Map<number, TableDefinition>;
  /** What was compared last, events that wait included. */
  readonly #reported: Map<number, TableDefinition>;
  #warnings: string;
  #pending: Pending[] = [];
  #refused: Warning[] = [];
  #looking: Promise<void> | null = null;
  #alignAfterMs = 0;

  constructor(options: CatalogWatchOptions) {
    this.#options = options;
    this.types = options.types;
    this.#definitions = new Map(options.tables.map((table) => [table.oid, table]));
    this.#reported = new Map(this.#definitions);
    this.#warnings = JSON.stringify(options.warnings);
  }

  definition(oid: number): TableDefinition | null {
    return this.#definitions.get(oid) ?? null;
  }

  get busy(): boolean {
    return this.#looking !== null;
  }

  /**
   * Whether the table is a partition of one of the sync's. The log describes it too, beside its root, under whose
   * name its rows come (pgoutput.c, maybe_send_schema).
   */
  async isCovered(oid: number): Promise<boolean> {
    const roots = [...this.#definitions.values()].filter(({ kind }) => kind === 'p');
    if (roots.length === 0) return false;
    const rows = await this.#options.control.exclusive((connection) =>
      connection.query(ancestorsSql, [String(oid)]),
    );
    const ancestors = new Set(rows.map((row) => Number(row.oid)));
    return roots.some((root) => ancestors.has(root.oid));
  }

  /** Whether events wait for the stream to get further. */
  get waits(): boolean {
    return this.#pending.length > 0;
  }

  /** A table was dumped anew, as it was then: what changed before is not to be reported. */
  adopt(definitions: readonly TableDefinition[]): void {
    for (const definition of definitions) {
      this.#reported.set(definition.oid, definition);
      if (this.#definitions.has(definition.oid)) this.#definitions.set(definition.oid, definition);
    }
  }

  async loadTypes(oids: readonly number[]): Promise<void> {
    await this.#options.control.exclusive((connection) =>
      this.types.load((sql, parameters) => connection.query(sql, parameters), oids),
    );
  }

  /**
   * The table is to be dumped anew once the stream has passed what was just read: then the new snapshot has it.
   */
  demand(oid: number): void {
    const table = this.#definitions.get(oid);
    if (table !== undefined)
      this.#redump(table, 'its rows in the log are of an older form of a type');
  }

  /**
   * Looks now. A look that is under way may have read the catalog too early: it is waited for, then another is made.
   * @throws WatcherError `publication_replaced`, and what `judgePublication` says of one that is not ours.
   */
  async look(): Promise<void> {
    while (this.#looking !== null) await this.#looking;
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
    this.#options.onLook();
  }

  /** Looks, unless the log says that the last look still stands. */
  async poll(): Promise<void> {
    const end = await this.#options.control.exclusive(readWalPosition);
    if (this.#log.stands(end)) return;
    await this.look();
    // What was refused is tried again.
    this.#log.looked(end, this.#refused.length === 0);
  }

  /**
   * Events in order, up to the first that the stream is not far enough for.
   * @param position what was handed out; null: all, the log itself has shown that it is further than the catalog.
   */
  takeEvents(position: bigint | null): readonly CatalogEvent[] {
    const waiting = this.#pending.findIndex(
      ({ after }) => after !== null && position !== null && after > position,
    );
    const ready = waiting === -1 ? this.#pending : this.#pending.slice(0, waiting);
    this.#pending = waiting === -1 ? [] : this.#pending.slice(waiting);
    for (const pending of ready) pending.apply();
    return ready.map(({ event }) => event);
  }

  async #look(): Promise<void> {
    const { control, options } = this.#options;
    const { snapshot, end } = await control.exclusive(async (connection) => {
      const snapshot = await this.#readAligned(connection);
      return { snapshot, end: await readWalPosition(connection) };
    });
    const { failure, warnings } = judgePublication(snapshot, options);
    if (failure !== null) throw failure;
    const selection = selectTables(snapshot, options);
    this.#compare(selection, end);
    this.#compareWarnings([
      ...this.#options.standing,
      ...warnings,
      ...this.#refused,
      ...selection.excluded.map(({ warning }) => warning),
    ]);
  }

  async #readAligned(connection: SourceConnection): Promise<CatalogSnapshot> {
    const { options, version } = this.#options;
    const read = () =>
      inSnapshot(connection, () => readCatalog(connection, version, options, this.types));
    const snapshot = await read();
    this.#requirePublication(snapshot);
    const plan = planPublication(snapshot, options);
    if (plan === null) this.#refused = [];
    if (plan === null || performance.now() < this.#alignAfterMs) return snapshot;
    try {
      await applyPublicationPlan(connection, plan, version, options.publication, options.logger);
      this.#refused = [];
    } catch (error) {
      if (!isRefusal(error)) throw error;
      options.logger.warn({ code: error.code, error: error.message }, 'publication not aligned');
      const { code, message, remedy, table } = error;
      this.#refused = [{ code, message, remedy, table }];
      this.#alignAfterMs = performance.now() + refusedPauseMs;
    }
    return read();
  }

  #requirePublication({ publication }: CatalogSnapshot): void {
    if (publication?.oid === this.#options.publication) return;
    throw new WatcherError('publication_replaced', {
      message: `The publication ${this.#options.options.publication} was ${publication === null ? 'dropped' : 'made anew'}`,
    });
  }

  #compare({ tables }: TableSelection, end: bigint): void {
    const now = new Map(tables.map((table) => [table.oid, table]));
    for (const [oid, table] of this.#reported) if (!now.has(oid)) this.#drop(table, end);
    for (const table of tables) {
      const before = this.#reported.get(table.oid);
      if (before?.fingerprint === table.fingerprint) continue;
      this.#redump(table, before === undefined ? joined : changed);
    }
  }

  #drop(table: TableDefinition, after: bigint): void {
    this.#reported.delete(table.oid);
    this.#pending.push({
      event: { kind: 'drop', tableId: String(table.oid), table: `${table.schema}.${table.name}` },
      after,
      apply: () => this.#definitions.delete(table.oid),
    });
  }

  #redump(table: TableDefinition, reason: string): void {
    this.#reported.set(table.oid, table);
    this.#pending.push({
      event: {
        kind: 'redump',
        tableId: String(table.oid),
        table: `${table.schema}.${table.name}`,
        reason,
      },
      after: null,
      apply: () => this.#definitions.set(table.oid, table),
    });
  }

  #compareWarnings(warnings: readonly Warning[]): void {
    const text = JSON.stringify(warnings);
    if (text === this.#warnings) return;
    this.#warnings = text;
    this.#pending.push({ event: { kind: 'warnings', warnings }, after: null, apply: () => {} });
  }
}

/** What a table that joins may lack, while the others go on. */
function isRefusal(error: unknown): error is WatcherError {
  return (
    error instanceof WatcherError &&
    (error.code === 'source_busy' || error.code === 'privilege_missing')
  );
}
