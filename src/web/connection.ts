/** Whether what the page shows is of now, and if not, since when it is not. */
import type { FeedState } from './feed.ts';
import { duration, localTime } from './format.ts';
import { part, setHidden, setText } from './parts.ts';

const words = {
  connecting: 'Connecting',
  live: 'Live',
  waiting: 'Disconnected',
  unauthorized: 'Not signed in',
} as const;

export class Connection {
  readonly #text = part(document, 'connection-text', HTMLElement);
  readonly #indicator = part(document, 'connection', HTMLElement);
  readonly #banner = part(document, 'stale', HTMLElement);
  readonly #next = part(document, 'stale-next', HTMLElement);
  readonly #announce: (text: string) => void;
  #kind: FeedState['kind'] = 'connecting';
  #retryAt: number | null = null;
  #liveUntil: Date | null = null;

  constructor(onRetry: () => void, announce: (text: string) => void) {
    this.#announce = announce;
    part(document, 'stale-retry', HTMLButtonElement).addEventListener('click', onRetry);
    setInterval(() => this.#tick(), 1_000);
  }

  show(state: FeedState): void {
    const before = this.#kind;
    this.#kind = state.kind;
    this.#retryAt = state.kind === 'waiting' ? state.retryAt : null;
    if (state.kind === 'live') {
      if (this.#liveUntil !== null) this.#announce('Connected again');
      this.#liveUntil = null;
    }
    if (before === 'live' && state.kind === 'waiting') {
      this.#liveUntil = new Date();
      this.#announce(`${state.why.message}. The page is not up to date.`);
    }
    setText(this.#text, words[state.kind]);
    this.#indicator.dataset.state = state.kind;
    if (state.kind === 'waiting') this.#explain(state.why.message, state.why.remedy);
    // While it tries again the banner stays: what is shown is still old.
    if (state.kind !== 'connecting') setHidden(this.#banner, state.kind !== 'waiting');
    document.body.toggleAttribute('data-stale', this.#liveUntil !== null);
    this.#tick();
  }

  #explain(message: string, remedy: string): void {
    setText(part(this.#banner, 'stale-what', HTMLElement), `${message}.`);
    setText(part(this.#banner, 'stale-remedy', HTMLElement), remedy);
    const since = this.#liveUntil;
    const text = since === null ? '' : `What you see is of ${localTime(since, new Date())}.`;
    setText(part(this.#banner, 'stale-since', HTMLElement), text);
  }

  #tick(): void {
    if (this.#kind === 'connecting') setText(this.#next, 'Trying …');
    if (this.#retryAt === null) return;
    const seconds = Math.max(1, Math.ceil((this.#retryAt - Date.now()) / 1_000));
    setText(this.#next, `Next attempt in ${duration(seconds)}`);
  }
}
