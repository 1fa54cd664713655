import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { backoffMs } from '../../../src/web/backoff.ts';
import { Feed, type FeedState } from '../../../src/web/feed.ts';
import { noAnswer, Refused } from '../../../src/web/refusal.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Attempt = () => Promise<Response>;

/** A stream that a test writes to. */
function openStream() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (its) => {
      controller = its;
    },
  });
  return {
    response: new Response(body),
    write: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    end: () => controller?.close(),
    fail: () => controller?.error(new TypeError('network error')),
  };
}

function feedOf(...attempts: Attempt[]) {
  const states: FeedState[] = [];
  const events: string[] = [];
  const signals: AbortSignal[] = [];
  const feed = new Feed({
    open: (signal) => {
      signals.push(signal);
      return (attempts.shift() ?? (() => Promise.reject(new Refused(noAnswer))))();
    },
    onState: (state) => states.push(state),
    onEvent: ({ event, data }) => events.push(`${event} ${data}`),
    onClock: () => {},
  });
  const kinds = () => states.map(({ kind }) => kind);
  return { feed, states, kinds, events, signals };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

test('events are handed on as they come, whole ones', async () => {
  const stream = openStream();
  const { feed, kinds, events } = feedOf(async () => stream.response);
  feed.start();
  stream.write('event: sync\ndata: {"name":"ä');
  await settle();
  expect([kinds(), events]).toEqual([['connecting', 'live'], []]);
  stream.write('"}\n\n:\n\nevent: removed\ndata: {}\n\n');
  await settle();
  expect(events).toEqual(['sync {"name":"ä"}', 'removed {}']);
});

test.each(['end', 'fail'] as const)(
  'a stream that comes to its %s is opened again',
  async (how) => {
    const stream = openStream();
    const again = openStream();
    const { feed, states, kinds } = feedOf(
      async () => stream.response,
      async () => again.response,
    );
    feed.start();
    await settle();
    stream[how]();
    await settle();
    expect(kinds()).toEqual(['connecting', 'live', 'waiting']);
    const waiting = states.at(-1);
    const waitMs = waiting?.kind === 'waiting' ? waiting.retryAt - Date.now() : 0;
    expect(waitMs).toBeGreaterThanOrEqual(800);
    await vi.advanceTimersByTimeAsync(waitMs - 1);
    expect(kinds()).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(kinds().slice(3)).toEqual(['connecting', 'live']);
  },
);

test('silence is a dead connection; comments are not silence', async () => {
  const stream = openStream();
  const { feed, kinds, signals } = feedOf(async () => stream.response);
  feed.start();
  for (let round = 0; round < 5; round += 1) {
    await vi.advanceTimersByTimeAsync(15_000);
    stream.write(':\n\n');
  }
  await settle();
  expect(kinds()).toEqual(['connecting', 'live']);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(kinds().at(-1)).toBe('waiting');
  expect(signals[0]?.aborted).toBe(true);
});

test('an answer that does not come is not waited for without end', async () => {
  const { feed, kinds } = feedOf(() => new Promise(() => {}));
  feed.start();
  await vi.advanceTimersByTimeAsync(40_000);
  expect(kinds()).toEqual(['connecting', 'waiting']);
});

test('the waits grow, and begin anew once something was heard', async () => {
  const { feed, states } = feedOf();
  feed.start();
  await vi.advanceTimersByTimeAsync(600_000);
  const waits = states.filter(({ kind }) => kind === 'waiting').length;
  // 1 + 2 + 4 + 8 + 16 and then 30 s each, or up to a fifth less.
  expect(waits).toBeGreaterThan(20);
  expect(waits).toBeLessThan(32);
  expect([1, 2, 5, 6, 100].map((failures) => backoffMs(failures, 0))).toEqual([
    1_000, 2_000, 16_000, 30_000, 30_000,
  ]);
  expect(backoffMs(1, 1)).toBe(800);
});

test('a server that says when to come again is obeyed', async () => {
  const busy = new Refused({ ...noAnswer, status: 429, retryAfterSeconds: 20 });
  const { feed, states } = feedOf(() => Promise.reject(busy));
  feed.start();
  await settle();
  expect(states.at(-1)).toEqual({
    kind: 'waiting',
    retryAt: Date.now() + 20_000,
    why: busy.refusal,
  });
});

test('without a token nothing is tried again, until it is told to', async () => {
  const refused = new Refused({ ...noAnswer, status: 401 });
  const stream = openStream();
  const { feed, kinds } = feedOf(
    () => Promise.reject(refused),
    async () => stream.response,
  );
  feed.start();
  await vi.advanceTimersByTimeAsync(600_000);
  feed.hurry();
  expect(kinds()).toEqual(['connecting', 'unauthorized']);
  feed.start();
  await settle();
  expect(kinds().slice(2)).toEqual(['connecting', 'live']);
});

test('a hurry ends the wait, and does not disturb a connection', async () => {
  const stream = openStream();
  const { feed, kinds } = feedOf(
    () => Promise.reject(new Refused(noAnswer)),
    async () => stream.response,
  );
  feed.start();
  await settle();
  feed.hurry();
  await settle();
  feed.hurry();
  await settle();
  expect(kinds()).toEqual(['connecting', 'waiting', 'connecting', 'live']);
});
