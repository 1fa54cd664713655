/**
 * The events of the server, for as long as the page is open: connects, reads, and connects again.
 *
 * `EventSource` cannot send a token, so the stream is read from `fetch`.
 */
import { backoffMs } from './backoff.ts';
import { EventParser, type ServerEvent } from './event-parser.ts';
import { noAnswer, type Refusal, Refused } from './refusal.ts';

export type FeedState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** `retryAt`: milliseconds since the epoch. */
  | { readonly kind: 'waiting'; readonly retryAt: number; readonly why: Refusal }
  /** A token is needed, or this one was not accepted. Nothing more happens until `start`. */
  | { readonly kind: 'unauthorized'; readonly why: Refusal };

export interface FeedOptions {
  /** Asks for the events. @throws Refused */
  open(signal: AbortSignal): Promise<Response>;
  onState(state: FeedState): void;
  onEvent(event: ServerEvent): void;
  /** How far the server's clock is ahead of this one. */
  onClock(skewMs: number): void;
}

/** The server sends a comment every 15 s; two that are missing, and the connection is dead. */
const silenceMs = 40_000;

export class Feed {
  readonly #options: FeedOptions;
  #attempt: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #waiting = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Connects at once, whatever it does now. */
  start(): void {
    this.stop();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#options.onState({ kind: 'connecting' });
    this.#run(attempt.signal).catch((error: unknown) => {
      if (!attempt.signal.aborted) this.#failed(error);
    });
  }

  /** Does not wait any longer for the next attempt. */
  hurry(): void {
    if (this.#waiting) this.start();
  }

  stop(): void {
    this.#waiting = false;
    clearTimeout(this.#timer);
    this.#attempt?.abort();
    this.#attempt = null;
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#watch();
    const response = await this.#options.open(signal);
    if (response.body === null) throw new Refused(noAnswer);
    const date = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) this.#options.onClock(date - Date.now());
    this.#options.onState({ kind: 'live' });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      if (done) throw new Refused({ ...noAnswer, message: 'Watcher has ended the connection' });
      this.#failures = 0;
      this.#watch();
      const text = decoder.decode(value, { stream: true });
      for (const event of parser.push(text)) this.#options.onEvent(event);
    }
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#attempt?.abort();
      this.#failed(new Refused({ ...noAnswer, message: 'Nothing was heard of Watcher for 40 s' }));
    }, silenceMs);
  }

  #failed(error: unknown): void {
    this.stop();
    const lost = { ...noAnswer, message: 'The connection to Watcher was lost' };
    const why = error instanceof Refused ? error.refusal : lost;
    if (why.status === 401) {
      this.#options.onState({ kind: 'unauthorized', why });
      return;
    }
    this.#failures += 1;
    const delayMs = Math.max(
      backoffMs(this.#failures, Math.random()),
      (why.retryAfterSeconds ?? 0) * 1_000,
    );
    this.#waiting = true;
    this.#timer = setTimeout(() => this.start(), delayMs);
    this.#options.onState({ kind: 'waiting', retryAt: Date.now() + delayMs, why });
  }
}
