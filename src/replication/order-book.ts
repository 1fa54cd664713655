/** What people want of a sync, as the store has it and as this instance was told before the store says so. */
import type { DumpRequest, SyncOrders } from './coordination.ts';
import type { Desired } from './status.ts';

export class OrderBook {
  /** The leader's status as it published it, for a standby. */
  published: string | null = null;
  /** Instances that take part with another configuration of the sync. */
  differing: readonly string[] = [];
  /** Whether the store has been read at all: before that nothing is begun. */
  known = false;
  /** An order to try at once, whatever pause there is; the attempt that follows takes it off. */
  tryNow = false;
  #autostart: boolean;
  /** What was ordered; null: never anything, `autostart` says. */
  #ordered: Desired | null = null;
  #desiredRevision = -1n;
  #request: DumpRequest | null = null;
  /** Id of the last request that was carried out: the store may show it for a while. */
  #doneRequest: string | null = null;

  constructor(autostart: boolean) {
    this.#autostart = autostart;
  }

  set autostart(autostart: boolean) {
    this.#autostart = autostart;
  }

  get desired(): Desired {
    return this.#ordered ?? (this.#autostart ? 'running' : 'stopped');
  }

  set desired(desired: Desired) {
    this.#ordered = desired;
  }

  get wantsToRun(): boolean {
    return this.desired === 'running';
  }

  /** The dump that was asked for and is not done. */
  get request(): DumpRequest | null {
    return this.#request;
  }

  /** @returns whether the request is another one now. */
  read(orders: SyncOrders): boolean {
    this.published = orders.published;
    this.differing = orders.differing;
    this.#ordered = orders.desired;
    const rewritten = orders.desiredRevision !== this.#desiredRevision;
    if (this.known && rewritten) this.tryNow = this.wantsToRun;
    this.#desiredRevision = orders.desiredRevision;
    const request = orders.request?.id === this.#doneRequest ? null : orders.request;
    const changed = this.ask(request);
    if (changed && this.known && request !== null) this.tryNow = true;
    this.known = true;
    return changed;
  }

  /** @returns whether it is another one than before. */
  ask(request: DumpRequest | null): boolean {
    if (request?.id === this.#request?.id) return false;
    this.#request = request;
    return true;
  }

  /** The request is carried out. @returns its id, to be removed from the store; null when there was none. */
  fulfil(): string | null {
    const id = this.#request?.id ?? null;
    if (id !== null) this.#doneRequest = id;
    this.#request = null;
    return id;
  }
}
