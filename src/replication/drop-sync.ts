/**
 * Removes what a stopped sync left behind: its keys, its own keys in the store, slot and publication at the source.
 *
 * It leads meanwhile, so that nobody writes, and every write of it is fenced as any leader's. A crash in between
 * leaves something that the next start, or the same call again, goes on from; hence the order:
 *   1. the source is looked at: what cannot be dropped there is said before anything is changed
 *   2. keys, a page at a time; each transaction also sets the checkpoint back to "a first dump is needed", or a
 *      start after a crash would stream on over rows that are gone
 *   3. the own keys, the checkpoint among them: not before 2, because keys without a checkpoint are somebody else's
 *      (`prefix_not_empty`), and nobody would know their prefixes any more
 *   4. slot, then publication: not before 3, because a checkpoint whose slot is gone is a gap, and an error; without
 *      a checkpoint it is a first dump as any
 * `desired` stays: the sync is to be stopped, also after a restart.
 */
import { errorCodes, toWatcherError, WatcherError } from '../errors.ts';
import type { Claim, Coordination } from './coordination.ts';
import { type Driver, type SourceLeftover, type SourcePart, sourceParts } from './driver.ts';
import type { Log } from './log.ts';
import { hasOwnName } from './prefix-guard.ts';
import type { Checkpoint, Clear, Sink, StoredState, TableRecords } from './sink.ts';

export const dropParts = [...sourceParts, 'keys', 'state'] as const;

export type DropPart = (typeof dropParts)[number];

export interface DropOrder {
  readonly parts: readonly DropPart[];
  /** Only looks. */
  readonly dryRun: boolean;
}

/** What was dropped, or would be; what is not there is not in it. */
export interface DropReport {
  readonly slot: string | null;
  readonly publication: string | null;
  readonly keys: readonly { readonly prefix: string; readonly count: number }[];
  /** Watcher's own keys; one that ends with `/` stands for all keys under it. */
  readonly state: readonly string[];
  /** What was asked for and stays. */
  readonly kept: readonly {
    readonly part: DropPart;
    readonly name: string;
    readonly reason: string;
  }[];
}

export interface DropSyncOptions {
  readonly coordination: Coordination;
  readonly createDriver: () => Promise<Driver>;
  /** What every key of the sync begins with; empty or `/` when there is no such thing. */
  readonly syncPrefix: string;
  /** Whether keys that begin with this could be another sync's or Watcher's own. */
  readonly isShared: (prefix: string) => boolean;
  readonly log: Log;
  readonly order: DropOrder;
  readonly signal: AbortSignal;
}

/**
 * @throws WatcherError `sync_not_stopped` when an instance leads, `drop_failed`, `etcd_unavailable`: then some of it
 * may be dropped, and the same call again goes on.
 */
export async function dropSync(options: DropSyncOptions): Promise<DropReport> {
  try {
    return await drop(options);
  } catch (error) {
    if (options.signal.aborted) {
      throw new WatcherError('drop_failed', { message: 'Watcher stops', cause: error });
    }
    const known = toWatcherError(error);
    if (errorCodes[known.code].status !== undefined) throw known;
    // An error of the source or of etcd, whose code answers no request.
    const { message, remedy } = known;
    throw new WatcherError('drop_failed', { message, remedy, cause: known });
  }
}

async function drop(options: DropSyncOptions): Promise<DropReport> {
  const { coordination, createDriver, signal, log } = options;
  const driver = await createDriver();
  try {
    const claim = await coordination.claim(signal);
    try {
      return await dropClaimed(options, claim, driver);
    } finally {
      await release(claim, log);
    }
  } finally {
    await driver.close();
  }
}

async function dropClaimed(
  options: DropSyncOptions,
  claim: Claim,
  driver: Driver,
): Promise<DropReport> {
  const { order } = options;
  const signal = AbortSignal.any([options.signal, claim.lost]);
  const parts = sourceParts.filter((part) => order.parts.includes(part));
  const look = async (dryRun: boolean) =>
    parts.length === 0 ? [] : await driver.drop(parts, dryRun, signal);
  const seen = await look(true);
  const { keys, kept } = await dropKeys(claim.sink, options, signal);
  const state = await dropState(claim, order, signal);
  const leftovers = order.dryRun ? seen : await look(false);
  return { keys, state, ...sourceReport(leftovers, kept) };
}

async function release(claim: Claim, log: Log): Promise<void> {
  try {
    await claim.release();
  } catch (error) {
    log.debug({ err: error }, 'the leadership ends with its lease');
  }
}

interface DroppedKeys {
  readonly keys: DropReport['keys'];
  readonly kept: DropReport['kept'];
}

async function dropKeys(
  sink: Sink,
  { order, syncPrefix, isShared }: DropSyncOptions,
  signal: AbortSignal,
): Promise<DroppedKeys> {
  if (!order.parts.includes('keys')) return { keys: [], kept: [] };
  const state = await sink.load(signal);
  const { checkpoint } = state;
  const prefixes = checkpoint === null ? [] : prefixesOf(state);
  const own = prefixes.filter((prefix) => !isShared(prefix));
  const keys = await dropPrefixes(sink, own, order.dryRun ? null : checkpoint, signal);
  if (!order.dryRun && checkpoint !== null) await write(sink, asUndumped(checkpoint), signal, {});
  const left = await counts(sink, prefixes.filter(isShared), signal);
  const kept = left.map(({ prefix, count }) => taken(prefix, count));
  if (!hasOwnName(syncPrefix) || isShared(syncPrefix)) return { keys, kept };
  const ours = keys.filter(({ prefix }) => order.dryRun && prefix.startsWith(syncPrefix));
  const others = (await sink.count(syncPrefix, signal)) - sum(ours.map(({ count }) => count));
  if (others > 0) kept.push(strangers(syncPrefix, others, checkpoint));
  return { keys, kept };
}

/** @param checkpoint Null: they are counted only. */
async function dropPrefixes(
  sink: Sink,
  prefixes: readonly string[],
  checkpoint: Checkpoint | null,
  signal: AbortSignal,
): Promise<DropReport['keys']> {
  if (checkpoint === null) return counts(sink, prefixes, signal);
  const keys: { prefix: string; count: number }[] = [];
  for (const prefix of prefixes) {
    const count = await dropPages(sink, prefix, asUndumped(checkpoint), signal);
    if (count > 0) keys.push({ prefix, count });
  }
  return keys;
}

/** Of those under which there are any. */
async function counts(
  sink: Sink,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<DropReport['keys']> {
  const keys: { prefix: string; count: number }[] = [];
  for (const prefix of prefixes) keys.push({ prefix, count: await sink.count(prefix, signal) });
  return keys.filter(({ count }) => count > 0);
}

/** Those that the tables were written under, whatever the template says now. */
function prefixesOf({ tables }: StoredState): readonly string[] {
  return [...new Set(Object.values(tables).flatMap(({ prefixes }) => prefixes))].sort();
}

/** The rows are not in step any more: the next start dumps, and takes what it finds for its own. */
function asUndumped(checkpoint: Checkpoint): Checkpoint {
  const nothing = { position: null, committed_at: null, dump: null, partial: null };
  return { ...checkpoint, ...nothing, phase: 'dump' };
}

/** A page is small enough not to stall etcd, and its watchers (DESIGN §3 rule 6). @returns how many keys. */
async function dropPages(
  sink: Sink,
  prefix: string,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const page of sink.list(prefix, signal)) {
    const [first, last] = [page[0], page.at(-1)];
    if (first === undefined || last === undefined) continue;
    await write(sink, checkpoint, signal, null, [{ from: first.key, to: `${last.key}\0` }]);
    count += page.length;
  }
  return count;
}

async function write(
  sink: Sink,
  checkpoint: Checkpoint,
  signal: AbortSignal,
  tables: TableRecords | null,
  clears: readonly Clear[] = [],
): Promise<void> {
  await sink.write({ ops: new Map(), clears, sweeps: [], checkpoint, tables }, signal);
}

function taken(prefix: string, count: number): DropReport['kept'][number] {
  const reason = `${count} keys stay: this is where another sync of the configuration writes now`;
  return { part: 'keys', name: prefix, reason };
}

function strangers(
  prefix: string,
  count: number,
  checkpoint: Checkpoint | null,
): DropReport['kept'][number] {
  const whose =
    checkpoint === null
      ? 'no checkpoint says whose they are'
      : 'they are not under the prefix of a table of the sync';
  const reason = `${count} keys stay: ${whose}. If nobody wants them: etcdctl del --prefix '${prefix}'`;
  return { part: 'keys', name: prefix, reason };
}

async function dropState(
  claim: Claim,
  { parts, dryRun }: DropOrder,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!parts.includes('state')) return [];
  const found = await claim.stateKeys(signal);
  if (!dryRun && found.length > 0) await claim.removeState(signal);
  return found;
}

function sourceReport(
  leftovers: readonly SourceLeftover[],
  kept: DropReport['kept'],
): Pick<DropReport, 'slot' | 'publication' | 'kept'> {
  const dropped = (part: SourcePart): string | null =>
    leftovers.find((leftover) => leftover.part === part && leftover.kept === null)?.name ?? null;
  const stays = leftovers.flatMap(({ part, name, kept: reason }) =>
    reason === null ? [] : [{ part, name, reason }],
  );
  return { slot: dropped('slot'), publication: dropped('publication'), kept: [...stays, ...kept] };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
