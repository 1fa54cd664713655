/**
 * `watcher status --watch`: follows `GET /v1/events` until the person ends it. A stream that breaks is opened again, for ever:
 * whoever restarts Watcher wants to see it come back.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { SyncJson } from '../api/schemas/sync.ts';
import { Refused } from './answers.ts';
import type { Client } from './client.ts';
import { CommandFailed } from './failure.ts';
import { LiveView } from './live-view.ts';
import type { Surroundings } from './surroundings.ts';
import { createLineView, type WatchView } from './watch-view.ts';

export interface WatchOptions {
  /** Null: all syncs. */
  readonly name: string | null;
  /** A line of JSON for each event. */
  readonly json: boolean;
}

/** @returns 0, once it is interrupted. @throws CommandFailed when it will not come back. */
export async function watch(
  client: Client,
  options: WatchOptions,
  around: Surroundings,
): Promise<number> {
  const signal = around.interrupted();
  const view: WatchView =
    around.size() === null || options.json
      ? createLineView(around, options.json)
      : new LiveView(around, options.name);
  try {
    while (!signal.aborted) {
      const why = await follow(client, options.name, view, signal);
      if (signal.aborted) break;
      view.interrupted(why);
      await delay(around.pauseMs, undefined, { signal }).catch(() => undefined);
    }
    return 0;
  } finally {
    view.end();
  }
}

/** @returns why the stream is at its end. @throws what will be the same the next time. */
async function follow(
  client: Client,
  only: string | null,
  view: WatchView,
  signal: AbortSignal,
): Promise<string> {
  const syncs = new Map<string, SyncJson>();
  let gone = false;
  try {
    for await (const { event, data } of client.events(signal)) {
      const { name, ...rest } = JSON.parse(data) as SyncJson;
      if (only !== null && name !== only) continue;
      gone = event === 'removed' && only !== null;
      if (gone) break;
      if (event === 'removed') syncs.delete(name);
      else if (event === 'sync') syncs.set(name, { name, ...rest });
      view.show(syncs, name);
    }
  } catch (error) {
    if (isFinal(error)) throw error;
    return (error as CommandFailed).message;
  }
  if (!gone) return 'The stream of events has ended';
  throw new CommandFailed(
    `The sync ${only} is not in the configuration any more`,
    'watcher status shows those that are.',
  );
}

/** A proxy may answer 502 while Watcher restarts, and 429 says that too many are watching just now. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof CommandFailed)) return true;
  if (!(error instanceof Refused) || error.problem === null) return false;
  const { status } = error.problem;
  return status < 500 && status !== 429;
}
