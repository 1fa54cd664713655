/**
 * The events of all syncs, for everybody who listens (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 *
 * 1. Once a second the state of each sync is compared with what it was, once for all listeners; while nobody
 *    listens there is no timer.
 * 2. A listener is owed names, not texts: one that reads slowly gets the newest state of each sync when it reads
 *    again, and what waits for it is never more than that.
 * 3. One that reads nothing for a minute is cut off: it may come back, and begins with every state anew.
 */
import { Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { WatcherError } from '../errors.ts';
import type { SyncControl } from '../replication/status.ts';
import { syncToJson } from './sync-json.ts';

const tickMs = 1_000;
const ticksToComment = 15;
const ticksToCut = 60;
const maxStreams = 100;

/** How long the last bytes may take to be read at the end. */
const farewellMs = 1_000;

/** How long a browser waits before it connects again. */
const opening = 'retry: 2000\n\n';
const comment = ':\n\n';

export class EventStream {
  readonly #control: Pick<SyncControl, 'list'>;
  /** The sync as JSON text, by name. */
  readonly #states = new Map<string, string>();
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #ended = false;

  constructor(control: Pick<SyncControl, 'list'>) {
    this.#control = control;
  }

  /**
   * A new listener: every sync now, and then what changes.
   * @param response Where the stream is piped to; its end is the listener's.
   * @param isAdmitted Asked before each tick: whether who listens may still do so.
   * @throws WatcherError `too_many_streams`.
   */
  open(response: Writable, isAdmitted = () => true): Readable {
    if (this.#listeners.size >= maxStreams) throw new WatcherError('too_many_streams');
    if (this.#listeners.size === 0) this.#begin();
    const listener = new Listener(response, isAdmitted, (name) => this.#frame(name));
    this.#listeners.add(listener);
    listener.once('close', () => this.#forget(listener));
    listener.push(opening);
    listener.owe(this.#states.keys());
    if (this.#ended) void listener.end();
    return listener;
  }

  /** Ends every stream: a server does not close before. Resolves when all are ended. Idempotent. */
  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#listeners].map((listener) => listener.end()));
  }

  #begin(): void {
    this.#ticks = 0;
    this.#compare();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  #forget(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#states.clear();
  }

  #tick(): void {
    this.#ticks += 1;
    const changed = this.#compare();
    const idle = this.#ticks % ticksToComment === 0;
    for (const listener of this.#listeners) {
      if (!listener.isAdmitted()) {
        void listener.end();
        continue;
      }
      listener.owe(changed);
      if (idle) listener.comment();
      if (listener.stuckTicks() > ticksToCut) listener.destroy();
    }
  }

  /** @returns the names of the syncs that are not as they were, or are gone. */
  #compare(): readonly string[] {
    const changed: string[] = [];
    const gone = new Set(this.#states.keys());
    for (const status of this.#control.list()) {
      const { name } = status;
      const state = JSON.stringify(syncToJson(status));
      gone.delete(name);
      if (this.#states.get(name) === state) continue;
      this.#states.set(name, state);
      changed.push(name);
    }
    for (const name of gone) this.#states.delete(name);
    return [...changed, ...gone];
  }

  #frame(name: string): string {
    const state = this.#states.get(name);
    if (state === undefined) return `event: removed\ndata: ${JSON.stringify({ name })}\n\n`;
    return `event: sync\ndata: ${state}\n\n`;
  }
}

class Listener extends Readable {
  readonly isAdmitted: () => boolean;
  readonly #response: Writable;
  readonly #frameOf: (name: string) => string;
  readonly #owed = new Set<string>();
  /** Whether there is room: `push` and `_read` say so. */
  #room = true;
  #stuckTicks = 0;
  #ended = false;

  constructor(response: Writable, isAdmitted: () => boolean, frameOf: (name: string) => string) {
    super();
    this.isAdmitted = isAdmitted;
    this.#response = response;
    this.#frameOf = frameOf;
  }

  owe(names: Iterable<string>): void {
    for (const name of names) this.#owed.add(name);
    this.#pay();
  }

  comment(): void {
    if (this.#room && !this.#ended) this.#room = this.push(comment);
  }

  /** Call it once a tick. @returns for how many ticks nothing of what waits was read. */
  stuckTicks(): number {
    this.#stuckTicks = this.#response.writableNeedDrain ? this.#stuckTicks + 1 : 0;
    return this.#stuckTicks;
  }

  /** Nothing more is owed; what was written is still read, for a moment. Resolves at the end. Idempotent. */
  async end(): Promise<void> {
    if (!this.#ended) this.push(null);
    this.#ended = true;
    const timer = setTimeout(() => this.#response.destroy(), farewellMs);
    // A connection that breaks meanwhile is ended as well.
    await finished(this.#response).catch(() => undefined);
    clearTimeout(timer);
  }

  override _read(): void {
    this.#room = true;
    this.#pay();
  }

  #pay(): void {
    for (const name of this.#owed) {
      if (!this.#room || this.#ended) return;
      this.#owed.delete(name);
      this.#room = this.push(this.#frameOf(name));
    }
  }
}
