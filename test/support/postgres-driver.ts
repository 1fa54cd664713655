/** A driver on a test's own database, and the simplest thing that can follow it. */
import {
  createPostgresDriver,
  type PostgresDriverOptions,
} from '../../src/drivers/postgres/driver.ts';
import type {
  Change,
  Relation,
  RowImage,
  StreamMessage,
  TransactionPart,
  Warning,
} from '../../src/replication/change.ts';
import type {
  Driver,
  Preparation,
  ResumePoint,
  SnapshotMark,
} from '../../src/replication/driver.ts';
import { formatLsn, type Position } from '../../src/replication/position.ts';
import type { TestDatabase } from './database.ts';
import { messagesOf } from './messages.ts';
import { until } from './until.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function driverOptions(
  database: TestDatabase,
  changes: Partial<PostgresDriverOptions> = {},
): PostgresDriverOptions {
  const { server, name } = database;
  return {
    sync: 'test',
    host: server.host,
    port: server.port,
    database: name,
    user: server.user,
    password: server.password,
    tls: { mode: 'disable', ca: null },
    publication: `watcherpub_${name}`,
    slot: `watchersub_${name}`,
    managePublication: true,
    failover: true,
    matches: (schema) => schema === 'public',
    excludesColumn: () => false,
    keyColumns: {},
    numbers: 'number',
    parallel: 2,
    statusIntervalMs: 200,
    pollIntervalMs: 300,
    logger: silent,
    ...changes,
  };
}

interface MarkedTable {
  readonly rows: Map<string, string>;
  mark: SnapshotMark | null;
}

/**
 * Holds what etcd would: table → key → JSON. Whatever could not happen if nothing is lost and nothing repeated
 * (an insert of a key that is there, an update or delete of one that is not) is a violation.
 */
export class Replica implements AsyncDisposable {
  readonly driver: Driver;
  readonly violations: string[] = [];
  readonly catalogEvents: string[] = [];
  readonly messages: StreamMessage[] = [];
  warnings: readonly Warning[] = [];
  position: Position | null = null;
  preparation: Preparation | null = null;
  resume: ResumePoint | null = null;
  readonly #tables = new Map<string, MarkedTable>();
  readonly #names = new Map<string, string>();
  readonly #stop = new AbortController();
  /** Rejects with what ended the stream. */
  ended: Promise<never> = new Promise(() => {});
  /** Awaited before every message: to be a slow reader. */
  gate: () => Promise<void> = async () => {};

  constructor(options: PostgresDriverOptions) {
    this.driver = createPostgresDriver(options);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  async prepare(resume: ResumePoint | null = null): Promise<Preparation> {
    this.preparation = await this.driver.prepare(resume, this.signal);
    this.warnings = this.preparation.warnings;
    return this.preparation;
  }

  /** Dumps, and returns the point to stream from. */
  async dump(): Promise<ResumePoint> {
    const dump = await this.driver.dump(this.signal);
    for (const table of dump.tables) this.#table(table.relation);
    for await (const chunk of dump.chunks) this.#load(chunk.relation, chunk.rows);
    this.position = dump.position;
    this.resume = { position: dump.position, identity: dump.identity, partial: null };
    return this.resume;
  }

  /** Follows the stream in the background. */
  follow(from: ResumePoint): void {
    this.ended = this.#run(from);
    this.ended.catch(() => {});
  }

  async start(): Promise<void> {
    await this.prepare();
    this.follow(await this.dump());
  }

  /** Waits until everything that is committed on the source by now has arrived. */
  async caughtUp(database: TestDatabase): Promise<void> {
    const [row] = await database.query<{ lsn: string }>(
      'SELECT pg_current_wal_insert_lsn() AS lsn',
    );
    // A commit of its own, so that the end is not a page header and the stream has something to read.
    await database.query('CREATE TABLE IF NOT EXISTS pg_temp.tick(); DROP TABLE pg_temp.tick');
    await until(
      () =>
        this.position?.kind === 'postgres' &&
        formatted(this.position.lsn) >= padded(row?.lsn ?? ''),
      { what: `the stream has passed ${row?.lsn}`, failure: this.ended },
    );
  }

  rows(table: string): Map<string, string> {
    return this.#tables.get(table)?.rows ?? new Map();
  }

  has(table: string): boolean {
    return this.#tables.has(table);
  }

  async #run(from: ResumePoint): Promise<never> {
    for await (const message of messagesOf(this.driver.stream(from, this.signal, nothingStaged))) {
      await this.gate();
      this.messages.push(message);
      await this.#handle(message);
    }
    throw new Error('the stream ended without an error');
  }

  async #handle(message: StreamMessage): Promise<void> {
    if (message.type === 'heartbeat') {
      this.#reach(message.position);
      return;
    }
    if (message.type === 'transaction') {
      for (const change of message.changes) this.#apply(message, change);
      if (message.last) this.#reach(message.position);
      return;
    }
    for (const event of message.events) {
      this.catalogEvents.push(
        event.kind === 'warnings' ? 'warnings' : `${event.kind} ${event.table}`,
      );
      if (event.kind === 'warnings') this.warnings = event.warnings;
      if (event.kind === 'drop') this.#forget(event.tableId);
      if (event.kind === 'redump') await this.redump([event.tableId]);
    }
  }

  async redump(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#forget(id);
    const redump = await this.driver.redump(ids, this.signal);
    for (const { relation } of redump.tables) this.#table(relation).mark = redump.mark;
    for await (const chunk of redump.chunks) this.#load(chunk.relation, chunk.rows);
  }

  /** Dumps a table anew between two messages, and waits for it. */
  async redumpSoon(id: string): Promise<void> {
    const gate = this.gate;
    let done = () => {};
    const finished = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.gate = async () => {
      this.gate = gate;
      await this.redump([id]);
      done();
    };
    await Promise.race([finished, this.ended]);
  }

  #reach(position: Position): void {
    this.position = position;
    this.driver.acknowledge(position);
    for (const table of this.#tables.values()) {
      if (table.mark !== null && this.driver.compare(position, table.mark.until) >= 0)
        table.mark = null;
    }
  }

  #forget(tableId: string): void {
    const name = this.#names.get(tableId);
    if (name !== undefined) this.#tables.delete(name);
    this.#names.delete(tableId);
  }

  #table(relation: Relation): MarkedTable {
    const name = `${relation.schema}.${relation.table}`;
    this.#names.set(relation.tableId, name);
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = { rows: new Map(), mark: null };
      this.#tables.set(name, table);
    }
    return table;
  }

  #load(relation: Relation, rows: readonly RowImage[]): void {
    const table = this.#table(relation);
    for (const row of rows) {
      const key = keyOf(relation, row);
      if (table.rows.has(key)) this.violations.push(`dumped twice: ${relation.table} ${key}`);
      table.rows.set(key, jsonOf(relation, row));
    }
  }

  #apply(part: TransactionPart, change: Change): void {
    const { relation } = change;
    const table = this.#table(relation);
    if (table.mark !== null && this.driver.contains(table.mark, part)) return;
    const bad = (what: string) =>
      this.violations.push(`${what}: ${relation.table}, xid ${part.xid}`);
    if (change.op === 'truncate') {
      table.rows.clear();
      return;
    }
    if (change.op === 'insert') {
      const key = keyOf(relation, change.row);
      if (table.rows.has(key) && !relation.keyDeferrable)
        bad(`insert of a key that is there (${key})`);
      table.rows.set(key, jsonOf(relation, change.row));
      return;
    }
    const old = change.op === 'delete' ? change.old : (change.old ?? change.row);
    const oldKey = keyOf(relation, old);
    const base = table.rows.get(oldKey);
    if (base === undefined) bad(`${change.op} of a key that is not there (${oldKey})`);
    const isOther = relation.keyDeferrable && base !== jsonOf(relation, old, base);
    if (!isOther) table.rows.delete(oldKey);
    if (change.op === 'update') {
      table.rows.set(keyOf(relation, change.row), jsonOf(relation, change.row, base));
    }
  }

  /** Ends it as a stop would. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the test is over'));
    await this.driver.close();
  }
}

function keyOf(relation: Relation, row: RowImage): string {
  return relation.key
    .map((index) => relation.columns[index]!.keyText(row[index] ?? '(missing)'))
    .join('/');
}

/** A value that the log omits is that of the base. */
function jsonOf(relation: Relation, row: RowImage, base?: string): string {
  const known = base === undefined ? {} : (JSON.parse(base) as Record<string, unknown>);
  const members = relation.columns.map(({ name }, index) => {
    return `${JSON.stringify(name)}:${row[index] ?? JSON.stringify(known[name] ?? '(missing)')}`;
  });
  return `{${members.join(',')}}`;
}

function padded(lsn: string): string {
  const [high = '', low = ''] = lsn.split('/');
  return `${high.padStart(8, '0')}/${low.padStart(8, '0')}`;
}

function formatted(lsn: bigint): string {
  return padded(formatLsn(lsn));
}

/** The rows of a table as the source has them: key → row_to_json, parsed. */
export async function sourceRows(
  database: TestDatabase,
  table: string,
  key: string,
): Promise<Map<string, unknown>> {
  const rows = await database.query<{ key: string; row: unknown }>(
    `SELECT (${key})::text AS key, row_to_json(t) AS row FROM ${table} t`,
  );
  return new Map(rows.map(({ key: value, row }) => [value, row]));
}

export function parsed(rows: ReadonlyMap<string, string>): Map<string, unknown> {
  return new Map([...rows].map(([key, json]) => [key, JSON.parse(json)]));
}

const nothingStaged = { async *read() {} };
