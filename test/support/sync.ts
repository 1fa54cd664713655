/** One sync of a Watcher process of its own, between a database and a key prefix of its own, with the verbs of a test. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EtcdTarget } from '../../tools/testenv/etcd-http.ts';
import type { PostgresAddress } from '../../tools/testenv/postgres.ts';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { createPrefix, type TestPrefix } from './prefix.ts';
import { etcd, postgres } from './servers.ts';
import { type ExpectedTable, expectedRows, keyBase, sameRows } from './source-rows.ts';
import { until } from './until.ts';

/** A sync as the API gives it; the members that tests look at. */
export interface SyncJson {
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly instance: string | null;
  readonly position: PositionJson | null;
  readonly source_position: PositionJson | null;
  readonly lag: { readonly bytes: number | null; readonly seconds: number | null };
  readonly dump: {
    readonly state: string;
    readonly percent: number | null;
    readonly tables: readonly { readonly table: string; readonly state: string }[];
  };
  readonly counters: Readonly<Record<string, number>>;
  readonly retained_log_bytes: number | null;
  readonly checkpoint: { readonly revision: number | null; readonly committed_at: string | null };
  readonly warnings: readonly Fault[];
  readonly last_error: (Fault & { readonly at: string; readonly retry_at: string | null }) | null;
}

/** `lsn` for PostgreSQL, the others for MySQL and MariaDB. */
export interface PositionJson {
  readonly lsn: string;
  readonly gtid: string | null;
  readonly file: string;
  readonly offset: number;
}

interface Queryable {
  query(sql: string, values?: unknown[]): Promise<unknown[]>;
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly table?: string | null;
}

/** Members of the sync's configuration; objects are merged, everything else replaces. */
export type SyncConfig = Readonly<Record<string, unknown>>;

export interface SyncOptions extends CommonSyncOptions {
  /** PostgreSQL 18 of the run without it. */
  readonly server?: PostgresAddress;
  /** SQL before Watcher starts. */
  readonly setup?: string;
}

export interface CommonSyncOptions {
  readonly etcd?: EtcdTarget & { readonly endpoint: string };
  readonly config?: SyncConfig;
  /** Members of the whole configuration, for example `etcd`. */
  readonly settings?: SyncConfig;
  /** How the database is reached; as the superuser of `server` without it. */
  readonly login?: SyncConfig;
  readonly nodeArgs?: readonly string[];
  /** Resolve once the API serves, not once the first dump is done. */
  readonly asItIs?: boolean;
}

/** A database as a sync of a test uses it. */
export interface SyncSource<Database> extends AsyncDisposable {
  readonly database: Database;
  /** Members of the sync's configuration: `driver`, `database`, and those of its kind. */
  readonly config: SyncConfig;
  /** Whether a position is at or behind all that is committed now. */
  end(): Promise<(position: NonNullable<SyncJson['position']>) => boolean>;
  /** What every key of the table begins with. */
  keyBase(prefix: string, table: ExpectedTable): string;
  /** Key → JSON of every row of now. */
  rows(prefix: string, table: ExpectedTable): Promise<Map<string, string>>;
}

export interface TestSync<Database extends Queryable = TestDatabase> extends AsyncDisposable {
  readonly database: Database;
  readonly prefix: TestPrefix;
  /** The process of now. */
  readonly watcher: WatcherProcess;
  /** Runs SQL on the source. */
  sql: Database['query'];
  status(): Promise<SyncJson>;
  /** Waits for a status with a property. */
  until(
    what: string,
    condition: (status: SyncJson) => boolean,
    timeoutMs?: number,
  ): Promise<SyncJson>;
  /** Waits until everything committed before is durable in etcd, and tables dumped beside the stream are too. */
  caughtUp(timeoutMs?: number): Promise<void>;
  /** Waits until the keys of a table are its rows: exact JSON, and no key more. `schema.table`, `public` without a dot. */
  agrees(table: string | ExpectedTable, timeoutMs?: number): Promise<void>;
  /** Keys and values of a table. */
  keys(table: string | ExpectedTable): Promise<Map<string, string>>;
  /** SIGTERM if it still runs, then a new process; with other members of the configuration from then on. */
  restart(config?: SyncConfig, options?: { readonly asItIs?: boolean }): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** POST to a path of the sync: `stop`. */
  order(order: 'start' | 'stop' | 'dump', body?: unknown): Promise<Response>;
  /** VmHWM: the most memory that the process ever had resident. */
  peakBytes(): Promise<number>;
}

const name = 'shop';

function merge(base: SyncConfig, over: SyncConfig = {}): SyncConfig {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const old = result[key];
    result[key] = isPlain(old) && isPlain(value) ? merge(old, value) : value;
  }
  return result;
}

function isPlain(value: unknown): value is SyncConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON is YAML. */
function configuration(
  options: CommonSyncOptions,
  source: SyncSource<unknown>,
  prefix: TestPrefix,
): SyncConfig {
  const sync = merge(
    merge(
      {
        database: { replication_status_timeout: '300ms', retry_period: '100ms' },
        keys: { template: `${prefix.rows}{schema}/{table}/{key}` },
      },
      source.config,
    ),
    merge({ database: options.login ?? {} }, options.config),
  );
  const { endpoint } = options.etcd ?? etcd();
  return merge(
    {
      log_level: 'debug',
      api: { port: 0 },
      etcd: { endpoints: [new URL(endpoint).host], state_prefix: prefix.state },
      syncs: { [name]: sync },
    },
    options.settings,
  );
}

/** Starts Watcher on an empty PostgreSQL database that `setup` fills, and waits until it streams. */
export async function startSync(options: SyncOptions = {}): Promise<TestSync> {
  const { server = postgres(18), setup } = options;
  return startSyncOf(options, () => postgresSource(server, setup));
}

async function postgresSource(
  server: PostgresAddress,
  setup: string | undefined,
): Promise<SyncSource<TestDatabase>> {
  const database = await createDatabase(server);
  const { host, port, user, password } = server;
  await database.query(`SET TimeZone = 'UTC'; SET client_min_messages = 'error'`);
  if (setup !== undefined) await database.query(setup);
  return {
    database,
    config: {
      driver: 'pgx',
      database: { host, port, name: database.name, user, password },
      postgres: { publication: `p_${database.name}`, slot: `s_${database.name}` },
    },
    async end() {
      const [row] = await database.query<{ lsn: string }>(
        'SELECT pg_current_wal_insert_lsn()::text AS lsn',
      );
      // A record behind it, so that there is a position at or beyond it to be reached.
      await database.query(`SELECT pg_logical_emit_message(true, 'test', '')`);
      const target = lsn(row?.lsn ?? '');
      return (position) => lsn(position.lsn) >= target;
    },
    keyBase,
    rows: (prefix, table) => expectedRows(database, prefix, table),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** As `startSync`, for any kind of database. */
export async function startSyncOf<Database extends Queryable>(
  options: CommonSyncOptions,
  createSource: () => Promise<SyncSource<Database>>,
): Promise<TestSync<Database>> {
  const opened: AsyncDisposable[] = [];
  const dispose = async () => {
    for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]();
  };
  try {
    const source = await createSource();
    opened.push(source);
    const prefix = createPrefix(options.etcd ?? etcd());
    opened.push(prefix);
    const dir = await mkdtemp(join(tmpdir(), 'watcher-e2e-'));
    opened.push({ [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) });
    const sync = new RunningSync(options, source, prefix, dir);
    opened.push({ [Symbol.asyncDispose]: () => sync.kill() });
    await sync.start(options.asItIs);
    return Object.assign(sync, { [Symbol.asyncDispose]: dispose });
  } catch (error) {
    await dispose();
    throw error;
  }
}

class RunningSync<Database extends Queryable>
  implements Omit<TestSync<Database>, keyof AsyncDisposable>
{
  readonly database: Database;
  readonly prefix: TestPrefix;
  readonly sql: Database['query'];
  readonly #source: SyncSource<Database>;
  readonly #options: CommonSyncOptions;
  readonly #dir: string;
  #config: SyncConfig;
  #watcher: WatcherProcess | null = null;

  constructor(
    options: CommonSyncOptions,
    source: SyncSource<Database>,
    prefix: TestPrefix,
    dir: string,
  ) {
    this.#options = options;
    this.#source = source;
    this.#dir = dir;
    this.#config = configuration(options, source, prefix);
    this.database = source.database;
    this.prefix = prefix;
    this.sql = source.database.query;
  }

  get watcher(): WatcherProcess {
    if (this.#watcher === null) throw new Error('Watcher has not been started');
    return this.#watcher;
  }

  async start(asItIs = false): Promise<void> {
    const { nodeArgs = [] } = this.#options;
    const config = JSON.stringify(this.#config, null, 2);
    this.#watcher = await startWatcher({ config, dir: this.#dir, nodeArgs });
    if (!asItIs) await this.until('it streams', ({ state }) => state === 'streaming');
  }

  async restart(config?: SyncConfig, { asItIs = false } = {}): Promise<void> {
    await this.#watcher?.stop();
    if (config !== undefined) this.#config = merge(this.#config, { syncs: { [name]: config } });
    await this.start(asItIs);
  }

  async kill(): Promise<void> {
    await this.#watcher?.kill();
  }

  async status(): Promise<SyncJson> {
    return (await this.watcher.get(`/v1/syncs/${name}`)) as SyncJson;
  }

  async until(
    what: string,
    condition: (status: SyncJson) => boolean,
    timeoutMs = 30_000,
  ): Promise<SyncJson> {
    let last: SyncJson | null = null;
    const ask = async () => {
      last = await this.status();
      return condition(last) && last;
    };
    const { failure } = this.watcher;
    try {
      return await until(ask, { what, failure, timeoutMs });
    } catch (error) {
      throw new Error(`${what}: ${JSON.stringify(last)}\n${this.#logTail()}`, { cause: error });
    }
  }

  async caughtUp(timeoutMs?: number): Promise<void> {
    const reached = await this.#source.end();
    await this.until(
      'all that is committed is durable',
      ({ position, dump, state }) =>
        state === 'streaming' && dump.state !== 'running' && position !== null && reached(position),
      timeoutMs,
    );
  }

  async agrees(expected: string | ExpectedTable, timeoutMs = 30_000): Promise<void> {
    const table = typeof expected === 'string' ? { table: expected } : expected;
    let differences: string[] = [];
    const compare = async () => {
      const rows = await this.#source.rows(this.prefix.rows, table);
      differences = sameRows(rows, await this.keys(table));
      return differences.length === 0;
    };
    const what = `etcd agrees with ${table.table}`;
    const { failure } = this.watcher;
    try {
      await until(compare, { what, failure, timeoutMs });
    } catch (error) {
      const text = [...differences.slice(0, 5), JSON.stringify(await this.status())].join('\n');
      throw new Error(`${what}: ${text}\n${this.#logTail()}`, { cause: error });
    }
  }

  keys(table: string | ExpectedTable): Promise<Map<string, string>> {
    const expected = typeof table === 'string' ? { table } : table;
    return this.prefix.gateway.values(this.#source.keyBase(this.prefix.rows, expected));
  }

  order(order: string, body?: unknown): Promise<Response> {
    return this.watcher.post(`/v1/syncs/${name}/${order}`, body);
  }

  async peakBytes(): Promise<number> {
    const text = await readFile(`/proc/${this.watcher.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1]) * 1024;
  }

  #logTail(): string {
    return this.watcher.log
      .filter(({ msg }) => msg !== 'request')
      .slice(-15)
      .map((line) => JSON.stringify(line, (key, value) => (key === 'stack' ? undefined : value)))
      .join('\n');
  }
}

/** `16/B374D848` as a number. */
export function lsn(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
