/**
 * One attempt: load the checkpoint → dump if the log cannot be followed from it → stream, for ever. It throws what
 * went wrong, and decides nothing about retry.
 */
import { WatcherError } from '../errors.ts';
import type { PipelineOptions } from './attempt.ts';
import type { Preparation, ResumePoint } from './driver.ts';
import { firstDump } from './first-dump.ts';
import { Mutex } from './mutex.ts';
import { Overlay } from './overlay.ts';
import { type Position, positionFromJson } from './position.ts';
import { refuseForeignKeys } from './prefix-guard.ts';
import { Redumps } from './redumps.ts';
import type { Checkpoint, StoredState } from './sink.ts';
import { stagedLog } from './staging.ts';
import { StreamReader } from './stream-reader.ts';
import { Tables } from './tables.ts';
import { Writer } from './writer.ts';

export async function runPipeline(options: PipelineOptions): Promise<never> {
  const { driver, sink, events, signal } = options;
  const state = usable(await sink.load(signal), options.positionKind);
  events.loaded(state);
  const resume = options.dumpAnew ? null : resumePoint(state.checkpoint);
  const preparation = await driver.prepare(resume, signal);
  events.prepared(preparation);

  const tables = new Tables(options.prefixOf);
  const overlay = new Overlay();
  tables.adopt(preparation.tables, state.tables);
  await refuseForeignKeys({ ...options, state, tables });
  const writer = new Writer({
    sink,
    checkpoint: nextCheckpoint(options, state.checkpoint, preparation),
    takeTables: () => tables.takeRecords(),
    onDurable: (batch, sections) => {
      for (const section of sections) overlay.settle(section);
      events.durable(batch);
      if (batch.position === null) return;
      tables.passed(batch.position, driver);
      driver.acknowledge(batch.position);
    },
    heartbeatMs: options.heartbeatMs,
    signal,
    now: options.monotonicMs,
  });
  const parts = new Parts(signal, writer);
  const attempt = { ...options, signal: parts.signal, writer, tables };
  try {
    let from = resume;
    if (preparation.continuity.kind === 'dump') {
      from = await parts.first([firstDump({ ...attempt, state, preparation })]);
      events.dumped();
    } else {
      for (const table of tables.all()) {
        const { rowsEstimated } = table.source;
        options.progress.know(table.name, 'done', table.rows, rowsEstimated);
      }
    }
    if (from === null) throw new WatcherError('internal', { message: 'nothing to resume from' });
    return await stream({ ...attempt, parts, overlay, from });
  } finally {
    await parts.end();
  }
}

/** What runs side by side in an attempt: one that fails ends the others, and nothing of them outlives the attempt. */
class Parts {
  readonly signal: AbortSignal;
  readonly #ended = new AbortController();
  readonly #writer: Writer;
  readonly #running: Promise<unknown>[] = [];

  constructor(signal: AbortSignal, writer: Writer) {
    this.signal = AbortSignal.any([signal, this.#ended.signal]);
    this.#writer = writer;
  }

  first<T>(parts: readonly Promise<T>[]): Promise<T> {
    this.#running.push(...parts);
    return Promise.race([...parts, this.#writer.failed]);
  }

  async end(): Promise<void> {
    const message = 'another part of the attempt has failed';
    this.#ended.abort(new WatcherError('internal', { message }));
    this.#writer.dispose();
    await Promise.allSettled(this.#running);
    await this.#writer.ended();
  }
}

interface StreamOptions extends PipelineOptions {
  readonly parts: Parts;
  readonly writer: Writer;
  readonly tables: Tables;
  readonly overlay: Overlay;
  readonly from: ResumePoint;
}

async function stream(options: StreamOptions): Promise<never> {
  const { driver, sink, writer, tables, overlay, from, progress, events, signal } = options;
  const turn = new Mutex();
  const redumps = new Redumps({
    driver,
    sink,
    writer,
    tables,
    isShared: options.isShared,
    overlay,
    progress,
    turn,
    onRows: (count) => events.dumpedRows(count),
    onIdle: () => events.dumped(),
    maxHeldBytes: options.maxHeldBytes,
    signal,
  });
  for (const table of tables.all()) if (table.held) redumps.want(table.id, table.name);
  const reader = new StreamReader({
    driver,
    sink,
    writer,
    tables,
    overlay,
    redumps,
    turn,
    resumedMessages: from.partial?.messages ?? 0,
    onWarnings: (warnings) => events.warnings(warnings),
    onReceived: (message) => events.received(message),
    signal,
  });
  const staged = stagedLog(sink, writer, signal);
  events.streaming({
    oldestPending: () => writer.oldestPending,
    redump(names) {
      const asked = tables.all().filter(({ name }) => names === null || names.includes(name));
      for (const table of asked) redumps.want(table.id, table.name);
      if (redumps.idle) events.dumped();
    },
  });
  await options.parts.first([reader.run(driver.stream(from, signal, staged)), redumps.run()]);
  throw new WatcherError('internal', { message: 'the stream ended without an error' });
}

/** What another kind of database left is no place to go on from; the rows are still ours. */
function usable(state: StoredState, kind: Position['kind']): StoredState {
  const { checkpoint } = state;
  const position = checkpoint?.position ?? null;
  if (checkpoint === null || position === null || positionFromJson(position).kind === kind) {
    return state;
  }
  const nothing = { position: null, source: null, partial: null };
  return { ...state, checkpoint: { ...checkpoint, ...nothing, phase: 'dump' } };
}

function resumePoint(checkpoint: Checkpoint | null): ResumePoint | null {
  if (checkpoint === null || checkpoint.phase !== 'stream') return null;
  const { position, source, partial } = checkpoint;
  if (position === null || source === null) return null;
  return {
    position: positionFromJson(position),
    identity: source,
    partial:
      partial === null
        ? null
        : { commit: positionFromJson(partial.commit), messages: partial.changes },
  };
}

/** The checkpoint that the first write of this attempt carries. */
function nextCheckpoint(
  options: PipelineOptions,
  found: Checkpoint | null,
  preparation: Preparation,
): Checkpoint {
  const { mapping, now } = options;
  if (found !== null && preparation.continuity.kind === 'resume') {
    return { ...found, source: preparation.identity, options: mapping };
  }
  return {
    version: 1,
    phase: 'dump',
    position: null,
    committed_at: null,
    source: preparation.identity,
    options: mapping,
    dump: { started_at: now().toISOString(), finished_at: null },
    partial: null,
  };
}
