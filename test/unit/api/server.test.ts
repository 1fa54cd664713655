/** What only a server that listens can show: TLS, and what it takes from a client. */
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import type { AppOptions } from '../../../src/api/app.ts';
import { replaceCertificate } from '../../../src/api/tls.ts';
import { createLogger } from '../../../src/logger.ts';
import { makePem } from '../../support/pem.ts';
import { until } from '../../support/until.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver, silent } from './support.ts';

const control = () => new StubControl(statusOf('inventory'));
const first = await makePem();
const second = await makePem();

async function listening(options: Partial<AppOptions>, logger = silent) {
  const server = appOver(control(), logger, options);
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  return { ...server, port };
}

async function secure(port: number, options: object): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', ...options });
  await new Promise((resolve, reject) =>
    socket.once('secureConnect', resolve).once('error', reject),
  );
  return socket;
}

async function get(socket: Socket, path: string): Promise<string> {
  socket.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

test('HTTPS, with TLS 1.2 or later, and then browsers are told to stay with it', async () => {
  await using server = await listening({ tls: first });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await secure(server.port, { ca: first.ca, maxVersion });
    expect(socket.getProtocol()).toBe(maxVersion);
    const answer = await get(socket, '/v1/syncs');
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer).toMatch(/^strict-transport-security: max-age=31536000\r$/m);
  }
  const old = {
    ca: first.ca,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'ALL@SECLEVEL=0',
  };
  await expect(secure(server.port, old)).rejects.toThrow(
    /alert protocol version|unsupported protocol/i,
  );
  await expect(secure(server.port, { ca: second.ca })).rejects.toThrow();
  // Plain HTTP gets nothing, and does no harm.
  expect(await get(connect(server.port, '127.0.0.1'), '/healthz')).toBe('');
  expect(await get(await secure(server.port, { ca: first.ca }), '/healthz')).toMatch(/ 200 /);
});

test('without TLS nothing is said of it', async () => {
  await using server = appOver(control());
  const { headers } = await server.app.inject('/v1/syncs');
  expect(headers['strict-transport-security']).toBeUndefined();
});

test('another certificate is for new connections; what is open goes on', async () => {
  await using server = await listening({ tls: first });
  const open = await secure(server.port, { ca: first.ca });
  expect(() => replaceCertificate(server.app, { cert: second.cert, key: first.key })).toThrow();
  (await secure(server.port, { ca: first.ca })).destroy();
  replaceCertificate(server.app, second);
  expect(await get(open, '/healthz')).toMatch(/ 200 /);
  expect(await get(await secure(server.port, { ca: second.ca }), '/healthz')).toMatch(/ 200 /);
  await expect(secure(server.port, { ca: first.ca })).rejects.toThrow();
  await using plain = appOver(control());
  expect(() => replaceCertificate(plain.app, first)).toThrow(/not served by TLS/);
});

const slow = { headersMs: 60_000, requestMs: 60_000, checkMs: 50 };

test.each([
  ['says nothing', { headersMs: 200 }, ''],
  ['never ends its headers', { headersMs: 200 }, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n'],
  [
    'never ends its body',
    { headersMs: 100, requestMs: 200 },
    'POST /v1/syncs/inventory/dump HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{',
  ],
])('who %s is cut off', async (_, limit, bytes) => {
  for (const tls of [null, first]) {
    await using server = await listening({ tls, limits: { ...slow, ...limit } });
    const socket =
      tls === null ? connect(server.port, '127.0.0.1') : await secure(server.port, { ca: tls.ca });
    socket.write(bytes);
    const drip = setInterval(() => socket.write(bytes === '' ? '' : 'a'), 50);
    try {
      const answer = await text(socket);
      expect(answer).toMatch(/^HTTP\/1.1 408 /);
      expect(answer).toContain('application/problem+json');
    } finally {
      clearInterval(drip);
    }
  }
});

test('a handshake that is not begun is cut off', async () => {
  await using server = await listening({ tls: first, limits: { handshakeMs: 100 } });
  expect(await text(connect(server.port, '127.0.0.1'))).toBe('');
});

test('a connection without a byte in either direction ends', async () => {
  await using server = await listening({ limits: { silenceMs: 100, keepAliveMs: 100 } });
  const socket = connect(server.port, '127.0.0.1');
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  expect(await text(socket)).toMatch(/ 200 /);
});

test('connections are bounded; the log says so once', async () => {
  const lines: string[] = [];
  const logger = createLogger('warn', { write: (line: string) => lines.push(line) });
  await using server = await listening({ limits: { connections: 2 } }, logger);
  const open = [connect(server.port, '127.0.0.1'), connect(server.port, '127.0.0.1')];
  const count = () =>
    new Promise<number>((resolve) =>
      server.app.server.getConnections((_, found) => resolve(found)),
    );
  await until(async () => (await count()) === 2, { what: 'two are connected' });
  for (let more = 0; more < 3; more += 1) {
    expect(await text(connect(server.port, '127.0.0.1')).catch(() => '')).toBe('');
  }
  expect(lines.filter((line) => line.includes('refused'))).toHaveLength(1);
  for (const socket of open) socket.destroy();
  await until(async () => (await count()) === 0, { what: 'they are gone' });
  expect(await get(connect(server.port, '127.0.0.1'), '/healthz')).toMatch(/ 200 /);
});

test('headers and bodies are bounded', async () => {
  await using server = await listening({});
  const long = 'x'.repeat(20_000);
  const head = 'HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
  for (const [request, status] of [
    [`GET /healthz ${head}X: ${long}\r\n\r\n`, 431],
    [`GET /${long} ${head}\r\n`, 431],
    [
      `POST /v1/syncs/inventory/dump ${head}Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n`,
      413,
    ],
  ] as const) {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(request);
    const answer = await text(socket);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('application/problem+json');
  }
});
