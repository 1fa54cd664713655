/** The first copy: all tables in snapshots at one known position. */
import { setTimeout } from 'node:timers/promises';
import { WatcherError } from '../../errors.ts';
import type { RowChunk } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { merge } from '../merge.ts';
import { errnoOf, isTableChanged } from './errors.ts';
import type { LogContext, StreamBinlog } from './log-access.ts';
import { positionOf, readLogEnd } from './log-place.ts';
import type { MissedTables } from './missed-tables.ts';
import { startMysqldump } from './mysqldump.ts';
import { readTables } from './read-tables.ts';
import type { BoundTable } from './relation.ts';
import { bindDefinition } from './relation.ts';
import type { Snapshot, SnapshotRequest } from './snapshot.ts';
import { openSnapshot } from './snapshot.ts';
import type { TableDefinition } from './tables.ts';
import { awaitPrepared } from './xa.ts';

export interface DumpRequest {
  readonly context: LogContext;
  readonly streamBinlog: StreamBinlog;
  /** Ids of the tables; null: all. */
  readonly ids: ReadonlySet<string> | null;
  /** Connections that read. */
  readonly connections: number;
  readonly method: 'native' | 'mysqldump';
  readonly signal: AbortSignal;
}

export interface StartedDump {
  readonly position: MysqlPosition;
  readonly tables: readonly BoundTable[];
  readonly chunks: AsyncIterable<RowChunk>;
}

const xaTimeoutMs = 30_000;

/** What changes tables while a dump begins: it begins again, so often. */
const attempts = 6;
const pauseMs = 20;

/**
 * The tables are looked up twice: before the snapshots, for what must be locked, and after them, for how the rows are
 * read. A table that was altered between snapshot and lookup cannot be read (`replaced`), or is altered in the log
 * after the position, which dumps it again.
 */
export async function startDump(request: DumpRequest): Promise<StartedDump> {
  const { context, signal } = request;
  const { options, facts, control } = context;
  if (isFirst(request)) {
    const timeoutMs = options.xaTimeoutMs ?? xaTimeoutMs;
    await control.exclusive((connection) =>
      awaitPrepared(connection, facts, timeoutMs, (ms) => pause(ms, signal)),
    );
  }
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const before = wanted(request, (await context.refresh(signal)).tables);
    if (before.length === 0) return nothing(request);
    const last = attempt + 1 === attempts;
    const started = await startOn(request, before).catch((error: unknown) => {
      if (last || !isMoment(error)) throw error;
      return null;
    });
    if (started !== null) return started;
    await pause(pauseMs * 2 ** attempt, signal);
  }
  throw new WatcherError('source_busy', {
    message: 'Tables were created in each moment that a dump began',
    remedy: 'None needed: the dump begins again.',
  });
}

/** Not beside a stream. */
function isFirst({ ids }: DumpRequest): boolean {
  return ids === null;
}

/** A change of tables, or of rows by a foreign key, in the moment that the dump began. Not a lock that did not come. */
function isMoment(error: unknown): boolean {
  if (isTableChanged(error)) return true;
  return error instanceof WatcherError && error.code === 'source_busy' && errnoOf(error) === 0;
}

/** @returns null when tables have come that were not locked. */
async function startOn(
  request: DumpRequest,
  before: readonly TableDefinition[],
): Promise<StartedDump | null> {
  const { context, streamBinlog, signal } = request;
  const tool = request.method === 'mysqldump' ? startMysqldump(context, before, signal) : null;
  const base: SnapshotRequest = {
    context,
    streamBinlog,
    tables: before,
    connections: Math.min(request.connections, before.length),
    besideStream: !isFirst(request),
    signal,
  };
  try {
    const snapshot = await openSnapshot(
      tool === null ? base : { ...base, whileLocked: () => tool.begin() },
    );
    context.options.logger.info(
      { method: snapshot.method, position: snapshot.position },
      'dump begins',
    );
    const after = wanted(request, (await context.refresh(signal)).tables);
    if (!areLocked(after, before, snapshot.method)) {
      await end(snapshot);
      tool?.stop();
      return null;
    }
    const tables = after.map((table) => bindDefinition(table, context.options.numbers));
    const native = tables.filter(({ definition }) => tool?.reads(definition) !== true);
    const byTool = tables.filter((table) => !native.includes(table));
    const sources = [
      readAll(snapshot, native, context.missed),
      ...(tool === null ? [] : [tool.read(byTool)]),
    ];
    return { position: snapshot.position, tables, chunks: snapshot.settle(merge(sources)) };
  } catch (error) {
    tool?.stop();
    throw error;
  }
}

/** Method `lock` needs a lock of all tables; whatever the method is, those without transactions are read under one. */
function areLocked(
  after: readonly TableDefinition[],
  before: readonly TableDefinition[],
  method: Snapshot['method'],
): boolean {
  const all = new Set(before.map(({ id }) => id));
  const plain = new Set(before.filter(({ transactional }) => !transactional).map(({ id }) => id));
  return after.every(({ id, transactional }) =>
    transactional ? method !== 'lock' || all.has(id) : plain.has(id),
  );
}

/** Tables without transactions are read by the connection that keeps them locked. */
function readAll(
  snapshot: Snapshot,
  tables: readonly BoundTable[],
  missed: MissedTables,
): AsyncGenerator<RowChunk> {
  const { locker, connections, occupied } = snapshot;
  const plain = tables.filter(({ definition }) => !definition.transactional);
  const others = tables.filter(({ definition }) => definition.transactional);
  const sources = [
    readTables({ connections, tables: others, inTransaction: true, occupied, missed }),
  ];
  if (locker !== null) {
    sources.push(
      readTables({
        connections: [locker],
        tables: plain,
        inTransaction: false,
        occupied: null,
        missed,
      }),
    );
  }
  return merge(sources);
}

async function end({ connections, locker }: Snapshot): Promise<void> {
  const all = locker === null ? connections : [...connections, locker];
  await Promise.all(all.map((connection) => connection.close()));
}

function wanted(
  { ids }: DumpRequest,
  tables: readonly TableDefinition[],
): readonly TableDefinition[] {
  return ids === null ? tables : tables.filter(({ id }) => ids.has(id));
}

/** Tables that are asked for and are gone: where they are gone is where the log ends. */
async function nothing({ context }: DumpRequest): Promise<StartedDump> {
  const { control, facts } = context;
  const end = await control.exclusive((connection) => readLogEnd(connection, facts));
  if (end === null) throw new WatcherError('binlog_setting');
  return { position: positionOf(end), tables: [], chunks: none() };
}

async function* none(): AsyncGenerator<RowChunk> {}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
