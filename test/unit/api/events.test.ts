/** `GET /v1/events`, over real connections: what is written to a socket, and when. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Sync } from '../../../src/api/schemas/sync.ts';
import { until } from '../../support/until.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver, expectProblem, expectSchema } from './support.ts';

/** Only the clock of the streams: the rest of Node goes on. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const second = () => vi.advanceTimersByTime(1_000);

interface Event {
  readonly event: string;
  readonly data: { readonly name: string; readonly state?: string; readonly instance?: string };
}

class Stream {
  readonly #request: ClientRequest;
  readonly response: IncomingMessage;
  text = '';
  ended = false;

  constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
    response.on('close', () => {
      this.ended = true;
    });
    response.on('error', () => undefined);
  }

  read(): this {
    this.response.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
    });
    return this;
  }

  /** Blocks of the format, without what is no event. */
  get events(): readonly Event[] {
    const blocks = this.text.split('\n\n').slice(0, -1);
    return blocks.flatMap((block) => {
      const match = /^event: (\w+)\ndata: (.*)$/.exec(block);
      return match === null ? [] : [{ event: match[1] ?? '', data: JSON.parse(match[2] ?? '') }];
    });
  }

  get names(): readonly string[] {
    return this.events.map(({ event, data }) => `${event} ${data.name} ${data.state ?? ''}`.trim());
  }

  close(): void {
    this.#request.destroy();
  }
}

async function served(control: StubControl) {
  const { app } = appOver(control);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const open = () =>
    new Promise<Stream>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path: '/v1/events', agent: false });
      sent.on('response', (response) => resolve(new Stream(sent, response)));
      sent.on('error', reject);
      sent.end();
    });
  return { app, open, [Symbol.asyncDispose]: () => app.close() };
}

test('every sync on connect, then those that changed, at most one a second', async () => {
  const control = new StubControl(statusOf('a'), statusOf('b'));
  await using server = await served(control);
  const stream = (await server.open()).read();
  expect(stream.response.statusCode).toBe(200);
  expect(stream.response.headers).toMatchObject({
    'content-type': expect.stringMatching(/^text\/event-stream/),
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  await until(() => stream.names.length === 2, { what: 'both syncs' });
  expect(stream.names).toEqual(['sync a streaming', 'sync b streaming']);
  const single = (await server.app.inject('/v1/syncs/a')).json();
  expect(stream.events[0]?.data).toEqual(single);
  expectSchema(Sync, stream.events[0]?.data);

  control.statuses.set('b', statusOf('b', { state: 'backing_off' }));
  control.statuses.set('b', statusOf('b', { state: 'failed' }));
  second();
  await until(() => stream.names.length === 3, { what: 'the third event' });
  second();
  second();
  control.statuses.set('a', statusOf('a', { state: 'stopped' }));
  second();
  await until(() => stream.names.length === 4, { what: 'the fourth event' });
  expect(stream.names.slice(2)).toEqual(['sync b failed', 'sync a stopped']);
  stream.close();
});

test('a removed sync is told, and a new one is a sync like any', async () => {
  const control = new StubControl(statusOf('a'), statusOf('b'));
  await using server = await served(control);
  const stream = (await server.open()).read();
  await until(() => stream.names.length === 2, { what: 'both syncs' });
  control.statuses.delete('a');
  control.statuses.set('c', statusOf('c'));
  second();
  await until(() => stream.names.length === 4, { what: 'the fourth event' });
  expect(stream.names.slice(2)).toEqual(['sync c streaming', 'removed a']);
  stream.close();
});

test('a comment every 15 s', async () => {
  await using server = await served(new StubControl());
  const stream = (await server.open()).read();
  await until(() => stream.text.length > 0, { what: 'the first bytes' });
  for (let passed = 0; passed < 14; passed += 1) second();
  const before = stream.text;
  second();
  await until(() => stream.text !== before, { what: 'the comment' });
  expect(stream.text).toBe(`${before}:\n\n`);
  stream.close();
});

test('while nobody listens nothing is compared', async () => {
  const control = new StubControl(statusOf('a'));
  await using server = await served(control);
  const list = vi.spyOn(control, 'list');
  second();
  expect(vi.getTimerCount()).toBe(0);
  const streams = [await server.open(), await server.open()];
  second();
  // Once for both.
  expect(list).toHaveBeenCalledTimes(2);
  for (const stream of streams) stream.close();
  await until(() => vi.getTimerCount() === 0, { what: 'the end of the timer' });
});

/** A few of these are more than the buffers of a connection on loopback take. */
const large = (name: string, instance: string) =>
  statusOf(name, {
    instance,
    warnings: [{ code: 'no_key', message: 'x'.repeat(2 ** 22), remedy: '', table: null }],
  });

test('one that reads slowly gets the newest state of each sync, and few others', async () => {
  const control = new StubControl(large('a', '0'), statusOf('b', { instance: '0' }));
  await using server = await served(control);
  const stream = await server.open();
  for (let round = 1; round <= 30; round += 1) {
    control.statuses.set('a', large('a', `${round}`));
    control.statuses.set('b', statusOf('b', { instance: `${round}` }));
    second();
    await setImmediate();
  }
  stream.read();
  const last = (name: string) => stream.events.findLast(({ data }) => data.name === name);
  await until(() => last('a')?.data.instance === '30' && last('b')?.data.instance === '30', {
    what: 'the newest states',
  });
  expect(stream.events.length).toBeLessThan(16);
  stream.close();
});

test('one that reads nothing for a minute is cut off, one that has nothing to read is not', async () => {
  const control = new StubControl(large('a', '0'), large('b', '0'), large('c', '0'));
  await using server = await served(control);
  const stuck = await server.open();
  const good = (await server.open()).read();
  await until(() => good.names.length === 3, { what: 'all syncs' });
  // What it has not read yet stands in its way all the same.
  for (const name of ['a', 'b', 'c']) control.statuses.set(name, statusOf(name));
  for (let passed = 0; passed < 62; passed += 1) second();
  stuck.read();
  await until(() => stuck.ended, { what: 'the end of the one that reads nothing' });
  expect(stuck.events).toEqual([]);
  expect(good.ended).toBe(false);
  good.close();
});

test('more listeners than one instance serves are refused, until one has gone', async () => {
  await using server = await served(new StubControl(statusOf('a')));
  const streams = await Promise.all(Array.from({ length: 100 }, () => server.open()));
  expect(streams.every(({ response }) => response.statusCode === 200)).toBe(true);
  expectProblem(await server.app.inject('/v1/events'), 429, 'too_many_streams');
  streams[0]?.close();
  let next: Stream | undefined;
  await until(
    async () => {
      next = await server.open();
      return next.response.statusCode === 200;
    },
    { what: 'a place' },
  );
  for (const stream of [...streams, next]) stream?.close();
});

test('close() ends the streams first, also one that nobody reads', async () => {
  const server = await served(new StubControl(large('a', '0'), large('b', '0'), large('c', '0')));
  const stuck = await server.open();
  const good = (await server.open()).read();
  await until(() => good.names.length === 3, { what: 'all syncs' });
  await server.app.close();
  await until(() => good.ended, { what: 'the end of the stream' });
  expect(good.response.complete).toBe(true);
  stuck.read();
  await until(() => stuck.ended, { what: 'the end of the one that reads nothing' });
  expect(vi.getTimerCount()).toBe(0);
});

test('HEAD opens no stream, unknown parameters are refused', async () => {
  await using server = appOver(new StubControl(statusOf('a')));
  const head = await server.app.inject({ method: 'HEAD', url: '/v1/events' });
  expect(head.statusCode).toBe(200);
  expect(head.headers['content-type']).toMatch(/^text\/event-stream/);
  expectProblem(await server.app.inject('/v1/events?since=1'), 400, 'invalid_request');
  expectProblem(
    await server.app.inject({ method: 'POST', url: '/v1/events' }),
    405,
    'method_not_allowed',
  );
  expect(vi.getTimerCount()).toBe(0);
});
