/** Requests that may be silent for long, on servers that end silent connections. */
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { api } from '../../../src/api/plugin.ts';
import type { DropReport } from '../../../src/replication/drop-sync.ts';
import { StubConfiguration } from '../../support/configuration.ts';
import { until } from '../../support/until.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver } from './support.ts';

const silenceMs = 200;

/** A drop ends when the test says so. */
class SlowControl extends StubControl {
  finish: (() => void) | undefined;

  override async drop(...order: Parameters<StubControl['drop']>): Promise<DropReport> {
    await new Promise<void>((resolve) => {
      this.finish = resolve;
    });
    return super.drop(...order);
  }
}

const stopped = () => new SlowControl(statusOf('inventory', { state: 'stopped' }));

async function ofOurs(control: StubControl, keepAliveMs: number) {
  const { app } = appOver(control, undefined, { limits: { silenceMs, keepAliveMs } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, prefix: '', [Symbol.asyncDispose]: () => app.close() };
}

async function ofHost(control: StubControl, keepAliveMs: number) {
  const app = Fastify({
    connectionTimeout: silenceMs,
    handlerTimeout: silenceMs,
  });
  app.server.keepAliveTimeout = keepAliveMs;
  app.server.on('timeout', (socket: Socket) => socket.destroy());
  const configuration = new StubConfiguration();
  const options = { control, configuration, version: '1.2.3', node: '20.19.0' };
  await app.register(api, { ...options, prefix: '/theirs' });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, prefix: '/theirs', [Symbol.asyncDispose]: () => app.close() };
}

test.each([
  ['our server', ofOurs, 10_000],
  ['the server of a host', ofHost, 10_000],
  ['the server of a host without a limit between requests', ofHost, 0],
])('%s waits for a long drop, and for nothing else', async (_, serve, keepAliveMs) => {
  const control = stopped();
  await using server = await serve(control, keepAliveMs);
  const { port } = server.app.server.address() as AddressInfo;
  const head = 'HTTP/1.1\r\nHost: localhost\r\n';
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += String(bytes);
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(`DELETE ${server.prefix}/v1/syncs/inventory?drop=keys ${head}\r\n`);
  await until(() => control.finish, { what: 'the drop runs' });
  // Others that say nothing are cut off meanwhile, twice.
  for (let count = 0; count < 2; count += 1) {
    expect(await text(connect(port, '127.0.0.1'))).toBe('');
  }
  expect([answer, socket.destroyed]).toEqual(['', false]);
  control.finish?.();
  await until(() => answer.includes('"dry_run":false'), { what: 'the answer', failure: closed });
  expect(answer).toMatch(/^HTTP\/1.1 200 /);

  if (keepAliveMs === 0) {
    // The limit for silence is in force again.
    await closed;
    return;
  }
  expect(await text(connect(port, '127.0.0.1'))).toBe('');
  answer = '';
  socket.write(`GET ${server.prefix}/healthz ${head}\r\n`);
  await until(() => answer.includes('"status":"ok"'), { what: 'an answer', failure: closed });
  socket.destroy();
});

test('an event stream goes on in a host that limits how long a request may take', async () => {
  await using server = await ofHost(stopped(), 10_000);
  const { port } = server.app.server.address() as AddressInfo;
  const { body } = await fetch(`http://127.0.0.1:${port}${server.prefix}/v1/events`);
  const events = (body as ReadableStream<Uint8Array>).getReader();
  await events.read();
  for (let count = 0; count < 2; count += 1) {
    expect(await text(connect(port, '127.0.0.1'))).toBe('');
  }
  await server.app.close();
  for (let last = await events.read(); !last.done; last = await events.read());
});
