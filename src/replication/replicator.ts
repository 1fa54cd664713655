/**
 * One sync over time: follows what people want of it, leads or waits, and makes attempts with a pause in between.
 * What happens in an attempt is the pipeline's; what becomes of its error is decided here, by its recovery alone.
 */
import { toWatcherError, type WatcherError } from '../errors.ts';
import { type BackoffPolicy, nextDelayMs } from './backoff.ts';
import type { Coordination, DumpRequest, Lead, SyncOrders } from './coordination.ts';
import type { Driver, SourceStatus } from './driver.ts';
import { nextState, type SyncEvent } from './lifecycle.ts';
import type { PipelineEvents, PipelineOptions, StreamControl } from './pipeline.ts';
import { runPipeline } from './pipeline.ts';
import type { SyncObserver, SyncStatus } from './status.ts';
import type { SyncBoard } from './sync-board.ts';
import { Wakeup } from './wakeup.ts';
import type { DurableBatch } from './writer.ts';

/** The part of a logger that the core uses. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ReplicatorOptions {
  readonly name: string;
  readonly autostart: boolean;
  readonly board: SyncBoard;
  readonly coordination: Coordination;
  /** A fresh driver, with connections of its own, for each attempt. */
  readonly createDriver: () => Driver;
  readonly pipeline: Omit<
    PipelineOptions,
    'driver' | 'sink' | 'progress' | 'events' | 'signal' | 'dumpAnew'
  >;
  readonly backoff: BackoffPolicy;
  /** Failures in a row before the sync fails; 0: it never gives up. */
  readonly maxAttempts: number;
  readonly observer: SyncObserver;
  readonly log: Log;
  readonly encodeStatus: (status: SyncStatus) => string;
  readonly onEtcdContact: (error: WatcherError | null) => void;
  readonly random: () => number;
}

/** A fault of etcd while orders are followed is looked at again after this long. */
const ordersRetryMs = 1_000;
const sampleMs = 1_000;
/** How often a sync that does not run asks the source how much log it retains (SPEC §2.7). */
const probeMs = 15_000;

export class Replicator {
  readonly #options: ReplicatorOptions;
  readonly #wakeup = new Wakeup();
  #published: string | null = null;
  #desiredRevision = -1n;
  #known = false;
  #tryNow = false;
  #request: DumpRequest | null = null;
  /** Id of the last request that was carried out: the store may show it for a while. */
  #doneRequest: string | null = null;
  #control: StreamControl | null = null;
  #attempt: AbortController | null = null;
  #failures = 0;
  #sampling: ReturnType<typeof setInterval> | undefined;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
  }

  /** The leader's status as it published it, for a standby. */
  get published(): string | null {
    return this.#published;
  }

  /** Runs until the signal is aborted; then everything is given up in order. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const following = this.#followOrders(signal);
    try {
      while (!signal.aborted) {
        await this.#wakeup.until(() => this.#known, signal);
        await this.#probeUntil(() => this.#wantsToRun, signal);
        await this.#runWhileDesired(signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#options.log.error({ err: error }, 'the replicator ended');
    }
    await following;
  }

  /** An order was given here: act on it before the store tells. */
  orderDesired(desired: SyncStatus['desired']): void {
    this.#options.board.desired = desired;
    this.#tryNow = desired === 'running';
    this.#wake();
  }

  orderDump(request: DumpRequest): void {
    this.#takeRequest(request);
    this.#tryNow = true;
    this.#wake();
  }

  get #wantsToRun(): boolean {
    return this.#options.board.desired === 'running';
  }

  #wake(): void {
    if (!this.#wantsToRun) this.#attempt?.abort(new Stopped());
    this.#wakeup.wake();
  }

  /** Meanwhile the source goes on keeping log for the sync: says how much. */
  async #probeUntil(condition: () => boolean, signal: AbortSignal): Promise<void> {
    const { board } = this.#options;
    while (!condition()) {
      board.probed(await this.#probe(condition, signal));
      await this.#wakeup.sleep(probeMs, signal, condition);
    }
    board.probed(null);
  }

  async #probe(condition: () => boolean, signal: AbortSignal): Promise<SourceStatus | null> {
    const { createDriver, log } = this.#options;
    const driver = createDriver();
    // Not AbortSignal.timeout: Node 20 may collect it while only AbortSignal.any refers to it.
    const over = new AbortController();
    const end = (): void => over.abort(new Error('no answer in time'));
    const timer = setTimeout(end, probeMs);
    // An order is not kept waiting by a source that does not answer.
    const ordered = this.#wakeup.until(condition, over.signal).then(end, () => undefined);
    try {
      return await driver.probe(AbortSignal.any([signal, over.signal]));
    } catch (error) {
      log.debug({ err: error }, 'the source cannot be asked how much log it retains');
      return null;
    } finally {
      clearTimeout(timer);
      end();
      await ordered;
      await driver.close();
    }
  }

  async #followOrders(signal: AbortSignal): Promise<void> {
    const { coordination, onEtcdContact, log } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const orders of coordination.orders(signal)) {
          onEtcdContact(null);
          this.#obey(orders);
        }
      } catch (error) {
        if (signal.aborted) return;
        const known = toWatcherError(error);
        onEtcdContact(known);
        log.warn({ err: known }, 'the orders cannot be read from etcd');
        if (!this.#known) this.#options.board.failed(known, this.#after(ordersRetryMs));
        await this.#wakeup.sleep(ordersRetryMs, signal).catch(() => undefined);
      }
    }
  }

  #obey(orders: SyncOrders): void {
    const { board, autostart } = this.#options;
    this.#published = orders.published;
    board.desired = orders.desired ?? (autostart ? 'running' : 'stopped');
    if (this.#known && orders.desiredRevision !== this.#desiredRevision) {
      this.#tryNow = board.desired === 'running';
    }
    this.#desiredRevision = orders.desiredRevision;
    const request = orders.request?.id === this.#doneRequest ? null : orders.request;
    if (request?.id !== this.#request?.id) {
      this.#takeRequest(request);
      if (this.#known && request !== null) this.#tryNow = true;
    }
    this.#known = true;
    this.#wake();
  }

  #takeRequest(request: DumpRequest | null): void {
    if (request?.id === this.#request?.id) return;
    this.#request = request;
    if (request !== null) this.#control?.redump(request.tables);
  }

  /** From the order to run until the order to stop: leadership, and attempts one after the other. */
  async #runWhileDesired(signal: AbortSignal): Promise<void> {
    const { board, log } = this.#options;
    this.#transition('start');
    this.#failures = 0;
    let lead: Lead | null = null;
    while (!signal.aborted && this.#wantsToRun) {
      this.#tryNow = false;
      const attempt = new AbortController();
      this.#attempt = attempt;
      const both = AbortSignal.any([signal, attempt.signal]);
      try {
        lead = await this.#lead(lead, both);
        this.#transition('lead');
        await this.#attemptOnce(lead, both);
      } catch (error) {
        if (both.aborted) break;
        if (lead?.lost.aborted) lead = await this.#letGo(lead);
        await this.#recover(toWatcherError(error), lead !== null, both).catch((reason: unknown) => {
          if (!both.aborted) throw reason;
        });
      }
    }
    this.#transition('stop');
    board.progress.end('interrupted');
    log.info({}, 'the sync stops');
    if (lead !== null) await this.#letGo(lead);
    this.#attempt = null;
    board.leader = null;
    this.#transition('ended');
  }

  async #lead(current: Lead | null, signal: AbortSignal): Promise<Lead> {
    const { coordination, board, log } = this.#options;
    if (current !== null && !current.lost.aborted) return current;
    if (current !== null) await this.#letGo(current);
    board.leading = false;
    const lead = await coordination.campaign(signal, (leader) => {
      board.leader = leader;
      if (board.state !== 'standby') log.info({ leader }, 'another instance leads: standing by');
      this.#transition('wait');
    });
    board.leadershipBegan();
    this.#sampling = setInterval(() => this.#sample(lead), sampleMs);
    return lead;
  }

  async #letGo(lead: Lead): Promise<null> {
    this.#options.board.leading = false;
    clearInterval(this.#sampling);
    try {
      await lead.release();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the leadership ends with its lease');
    }
    return null;
  }

  async #attemptOnce(lead: Lead, signal: AbortSignal): Promise<never> {
    const { board, createDriver, pipeline } = this.#options;
    const driver = createDriver();
    const both = AbortSignal.any([signal, lead.lost]);
    board.attemptBegan(driver);
    try {
      return await runPipeline({
        ...pipeline,
        driver,
        sink: lead.sink,
        progress: board.progress,
        events: this.#events(),
        dumpAnew: this.#request !== null && this.#request.tables === null && this.#gaveUp,
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

  /** True while the attempt follows one after which only a person could help. */
  #gaveUp = false;

  #sample(lead: Lead): void {
    const { board, encodeStatus } = this.#options;
    board.sample();
    if (!lead.lost.aborted) lead.publish(encodeStatus(board.status()));
  }

  #events(): PipelineEvents {
    const { board, observer, name, log } = this.#options;
    return {
      prepared: ({ tables, excluded, warnings }) => {
        board.warnings = warnings;
        for (const { table } of excluded) board.progress.know(table, 'excluded', 0, null);
        log.info({ tables: tables.length, excluded: excluded.length }, 'the source is ready');
      },
      warnings: (warnings) => {
        board.warnings = warnings;
      },
      loaded: (state) => board.loaded(state),
      dumping: (cause) => {
        log.info({ cause: cause?.message ?? null }, 'the dump begins');
        if (cause !== null) {
          board.failed(cause, null);
          observer.error(name, cause.code);
        }
        this.#transition('dump');
      },
      streaming: (control) => {
        log.info({}, 'the stream begins');
        this.#transition('stream');
        this.#control = control;
        board.oldestPending = () => control.oldestPending();
        if (this.#request !== null) control.redump(this.#request.tables);
      },
      received: (message) => board.received(message),
      durable: (batch) => {
        this.#failures = 0;
        this.#gaveUp = false;
        board.durable(batch);
        this.#count(batch);
      },
      dumpedRows: (count) => observer.rows(name, 'dump', count),
      dumped: () => this.#dumped(),
    };
  }

  #count({ tally, transactions, seconds }: DurableBatch): void {
    const { observer, name } = this.#options;
    observer.etcdTxn(name, seconds);
    observer.transactions(name, transactions);
    observer.rows(name, 'insert', tally.inserts);
    observer.rows(name, 'update', tally.updates);
    observer.rows(name, 'delete', tally.deletes);
    observer.rows(name, 'truncate', tally.truncates);
  }

  #dumped(): void {
    const { coordination, log } = this.#options;
    log.info({}, 'the dump is done');
    const request = this.#request;
    if (request === null) return;
    this.#request = null;
    this.#doneRequest = request.id;
    coordination.clearRequest(request.id).catch((error: unknown) => {
      // It is done again after a restart: a dump changes nothing that is in step.
      log.warn({ err: error }, 'the request of the dump could not be removed from etcd');
    });
  }

  /** Waits for as long as the error asks for. */
  async #recover(error: WatcherError, leads: boolean, signal: AbortSignal): Promise<void> {
    const { board, observer, name, log, backoff, maxAttempts, random } = this.#options;
    observer.error(name, error.code);
    board.progress.end(error.recovery === 'retry' ? 'interrupted' : 'failed');
    if (error.code === 'fenced' && !leads) {
      log.warn({ err: error }, 'the leadership was lost');
      this.#transition('retry');
      this.#transition('start');
      return;
    }
    this.#failures += 1;
    const retries = error.recovery === 'retry' || error.recovery === 'redump';
    if (!retries || (maxAttempts > 0 && this.#failures >= maxAttempts)) {
      log.error({ err: error }, 'the sync has failed');
      board.failed(error, null);
      this.#gaveUp = true;
      this.#transition('give_up');
      await this.#probeUntil(() => this.#tryNow, signal);
    } else {
      // A smaller request is possible at once: nothing is to be waited for.
      const delayMs =
        error.code === 'request_too_large' ? 0 : nextDelayMs(backoff, this.#failures, random());
      board.failed(error, this.#after(delayMs));
      log.warn({ err: error, delayMs, failures: this.#failures }, 'the attempt has failed');
      this.#transition('retry');
      await this.#wakeup.sleep(delayMs, signal, () => this.#tryNow);
    }
    this.#transition('start');
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

/** Why an attempt is aborted when the sync is to stop. */
class Stopped extends Error {
  override readonly name = 'Stopped';
}
