/** Watching keys, without a gap over lost connections: https://etcd.io/docs/latest/learning/api/#watch-api */
import { WatcherError } from '../errors.ts';
import type { EtcdClient } from './client.ts';
import { etcdError, reasonOf } from './errors.ts';
import { pause } from './pause.ts';
import { encodeWatchCreate } from './requests.ts';
import { decodeWatch, type KeyValue, type WatchEvent, type WatchResponse } from './responses.ts';
import { prefixEnd } from './state-keys.ts';

export interface WatchOptions {
  readonly client: EtcdClient;
  readonly key: string;
  /** Keys in [key, end); null: the one key. */
  readonly end: string | null;
  /** The first revision of interest; 0n: what comes from now on. */
  readonly revision: bigint;
  readonly signal: AbortSignal;
}

/** The history asked for is gone: list the keys again, and watch from there. */
export class WatchCompacted extends Error {
  override readonly name = 'WatchCompacted';
  /** The oldest revision that can be watched from. */
  readonly revision: bigint;

  constructor(revision: bigint) {
    super(`etcd has compacted its history up to revision ${revision}`);
    this.revision = revision;
  }
}

const firstRetryMs = 100;
const maxRetryMs = 2_000;
/** A watch that is not confirmed by then is made again, at another member. */
const createTimeoutMs = 5_000;

/** Where a watch goes on. A revision's events may come in several fragments. */
class Cursor {
  revision: bigint;
  /** Events of `revision` that were handed out. */
  #delivered = 0;
  /** Of those, how many are about to come a second time. */
  #skip = 0;

  constructor(revision: bigint) {
    this.revision = revision;
  }

  /** A new stream begins at `revision`. */
  rewind(): void {
    this.#skip = this.#delivered;
  }

  *take(response: WatchResponse): Iterable<WatchEvent> {
    for (const event of response.events) {
      if (event.modRevision === this.revision && this.#skip > 0) {
        this.#skip -= 1;
        continue;
      }
      this.#delivered = event.modRevision === this.revision ? this.#delivered + 1 : 1;
      this.revision = event.modRevision;
      this.#skip = 0;
      yield event;
    }
    if (response.fragment) return;
    const last = response.events.at(-1)?.modRevision;
    // A note of progress: everything up to the header's revision was sent. So is the confirmation of a watch from now on.
    const done = last ?? (!response.created || this.revision === 0n ? response.revision : 0n);
    if (done < this.revision) return;
    this.revision = done + 1n;
    this.#delivered = 0;
    this.#skip = 0;
  }
}

/**
 * Every event of the keys from a revision on, once and in order; reconnects by itself. Never ends but by throwing.
 * @throws WatchCompacted; WatcherError, but not for an etcd that is away for a while; the reason of the signal.
 */
export async function* watch(options: WatchOptions): AsyncGenerator<WatchEvent, never> {
  const { client, signal } = options;
  const cursor = new Cursor(options.revision);
  let retryMs = firstRetryMs;
  let refused = false;
  for (;;) {
    try {
      cursor.rewind();
      for await (const response of responses(options, cursor.revision)) {
        if (response.canceled) {
          await explainCancel(options, response, refused);
          refused = true;
          break;
        }
        yield* cursor.take(response);
        refused = false;
        retryMs = firstRetryMs;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WatchCompacted) throw error;
      if (reasonOf(error) !== 'unavailable') throw etcdError(error);
      client.leaveMember();
    }
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, maxRetryMs);
  }
}

/**
 * Why the server ended a watch. An expired token looks like a missing permission: a read gets a new token, or
 * the true error.
 */
async function explainCancel(
  { client, key, end, signal }: WatchOptions,
  response: WatchResponse,
  again: boolean,
): Promise<void> {
  if (response.compactRevision !== 0n) throw new WatchCompacted(response.compactRevision);
  await client.range({ key, end, countOnly: true }, { signal });
  if (again) {
    throw new WatcherError('etcd_permission_denied', {
      message: `etcd refuses to watch the keys from ${key} on: ${response.cancelReason}`,
    });
  }
}

/** The responses of one stream. */
async function* responses(
  { client, key, end, signal }: WatchOptions,
  revision: bigint,
): AsyncIterable<WatchResponse> {
  const stream = await client.watchStream({ signal });
  // The iteration reports the error; after its end, cancelling raises one that is of no interest.
  stream.on('error', () => {});
  const cancel = () => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const timer = setTimeout(cancel, createTimeoutMs);
  try {
    signal.throwIfAborted();
    stream.write(encodeWatchCreate(key, end, revision));
    for await (const message of stream) {
      clearTimeout(timer);
      yield decodeWatch(message as Buffer);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

/** All keys under a prefix at first, and again whenever history was lost; between these, what happens to them. */
export type Followed =
  | { readonly type: 'snapshot'; readonly entries: readonly KeyValue[] }
  | WatchEvent;

/**
 * The state of the (few) keys under a prefix and its changes, for ever.
 * @throws WatcherError, also when etcd is away at a listing; the reason of the signal.
 */
export async function* follow(
  client: EtcdClient,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<Followed, never> {
  const end = prefixEnd(prefix);
  for (;;) {
    const { kvs, revision } = await client.range({ key: prefix, end }, { signal });
    yield { type: 'snapshot', entries: kvs };
    try {
      yield* watch({ client, key: prefix, end, revision: revision + 1n, signal });
    } catch (error) {
      if (!(error instanceof WatchCompacted)) throw error;
    }
  }
}
