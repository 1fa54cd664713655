/** The dashboard: what `GET /v1/events` says of every sync, and the orders that may be given. */
import { call, order as giveOrder, type Order, session } from './api.ts';
import { Board } from './board.ts';
import type { Card } from './card.ts';
import { Connection } from './connection.ts';
import { chooseDump, confirmStop } from './dialogs.ts';
import type { ServerEvent } from './event-parser.ts';
import { Feed, type FeedState } from './feed.ts';
import { part, setHidden, setText } from './parts.ts';
import { type Refusal, Refused } from './refusal.ts';
import { SignIn } from './sign-in.ts';
import { ordersOf, type Sync } from './sync.ts';
import { serverClock } from './times.ts';

const overview = part(document, 'overview', HTMLElement);
const signOut = part(document, 'sign-out', HTMLButtonElement);
const announcer = part(document, 'announcer', HTMLElement);
const announce = (text: string): void => setText(announcer, text);

const board = new Board(
  {
    toggle: (card) => toggle(card).catch(reportError),
    retry: (card) => give(card, 'start').catch(reportError),
    dump: (card) => dump(card).catch(reportError),
  },
  announce,
);
const connection = new Connection(() => feed.start(), announce);
const signIn = new SignIn(() => feed.start());
const feed = new Feed({
  open: (signal) => call('v1/events', { signal, headers: { accept: 'text/event-stream' } }),
  onState: showState,
  onEvent: showEvent,
  onClock: (skewMs) => {
    serverClock.skew = skewMs;
  },
});

function showState(state: FeedState): void {
  connection.show(state);
  if (state.kind === 'live') {
    board.connected();
    signIn.hide();
    setHidden(overview, false);
    setHidden(signOut, session.token === null);
  }
  if (state.kind === 'waiting') {
    board.disconnected();
    signIn.pause();
  }
  if (state.kind === 'unauthorized') {
    const refusal = session.token === null ? null : state.why;
    showSignIn(refusal);
  }
}

function showSignIn(refusal: Refusal | null): void {
  session.token = null;
  board.clear();
  setHidden(overview, true);
  setHidden(signOut, true);
  signIn.ask(refusal);
}

function showEvent({ event, data }: ServerEvent): void {
  if (event === 'sync') board.put(JSON.parse(data) as Sync);
  if (event === 'removed') board.remove((JSON.parse(data) as { name: string }).name);
}

async function give(card: Card, order: Order, body?: object): Promise<void> {
  if (card.busy) return;
  const { name } = card.sync;
  card.busy = true;
  card.notice(null);
  try {
    board.put(await giveOrder(name, order, body));
    announce(`${name}: ${order} was accepted`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.refusal.status === 401) return feed.start();
    card.notice(error.refusal);
  } finally {
    card.busy = false;
  }
}

async function toggle(card: Card): Promise<void> {
  const { toggle: order } = ordersOf(card.sync);
  if (order === 'start' || (await confirmStop(card.sync))) await give(card, order);
}

async function dump(card: Card): Promise<void> {
  const body = await chooseDump(card.sync);
  if (body !== null) await give(card, 'dump', body);
}

signOut.addEventListener('click', () => {
  session.token = null;
  feed.start();
});
// The machine woke up, or has a network again: no reason to wait.
window.addEventListener('online', () => feed.hurry());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) feed.hurry();
});
feed.start();
