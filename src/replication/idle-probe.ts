/** A sync that does not run: its source goes on keeping log for it, and the status says how much (SPEC §2.7). */
import type { Coordination } from './coordination.ts';
import type { Driver, SourceStatus } from './driver.ts';
import type { Log } from './log.ts';
import type { SyncBoard } from './sync-board.ts';
import type { Wakeup } from './wakeup.ts';

export interface IdleProbeOptions {
  readonly board: SyncBoard;
  readonly coordination: Coordination;
  readonly createDriver: () => Promise<Driver>;
  readonly wakeup: Wakeup;
  readonly log: Log;
}

/** How often, and how long for an answer. */
const probeMs = 15_000;

/** Asks the source from time to time until the condition holds. */
export async function probeUntil(
  condition: () => boolean,
  options: IdleProbeOptions,
  signal: AbortSignal,
): Promise<void> {
  const { board, wakeup } = options;
  while (!condition()) {
    board.probed(await probe(condition, options, signal));
    await wakeup.sleep(probeMs, signal, condition);
  }
  board.probed(null);
}

async function probe(
  condition: () => boolean,
  options: IdleProbeOptions,
  signal: AbortSignal,
): Promise<SourceStatus | null> {
  const { board, createDriver, wakeup, log } = options;
  // Not AbortSignal.timeout: Node 20 may collect it while only AbortSignal.any refers to it.
  const over = new AbortController();
  const end = (): void => over.abort(new Error('no answer in time'));
  const timer = setTimeout(end, probeMs);
  // An order is not kept waiting by a source that does not answer.
  const ordered = wakeup.until(condition, over.signal).then(end, () => undefined);
  const both = AbortSignal.any([signal, over.signal]);
  try {
    await lookUp(options, both);
    const driver = await createDriver();
    try {
      return await driver.probe(board.position, both);
    } finally {
      await driver.close();
    }
  } catch (error) {
    log.debug({ err: error }, 'the source cannot be asked how much log it retains');
    return null;
  } finally {
    clearTimeout(timer);
    end();
    await ordered;
  }
}

/** How far the sync is: another instance may have led since, or this one has just been started. */
async function lookUp(
  { board, coordination, log }: IdleProbeOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    board.loaded(await coordination.checkpoint(signal));
  } catch (error) {
    log.debug({ err: error }, 'the checkpoint cannot be read');
  }
}
