/** Whether etcd can be reached, for as long as no sync asks it anything. */
import { toWatcherError, type WatcherError } from '../errors.ts';
import type { Log } from '../replication/log.ts';
import type { EtcdContact } from '../replication/supervisor.ts';
import type { EtcdClient } from './client.ts';
import { pause } from './pause.ts';
import { stateKeys } from './state-keys.ts';

export interface ContactOptions {
  readonly client: Pick<EtcdClient, 'range'>;
  readonly statePrefix: string;
  /** Kept up to date. */
  readonly contact: EtcdContact;
  /** True while a sync asks etcd. */
  readonly isAsked: () => boolean;
  readonly log: Log;
  /** Between two questions, before the first answer and after it. */
  readonly pauseMs?: { readonly first: number; readonly later: number };
}

/** Until the signal is aborted. Never throws. */
export async function followContact(options: ContactOptions, signal: AbortSignal): Promise<void> {
  const { contact, isAsked, log, pauseMs = { first: 1_000, later: 5_000 } } = options;
  let failing = false;
  while (!signal.aborted) {
    const error = isAsked() ? null : await ask(options, signal);
    if (error !== null && !failing) log.warn({ err: error }, 'etcd cannot be asked');
    failing = error !== null;
    await pause(contact.everReached ? pauseMs.later : pauseMs.first, signal).catch(() => undefined);
  }
}

async function ask(
  { client, statePrefix, contact }: ContactOptions,
  signal: AbortSignal,
): Promise<WatcherError | null> {
  // Under the prefix that Watcher's own account may read; nothing is there.
  const { checkpoint: key } = stateKeys(statePrefix, 'check');
  try {
    await client.range({ key, countOnly: true }, { signal });
    contact.everReached = true;
    contact.reachable = true;
    contact.message = null;
    return null;
  } catch (error) {
    if (signal.aborted) return null;
    const known = toWatcherError(error);
    contact.reachable = false;
    contact.message = known.message;
    return known;
  }
}
