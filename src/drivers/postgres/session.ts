/** What lives through one attempt: the connections, what was prepared, and the stream. */
import { WatcherError } from '../../errors.ts';
import type { StreamBatch, StreamMessage } from '../../replication/change.ts';
import type {
  Dump,
  Finding,
  Preparation,
  Redump,
  ResumePoint,
  SourceLeftover,
  SourcePart,
  SourceStatus,
} from '../../replication/driver.ts';
import type { Position } from '../../replication/position.ts';
import { Control } from '../control.ts';
import { Assembler } from './assemble.ts';
import { CatalogWatch } from './catalog-watch.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import { connect } from './connection.ts';
import { unusableSlot } from './continuity.ts';
import type { DumpContext } from './dump.ts';
import { bindAll, startDump } from './dump.ts';
import { followLog } from './follow-log.ts';
import { dropLeftovers } from './leftovers.ts';
import { lsnOf } from './lsn.ts';
import type { PostgresDriverOptions } from './options.ts';
import type { Prepared } from './prepare.ts';
import { identifySystem, inspect, prepareSource } from './prepare.ts';
import type { BoundTable } from './read-tables.ts';
import { startRedump } from './redump.ts';
import { toSourceTable } from './relation.ts';
import { readHeldSlot, readSlot } from './slot.ts';
import { readStatus, StatusSampler } from './status-sampler.ts';
import { WalStream } from './stream.ts';
import { StreamRelations } from './stream-relations.ts';
import { HandedOut } from './visibility.ts';

const connectTimeoutMs = 15_000;
const pollIntervalMs = 10_000;

interface Attempt {
  readonly control: Control<SourceConnection>;
  readonly sampler: StatusSampler;
  prepared: Prepared;
}

export class PostgresSession {
  readonly #options: PostgresDriverOptions;
  readonly #target: ConnectTarget;
  readonly #closed = new AbortController();
  readonly #handedOut = new HandedOut();
  #attempt: Attempt | null = null;
  #wal: WalStream | null = null;
  #watch: CatalogWatch | null = null;

  constructor(options: PostgresDriverOptions) {
    const { host, port, database, user, password, tls } = options;
    this.#options = options;
    this.#target = {
      host,
      port,
      database,
      user,
      password,
      tls,
      applicationName: `watcher ${options.sync}`,
      connectTimeoutMs: options.connectTimeoutMs ?? connectTimeoutMs,
    };
  }

  async check(caller: AbortSignal): Promise<readonly Finding[]> {
    const signal = this.#signal(caller);
    const found: Finding[] = [];
    const reach = (subject: string, work: () => Promise<void>) => this.#reach(found, subject, work);
    await reach('connection', async () => {
      const connection = await connect(this.#target, 'sql', signal);
      try {
        const { outcomes } = await inspect(connection, this.#options);
        found.push(...outcomes.map(({ finding }) => finding));
      } finally {
        await connection.close();
      }
    });
    if (found.some(({ level }) => level === 'failure')) return found;
    await reach('replication connection', async () => {
      await identifySystem(this.#target, signal);
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

  async probe(signal: AbortSignal): Promise<SourceStatus> {
    const connection = await connect(this.#target, 'sql', this.#signal(signal));
    try {
      return await readStatus(connection, this.#options.slot);
    } finally {
      await connection.close();
    }
  }

  async drop(
    parts: readonly SourcePart[],
    dryRun: boolean,
    signal: AbortSignal,
  ): Promise<readonly SourceLeftover[]> {
    const connection = await connect(this.#target, 'sql', this.#signal(signal));
    try {
      return await dropLeftovers(connection, this.#options, parts, dryRun);
    } finally {
      await connection.close();
    }
  }

  async prepare(resume: ResumePoint | null, caller: AbortSignal): Promise<Preparation> {
    const signal = this.#signal(caller);
    const connection = await connect(this.#target, 'sql', signal);
    const control = new Control(connection);
    const prepared = await prepareSource(connection, this.#target, this.#options, resume, signal);
    const sampler = new StatusSampler(control, this.#options);
    this.#attempt = { control, sampler, prepared };
    const { identity, selection, snapshot, continuity } = prepared;
    return {
      identity,
      tables: toSourceTables(bindAll(selection.tables, snapshot.types, this.#options)),
      excluded: selection.excluded,
      warnings: warningsOf(prepared),
      continuity,
    };
  }

  async dump(signal: AbortSignal): Promise<Dump> {
    const attempt = this.#require();
    const started = await startDump(this.#context(attempt), this.#signal(signal));
    const { prepared } = attempt;
    const identity = { ...prepared.identity, publication: started.publication };
    const tables = started.tables.map(({ definition }) => definition);
    attempt.prepared = { ...prepared, identity, selection: { ...prepared.selection, tables } };
    return {
      position: { kind: 'postgres', lsn: started.lsn },
      identity,
      tables: toSourceTables(started.tables),
      chunks: started.chunks,
    };
  }

  async redump(tableIds: readonly string[], signal: AbortSignal): Promise<Redump> {
    const context = this.#context(this.#require());
    const { tables, chunks, snapshot, until } = await startRedump(
      context,
      tableIds,
      this.#handedOut,
      this.#signal(signal),
    );
    this.#watch?.adopt(tables.map(({ definition }) => definition));
    const mark = { snapshot, until: { kind: 'postgres', lsn: until } } as const;
    return { tables: toSourceTables(tables), chunks, mark };
  }

  async *stream(from: ResumePoint, caller: AbortSignal): AsyncGenerator<StreamBatch> {
    const attempt = this.#require();
    const signal = this.#signal(caller);
    const { facts } = attempt.prepared;
    const walsender = await connect(this.#target, 'replication', signal);
    const { slot, publication, statusIntervalMs } = this.#options;
    const wal = new WalStream(walsender, {
      slot,
      publication,
      start: lsnOf(from.position),
      statusIntervalMs,
      walSenderTimeoutMs: facts.walSenderTimeoutMs,
    });
    this.#wal = wal;
    const { watch, relations, interval } = this.#follow(attempt, wal);
    try {
      await this.#requireNoGap(attempt, wal, walsender.pid, lsnOf(from.position));
      const assembler = new Assembler(startOf(from), (oid) => relations.lookup(oid));
      for await (const batch of followLog({ wal, assembler, relations, watch, signal })) {
        for (const message of batch) this.#note(message);
        yield batch;
      }
    } finally {
      clearInterval(interval);
      await wal.close();
    }
  }

  #note(message: StreamMessage): void {
    if (message.type === 'transaction' && message.last) this.#handedOut.note(Number(message.xid));
  }

  /**
   * The slot was looked at before it was held. Had another reader advanced it in between, the server would have
   * begun there without a word (DESIGN §3 rule 2).
   * @throws WatcherError `slot_ahead`, `slot_missing`, `slot_lost`, or what ended the stream.
   */
  async #requireNoGap(attempt: Attempt, wal: WalStream, pid: number, start: bigint): Promise<void> {
    const { control, prepared } = attempt;
    const { slot: name } = this.#options;
    const read = () => control.exclusive((sql) => readSlot(sql, prepared.facts.version, name, 0));
    const slot = await readHeldSlot(read, pid, () => wal.throwIfFailed());
    const gap = unusableSlot(slot, start);
    if (gap !== null) throw gap;
  }

  acknowledge(position: Position): void {
    this.#wal?.acknowledge(lsnOf(position));
  }

  status(): SourceStatus {
    return (
      this.#attempt?.sampler.last ?? { position: null, retainedLogBytes: null, safeLogBytes: null }
    );
  }

  async close(): Promise<void> {
    this.#attempt?.sampler.stop();
    await this.#wal?.close();
    this.#closed.abort(new WatcherError('source_unavailable', { message: 'The driver is closed' }));
    await this.#attempt?.control.connection.close();
  }

  /** Looks at the catalog from time to time; what fails ends the stream. */
  #follow(attempt: Attempt, wal: WalStream) {
    const { prepared, control } = attempt;
    const watch = new CatalogWatch({
      options: this.#options,
      control,
      version: prepared.facts.version,
      publication: prepared.identity.publication ?? 0,
      tables: prepared.selection.tables,
      types: prepared.snapshot.types,
      warnings: warningsOf(prepared),
      standing: prepared.standing,
      onLook: () => {
        relations.forget();
        wal.wake();
      },
    });
    const relations = new StreamRelations(watch, this.#options);
    this.#watch = watch;
    const interval = setInterval(() => {
      if (!watch.busy) watch.poll().catch((error) => wal.fail(error));
    }, this.#options.pollIntervalMs ?? pollIntervalMs);
    return { watch, relations, interval };
  }

  #context({ control, prepared }: Attempt): DumpContext {
    return {
      options: this.#options,
      target: this.#target,
      control,
      version: prepared.facts.version,
      database: prepared.facts.database,
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

function warningsOf({ warnings, selection }: Prepared) {
  return [...warnings, ...selection.excluded.map(({ warning }) => warning)];
}

function toSourceTables(tables: readonly BoundTable[]) {
  return tables.map(({ definition, bound }) => toSourceTable(definition, bound));
}

function startOf(from: ResumePoint) {
  const { partial } = from;
  return {
    lsn: lsnOf(from.position),
    partial: partial && { finalLsn: lsnOf(partial.commit), messages: partial.messages },
  };
}
