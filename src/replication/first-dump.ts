/**
 * The dump at a known position, while nothing is streamed: the first one, and one anew when the log can no longer be
 * followed. Keys of an earlier dump stay readable throughout; what no row stands for is deleted at the end.
 *
 *   1. the checkpoint says `dump` before the first row is written: a late write of an earlier attempt is refused from
 *      then on, because it compares the checkpoint's older revision (DESIGN §3 rule 4)
 *   2. keys that are there are listed, rows are put where they differ, the rest is swept
 *   3. the checkpoint says `stream`, with the position: from then on a restart resumes
 * A crash before 3 dumps again from the start, but puts only what differs.
 * With `dump.mode: never` no row is read: the stream alone fills etcd, from the position on.
 */
import { WatcherError } from '../errors.ts';
import type { PipelineOptions } from './attempt.ts';
import type { Preparation, ResumePoint, RowChunk } from './driver.ts';
import { positionToJson } from './position.ts';
import { hasOwnName } from './prefix-guard.ts';
import { Section } from './section.ts';
import type { StoredState } from './sink.ts';
import { TableCopy } from './table-copy.ts';
import { type TableState, type Tables, tableName } from './tables.ts';
import type { Writer } from './writer.ts';

export interface FirstDumpOptions extends PipelineOptions {
  readonly writer: Writer;
  readonly tables: Tables;
  readonly state: StoredState;
  readonly preparation: Preparation;
}

export async function firstDump(options: FirstDumpOptions): Promise<ResumePoint> {
  const { driver, writer, tables, progress, events, preparation, signal } = options;
  const { continuity } = preparation;
  const cause = continuity.kind === 'dump' ? continuity.cause : null;
  const streamed = options.state.checkpoint?.phase === 'stream';
  if (!options.mayDump && (cause !== null || streamed)) throw forbidden(cause);
  events.dumping(cause);
  progress.begin(
    preparation.tables.map(({ relation, rowsEstimated }) => ({
      table: tableName(relation),
      rowsEstimated,
    })),
  );
  for (const table of tables.all()) tables.hold(table);
  await writer.upkeep({ section: await withoutStaged(options), sweeps: [] });

  const dump = await driver.dump(signal);
  const states = dump.tables.map((source) => adopt(tables, source));
  const replaced: ReadonlySet<TableState> = options.mayDump
    ? await copyAll(options, states, dump.chunks)
    : new Set();
  for (const table of states) {
    // Stays held: it is dumped again beside the stream.
    if (replaced.has(table)) continue;
    table.held = false;
    tables.complete(table);
  }
  progress.end('done');
  writer.amend({
    phase: 'stream',
    position: positionToJson(dump.position),
    source: dump.identity,
    dump: {
      started_at: (progress.startedAt ?? options.now()).toISOString(),
      finished_at: options.now().toISOString(),
    },
  });
  await writer.upkeep({ section: new Section(), sweeps: [] });
  return { position: dump.position, identity: dump.identity, partial: null };
}

/** What an earlier stream had staged belongs to a place in the log that is given up. */
async function withoutStaged({ sink, signal }: FirstDumpOptions): Promise<Section> {
  const section = new Section();
  if ((await sink.count(sink.stagedPrefix, signal)) > 0) section.clear(sink.stagedPrefix);
  return section;
}

async function copyAll(
  options: FirstDumpOptions,
  states: readonly TableState[],
  chunks: AsyncIterable<RowChunk>,
): Promise<ReadonlySet<TableState>> {
  const { sink, writer, tables, progress, events, signal } = options;
  const copy = new TableCopy({
    sink,
    writer,
    tables,
    isShared: options.isShared,
    progress,
    onRows: (count) => events.dumpedRows(count),
    signal,
    maxOps: sink.limits.maxOps,
  });
  await copy.list(states.map((table) => table.mapper.prefix));
  const replaced = await copy.copy(chunks);
  for (const table of states) {
    if (replaced.has(table)) continue;
    await copy.sweep(table.mapper.prefix);
    for (const prefix of table.stalePrefixes) await copy.sweepOld(prefix);
  }
  for (const [id, record] of tables.leaving()) {
    for (const prefix of record.prefixes) await copy.sweepOld(prefix);
    tables.forget(id);
  }
  if (options.adopt && hasOwnName(options.syncPrefix)) {
    await copy.sweepOld(options.syncPrefix, await options.othersPrefixes(signal));
  }
  return replaced;
}

/** The catalog may have changed since it was looked at: the dump's own view counts. */
function adopt(tables: Tables, source: Parameters<Tables['put']>[0]): TableState {
  const known = tables.get(source.relation.tableId);
  if (known !== undefined) tables.refresh(known, source);
  const state = known ?? tables.put(source, null);
  state.rows = 0;
  return state;
}

function forbidden(cause: WatcherError | null): WatcherError {
  return new WatcherError('dump_needed', {
    message: `A dump is needed${cause === null ? '' : ` (${cause.message})`}, and dump.mode is never`,
    cause,
  });
}
