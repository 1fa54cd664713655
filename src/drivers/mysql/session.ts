/** What lives through one attempt: the connections, what was prepared, and the stream. */
import { isDeepStrictEqual } from 'node:util';
import { WatcherError } from '../../errors.ts';
import type { StreamBatch, Warning } from '../../replication/change.ts';
import type {
  Dump,
  Finding,
  Preparation,
  Redump,
  ResumePoint,
  SourceStatus,
  StagedLog,
} from '../../replication/driver.ts';
import type { MysqlPosition, Position } from '../../replication/position.ts';
import { Control } from '../control.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import { connect } from './connection.ts';
import type { StartedDump } from './dump.ts';
import { startDump } from './dump.ts';
import { identityAt } from './identity.ts';
import type { LogContext, StreamBinlog } from './log-access.ts';
import { readFileCreated } from './log-file-header.ts';
import { bytesBetween } from './log-place.ts';
import { LogWatch } from './log-watch.ts';
import { MissedTables } from './missed-tables.ts';
import type { MysqlDriverOptions } from './options.ts';
import type { Prepared } from './prepare.ts';
import { inspect, prepareSource, readSelection } from './prepare.ts';
import { startRedump } from './redump.ts';
import { bindDefinition, toSourceTable } from './relation.ts';
import { isSame, serverOf } from './server.ts';
import { readServerFacts } from './server-facts.ts';
import { comparePositions, mysqlPosition } from './snapshot-mark.ts';
import { readLogStatus, StatusSampler, sourceStatus } from './status-sampler.ts';
import type { TableSelection } from './tables.ts';

const connectTimeoutMs = 15_000;

interface Attempt {
  readonly control: Control<SourceConnection>;
  readonly sampler: StatusSampler;
  readonly watch: LogWatch;
  readonly facts: Prepared['facts'];
  readonly prepared: Prepared;
  selection: TableSelection;
}

export class MysqlSession {
  readonly #options: MysqlDriverOptions;
  readonly #streamBinlog: StreamBinlog;
  readonly #target: ConnectTarget;
  readonly #closed = new AbortController();
  /** By table id: where, and as what, it was dumped in this attempt. */
  readonly #dumped = new Map<string, { position: MysqlPosition; fingerprint: string }>();
  readonly #missed = new MissedTables();
  #attempt: Attempt | null = null;
  #durable: MysqlPosition | null = null;
  /** Where the attempt goes on, if that is a position of another server. */
  #foreign: MysqlPosition | null = null;

  constructor(options: MysqlDriverOptions, streamBinlog: StreamBinlog) {
    const { host, port, user, password, tls, installation } = options;
    this.#options = options;
    this.#streamBinlog = streamBinlog;
    this.#target = {
      host,
      port,
      user,
      password,
      tls,
      applicationName: ['watcher', installation, options.sync].filter(Boolean).join(' '),
      connectTimeoutMs: options.connectTimeoutMs ?? connectTimeoutMs,
    };
  }

  async check(caller: AbortSignal): Promise<readonly Finding[]> {
    const signal = this.#signal(caller);
    const found: Finding[] = [];
    let file = '';
    await this.#reach(found, 'connection', async () => {
      const connection = await connect(this.#target, signal);
      try {
        const { facts, outcomes } = await inspect(connection, this.#options);
        file = facts.logEnd?.file ?? '';
        found.push(...outcomes.map(({ finding }) => finding));
      } finally {
        await connection.close();
      }
    });
    if (found.some(({ level }) => level === 'failure')) return found;
    await this.#reach(found, 'replication slave', async () => {
      await readFileCreated(this.#target, file, signal);
    });
    return found;
  }

  /** Adds what came of it to the findings; an error is one, too. */
  async #reach(found: Finding[], subject: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      const message = `${this.#options.host}:${this.#options.port}`;
      found.unshift({ level: 'ok', subject, message, remedy: '' });
    } catch (error) {
      if (!(error instanceof WatcherError)) throw error;
      found.unshift({ level: 'failure', subject, message: error.message, remedy: error.remedy });
    }
  }

  async probe(durable: Position | null, signal: AbortSignal): Promise<SourceStatus> {
    const connection = await connect(this.#target, this.#signal(signal));
    try {
      const facts = await readServerFacts(connection);
      const status = await readLogStatus(connection, facts);
      return sourceStatus(status, durable?.kind === 'mysql' ? durable : null);
    } finally {
      await connection.close();
    }
  }

  async prepare(resume: ResumePoint | null, caller: AbortSignal): Promise<Preparation> {
    const signal = this.#signal(caller);
    const connection = await connect(this.#target, signal);
    const control = new Control(connection);
    const options = this.#options;
    const prepared = await prepareSource(connection, this.#target, options, resume, signal);
    const { facts, identity, selection, warnings, continuity } = prepared;
    this.#foreign = identity.foreign ?? null;
    if (resume !== null && continuity.kind === 'resume')
      this.#durable = mysqlPosition(resume.position);
    const durable = () => this.#durable;
    const nowMs = () => performance.now();
    const watch = new LogWatch();
    const sampler = new StatusSampler({ control, facts, options, durable, watch, nowMs });
    this.#attempt = { control, sampler, watch, facts, prepared, selection };
    const tables = selection.tables.map((table) =>
      toSourceTable(bindDefinition(table, options.numbers)),
    );
    return {
      identity,
      tables,
      excluded: selection.excluded,
      warnings: [...warnings, ...selection.excluded.map(({ warning }) => warning)],
      continuity,
    };
  }

  async dump(caller: AbortSignal): Promise<Dump> {
    const attempt = this.#require();
    const signal = this.#signal(caller);
    const { parallel, dumpMethod } = this.#options;
    const started = await startDump({
      context: this.#context(attempt),
      streamBinlog: this.#streamBinlog,
      ids: null,
      connections: parallel,
      method: dumpMethod,
      signal,
    });
    this.#remember(started);
    const { position, tables, chunks } = started;
    const identity = await identityAt(position, this.#target, attempt.facts, signal);
    return { position, identity, tables: tables.map(toSourceTable), chunks };
  }

  async redump(tableIds: readonly string[], caller: AbortSignal): Promise<Redump> {
    const context = this.#context(this.#require());
    const signal = this.#signal(caller);
    const request = { context, streamBinlog: this.#streamBinlog, signal };
    const { redump, started } = await startRedump(request, tableIds);
    this.#remember(started);
    return redump;
  }

  /** Between batches: the retention of the log, and which tables are left out. */
  async *stream(
    from: ResumePoint,
    caller: AbortSignal,
    staged: StagedLog,
  ): AsyncGenerator<StreamBatch> {
    const attempt = this.#require();
    const signal = this.#signal(caller);
    // What the stream begins after is durable: after a first dump nobody has acknowledged it yet.
    this.#durable = mysqlPosition(from.position);
    let said: string | null = null;
    let { excluded } = attempt.prepared.selection;
    const context = this.#context(attempt);
    for await (const batch of this.#streamBinlog(context, from, signal, staged)) {
      for (const message of batch) attempt.watch.arrived(message);
      yield batch;
      const { warning } = attempt.sampler;
      const now = attempt.selection.excluded;
      const same = now === excluded || isDeepStrictEqual(now, excluded);
      excluded = now;
      if ((warning?.code ?? null) === said && same) continue;
      said = warning?.code ?? null;
      const warnings = this.#warnings(attempt);
      yield [{ type: 'catalog', events: [{ kind: 'warnings', warnings }] }];
    }
  }

  acknowledge(position: Position): void {
    this.#durable = mysqlPosition(position);
  }

  /** `serverOf` the one that the attempt is on; null: none was met yet. */
  get server(): string | null {
    return this.#attempt === null ? null : serverOf(this.#attempt.facts);
  }

  /** All positions of an attempt are of one server, but the one that it began at may be of another. */
  compare(a: Position, b: Position): number {
    const foreign = this.#foreign;
    const crosses = foreign !== null && (isSame(a, foreign) || isSame(b, foreign));
    return comparePositions(a, b, this.#attempt !== null && !crosses);
  }

  lagBytes(source: Position, position: Position): number | null {
    const files = this.#attempt?.sampler.files ?? [];
    return bytesBetween(files, mysqlPosition(position), mysqlPosition(source));
  }

  status(): SourceStatus {
    return (
      this.#attempt?.sampler.status ?? {
        position: null,
        retainedLogBytes: null,
        safeLogBytes: null,
      }
    );
  }

  async close(): Promise<void> {
    this.#attempt?.sampler.stop();
    this.#closed.abort(new WatcherError('source_unavailable', { message: 'The driver is closed' }));
    await this.#attempt?.control.connection.close();
  }

  /** All warnings of now. */
  #warnings({ prepared, selection, sampler }: Attempt): readonly Warning[] {
    const { warning } = sampler;
    return [
      ...prepared.warnings,
      ...selection.excluded.map((table) => table.warning),
      ...(warning === null ? [] : [warning]),
    ];
  }

  #remember({ tables, position }: StartedDump): void {
    for (const { definition } of tables) {
      this.#dumped.set(definition.id, { position, fingerprint: definition.fingerprint });
    }
  }

  #context(attempt: Attempt): LogContext {
    const { control, facts } = attempt;
    return {
      options: this.#options,
      target: this.#target,
      facts,
      control,
      missed: this.#missed,
      selection: () => attempt.selection,
      refresh: async (signal, changed = []) => {
        signal.throwIfAborted();
        attempt.selection = await control.exclusive((connection) => {
          const expected = attempt.selection.tables;
          return readSelection(connection, facts, this.#options, { expected, changed });
        });
        return attempt.selection;
      },
      dumpedAt: (id) => this.#dumped.get(id)?.position ?? null,
      dumpedAs: (id) => this.#dumped.get(id)?.fingerprint ?? null,
    };
  }

  #require(): Attempt {
    if (this.#attempt !== null) return this.#attempt;
    throw new WatcherError('internal', { message: 'prepare comes first' });
  }

  #signal(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closed.signal]);
  }
}
