/**
 * One sync over time: follows what people want of it, leads or waits, and makes attempts with a pause in between.
 * What happens in an attempt is the pipeline's; what becomes of its error is decided here, by its recovery alone.
 */
import { toWatcherError, type WatcherError } from '../errors.ts';
import type { PipelineEvents, StreamControl } from './attempt.ts';
import { attemptEvents } from './attempt-events.ts';
import { nextDelayMs } from './backoff.ts';
import type { DumpRequest, Lead, SyncOrders } from './coordination.ts';
import type { Driver } from './driver.ts';
import { type DropOrder, type DropReport, dropSync } from './drop-sync.ts';
import { followOrders } from './follow-orders.ts';
import { probeUntil } from './idle-probe.ts';
import { Leadership } from './leadership.ts';
import { nextState, type SyncEvent } from './lifecycle.ts';
import { OrderBook } from './order-book.ts';
import { runPipeline } from './pipeline.ts';
import type { ReplicatorOptions, ReplicatorSettings } from './replicator-options.ts';
import type { SyncStatus } from './status.ts';
import { Wakeup } from './wakeup.ts';

/** Why an attempt was ended, when another is to follow it with other settings. */
const reconfigured = new Error('the sync has another configuration now');
const ended = Promise.resolve();

export class Replicator {
  #options: ReplicatorOptions;
  readonly #wakeup = new Wakeup();
  readonly #leadership: Leadership;
  readonly #orders: OrderBook;
  #control: StreamControl | null = null;
  #attempt: AbortController | null = null;
  /** Resolves when the attempt that runs has ended. */
  #attempted = ended;
  /** What the next attempt waits for. */
  #ready = ended;
  #failures = 0;
  /** True while the attempt follows one after which only a person could help. */
  #gaveUp = false;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.#orders = new OrderBook(options.autostart);
    this.#leadership = new Leadership({
      ...options,
      onStandby: () => this.#transition('wait'),
      onLost: () => this.#wakeup.wake(),
    });
  }

  /** The leader's status as it published it, for a standby. */
  get published(): string | null {
    return this.#orders.published;
  }

  /** Runs until the signal is aborted; then everything is given up in order. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const following = this.#followOrders(signal);
    try {
      // Until the store says otherwise; it may be out of reach for long.
      if (this.#orders.wantsToRun) this.#transition('start');
      await this.#wakeup.until(() => this.#orders.known, signal);
      if (!this.#orders.wantsToRun) this.#stopped();
      while (!signal.aborted) {
        await this.#idleUntil(() => this.#orders.wantsToRun, signal);
        await this.#runWhileDesired(signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#options.log.error({ err: error }, 'the replicator ended');
    }
    await following;
  }

  /** An order was given here: act on it before the store tells. */
  orderDesired(desired: SyncStatus['desired']): void {
    this.#orders.desired = desired;
    this.#orders.tryNow = desired === 'running';
    this.#wake();
  }

  orderDump(request: DumpRequest): void {
    if (this.#orders.ask(request)) this.#control?.redump(request.tables);
    this.#orders.tryNow = true;
    this.#wake();
  }

  /**
   * From now on with these settings: an attempt that runs is ended, and a fresh one follows under the same leadership, once
   * `ready` resolves. Resolves itself when nothing is written by the old settings any more.
   */
  reconfigure(settings: ReplicatorSettings, ready: Promise<void> = ended): Promise<void> {
    this.#options = { ...this.#options, ...settings };
    this.#orders.autostart = settings.autostart;
    this.#ready = ready;
    if (this.#orders.wantsToRun) this.#attempt?.abort(reconfigured);
    this.#wake();
    return this.#attempted;
  }

  /** @throws WatcherError; see `dropSync`. */
  async drop(order: DropOrder, signal: AbortSignal): Promise<DropReport> {
    const { board, pipeline } = this.#options;
    const { syncPrefix, isShared } = pipeline;
    const report = await dropSync({ ...this.#options, syncPrefix, isShared, order, signal });
    if (!order.dryRun && board.state === 'stopped') board.dropped(order.parts);
    return report;
  }

  #wake(): void {
    const { board } = this.#options;
    board.desired = this.#orders.desired;
    board.differing = this.#orders.differing;
    if (!this.#orders.wantsToRun) this.#attempt?.abort(new Error('the sync is to stop'));
    this.#wakeup.wake();
  }

  #idleUntil(condition: () => boolean, signal: AbortSignal): Promise<void> {
    const createDriver = (): Promise<Driver> => this.#options.createDriver();
    const options = { ...this.#options, createDriver, wakeup: this.#wakeup };
    return probeUntil(condition, options, signal);
  }

  #followOrders(signal: AbortSignal): Promise<void> {
    const { coordination, onEtcdContact, log } = this.#options;
    const obey = (orders: SyncOrders): void => this.#obey(orders);
    const hindered = (error: WatcherError, retryMs: number): void => this.#hindered(error, retryMs);
    const wakeup = this.#wakeup;
    return followOrders({ coordination, wakeup, log, onEtcdContact, obey, hindered }, signal);
  }

  /** Nothing is begun before the orders are known; until then the state says why. */
  #hindered(error: WatcherError, retryMs: number): void {
    if (this.#orders.known) return;
    const { board, observer, name } = this.#options;
    const retries = isRetried(error);
    observer.error(name, error.code);
    board.failed(error, retries ? this.#after(retryMs) : null);
    if (!this.#orders.wantsToRun) return;
    // Of backing off and failed there is no way to the other but this.
    this.#transition('start');
    this.#transition(retries ? 'retry' : 'give_up');
  }

  #obey(orders: SyncOrders): void {
    const changed = this.#orders.read(orders);
    const { request } = this.#orders;
    if (changed && request !== null) this.#control?.redump(request.tables);
    this.#wake();
  }

  /** From the order to run until the order to stop: leadership, and attempts one after the other. */
  async #runWhileDesired(signal: AbortSignal): Promise<void> {
    const { board, log } = this.#options;
    this.#transition('start');
    this.#failures = 0;
    while (!signal.aborted && this.#orders.wantsToRun) {
      this.#transition('start');
      this.#orders.tryNow = false;
      const attempt = new AbortController();
      this.#attempt = attempt;
      const both = AbortSignal.any([signal, attempt.signal]);
      try {
        await this.#ready;
        const lead = await this.#leadership.hold(both);
        this.#transition('lead');
        const attempted = this.#attemptOnce(lead, both);
        this.#attempted = attempted.catch(() => undefined);
        await attempted;
      } catch (error) {
        if (both.aborted && attempt.signal.reason !== reconfigured) break;
        if (!both.aborted) await this.#recover(toWatcherError(error), both);
      }
      if (attempt.signal.reason === reconfigured) this.#beginAnew();
    }
    this.#transition('stop');
    board.progress.end('interrupted');
    log.info({}, 'the sync stops');
    await this.#leadership.letGo();
    this.#attempt = null;
    board.leader = null;
    this.#stopped();
  }

  #stopped(): void {
    this.#transition('stop');
    this.#transition('ended');
  }

  async #attemptOnce(lead: Lead, signal: AbortSignal): Promise<never> {
    const { board, createDriver, pipeline } = this.#options;
    const driver = await createDriver();
    const both = AbortSignal.any([signal, lead.lost]);
    board.attemptBegan(driver);
    try {
      return await runPipeline({
        ...pipeline,
        driver,
        sink: lead.sink,
        progress: board.progress,
        events: this.#events(),
        dumpAnew: this.#gaveUp && this.#orders.request?.tables === null,
        signal: both,
      });
    } catch (error) {
      throw lead.lost.aborted && !signal.aborted ? lead.lost.reason : error;
    } finally {
      this.#control = null;
      board.attemptEnded();
      await driver.close();
    }
  }

  #events(): PipelineEvents {
    return attemptEvents(this.#options, {
      transition: (event) => this.#transition(event),
      streaming: (control) => {
        this.#control = control;
        const { request } = this.#orders;
        if (request !== null) control.redump(request.tables);
      },
      durable: () => {
        this.#failures = 0;
        this.#gaveUp = false;
      },
      dumped: () => this.#dumped(),
    });
  }

  #dumped(): void {
    const { coordination, log } = this.#options;
    const request = this.#orders.fulfil();
    if (request === null) return;
    coordination.clearRequest(request).catch((error: unknown) => {
      // It is done again after a restart: a dump changes nothing that is in step.
      log.warn({ err: error }, 'the request of the dump could not be removed from etcd');
    });
  }

  #beginAnew(): void {
    const { board, log } = this.#options;
    log.info({}, 'the sync goes on with its new configuration');
    board.progress.end('interrupted');
    this.#failures = 0;
    this.#transition('reload');
  }

  /** Waits for as long as the error asks for, or until the signal is aborted. */
  async #recover(error: WatcherError, signal: AbortSignal): Promise<void> {
    if (!this.#leadership.isHeld) await this.#leadership.letGo();
    try {
      await this.#pauseAfter(error, signal);
    } catch (reason) {
      if (!signal.aborted) throw reason;
    }
  }

  async #pauseAfter(error: WatcherError, signal: AbortSignal): Promise<void> {
    const { board, observer, name, log, backoff, maxAttempts, random } = this.#options;
    observer.error(name, error.code);
    board.progress.end(error.recovery === 'retry' ? 'interrupted' : 'failed');
    if (error.code === 'fenced' && !this.#leadership.isHeld) {
      log.warn({ err: error }, 'the leadership was lost');
      this.#transition('retry');
      this.#transition('start');
      return;
    }
    this.#failures += 1;
    const ready = this.#ordersOrLoss();
    if (!isRetried(error) || (maxAttempts > 0 && this.#failures >= maxAttempts)) {
      log.error({ err: error }, 'the sync has failed');
      board.failed(error, null);
      this.#gaveUp = true;
      this.#transition('give_up');
      await this.#idleUntil(ready, signal);
    } else {
      // A smaller request is possible at once: nothing is to be waited for.
      const delayMs =
        error.code === 'request_too_large' ? 0 : nextDelayMs(backoff, this.#failures, random());
      board.failed(error, this.#after(delayMs));
      log.warn({ err: error, delayMs, failures: this.#failures }, 'the attempt has failed');
      this.#transition('retry');
      await this.#wakeup.sleep(delayMs, signal, ready);
    }
    this.#transition('start');
  }

  /** What ends a pause: an order, or the loss of the leadership that is held now, which is campaigned for anew. */
  #ordersOrLoss(): () => boolean {
    const held = this.#leadership.isHeld;
    return () => this.#orders.tryNow || (held && !this.#leadership.isHeld);
  }

  #after(delayMs: number): Date {
    return new Date(this.#options.pipeline.now().getTime() + delayMs);
  }

  #transition(event: SyncEvent): void {
    const { board, log } = this.#options;
    const next = nextState(board.state, event);
    if (next === null || next === board.state) return;
    log.debug({ from: board.state, to: next, event }, 'the state changes');
    board.state = next;
  }
}

function isRetried({ recovery }: WatcherError): boolean {
  return recovery === 'retry' || recovery === 'redump';
}
