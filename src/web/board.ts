/** All syncs on the page, by name. What arrives is shown with the next frame, however much it is. */
import { Card, type CardActions } from './card.ts';
import { Filters } from './filters.ts';
import { part, setHidden, setText } from './parts.ts';
import { type Sync, wordsOf } from './sync.ts';

/** After a connection, the syncs that it did not tell of in this time are gone. */
const settleMs = 2_000;

export class Board {
  readonly #list = part(document, 'syncs', HTMLElement);
  readonly #empty = part(document, 'empty', HTMLElement);
  readonly #cards = new Map<string, Card>();
  readonly #filters = new Filters(() => this.#request());
  readonly #actions: CardActions;
  readonly #announce: (text: string) => void;
  #told = new Set<string>();
  #settling: ReturnType<typeof setTimeout> | undefined;
  #settled = false;
  #requested = false;

  /** @param announce says a sentence to those who do not see the page */
  constructor(actions: CardActions, announce: (text: string) => void) {
    this.#actions = actions;
    this.#announce = announce;
    setInterval(() => this.#tick(), 1_000);
  }

  /** A new connection: every sync is told of anew. */
  connected(): void {
    this.#told = new Set();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#settle(), settleMs);
  }

  disconnected(): void {
    clearTimeout(this.#settling);
    for (const card of this.#cards.values()) card.interrupt();
  }

  put(sync: Sync): void {
    const { name } = sync;
    this.#told.add(name);
    const card = this.#cards.get(name);
    if (card === undefined) this.#add(new Card(sync, this.#actions));
    else {
      this.#announceChange(card.sync, sync);
      card.update(sync);
    }
    this.#request();
  }

  remove(name: string): void {
    this.#cards.get(name)?.element.remove();
    this.#cards.delete(name);
    this.#request();
  }

  clear(): void {
    for (const name of [...this.#cards.keys()]) this.remove(name);
    this.#settled = false;
  }

  #add(card: Card): void {
    const { name } = card.sync;
    const after = [...this.#cards.keys()].filter((other) => other > name).sort()[0];
    const next = after === undefined ? null : (this.#cards.get(after)?.element ?? null);
    this.#list.insertBefore(card.element, next);
    this.#cards.set(name, card);
    card.draw();
    card.tick();
  }

  #announceChange(before: Sync, after: Sync): void {
    if (before.state === after.state) return;
    const error = after.state === 'failed' || after.state === 'backing_off';
    const why = error && after.last_error !== null ? `. ${after.last_error.message}` : '';
    this.#announce(`${after.name}: ${wordsOf(after.state).label}${why}`);
  }

  #settle(): void {
    this.#settled = true;
    for (const name of [...this.#cards.keys()]) if (!this.#told.has(name)) this.remove(name);
    this.#request();
  }

  #request(): void {
    if (this.#requested) return;
    this.#requested = true;
    requestAnimationFrame(() => {
      this.#requested = false;
      this.#draw();
    });
  }

  #draw(): void {
    const cards = [...this.#cards.values()];
    const syncs = cards.map(({ sync }) => sync);
    const shown = this.#filters.apply(syncs);
    for (const card of cards) {
      setHidden(card.element, !shown.has(card.sync.name));
      card.draw();
    }
    const nothing =
      cards.length === 0 ? 'No sync is configured.' : 'No sync is like that at the moment.';
    setText(this.#empty, nothing);
    setHidden(this.#empty, shown.size > 0 || (cards.length === 0 && !this.#settled));
    document.title = titleOf(syncs);
  }

  #tick(): void {
    if (document.hidden) return;
    for (const card of this.#cards.values()) card.tick();
  }
}

/** What somebody who looks at another tab should know. */
function titleOf(syncs: readonly Sync[]): string {
  const failed = syncs.filter(({ state }) => wordsOf(state).tone === 'bad').length;
  if (failed > 0) return `${failed} failed · Watcher`;
  const troubled = syncs.filter(({ state }) => wordsOf(state).tone === 'warn').length;
  return troubled > 0 ? `${troubled} backing off · Watcher` : 'Watcher';
}
