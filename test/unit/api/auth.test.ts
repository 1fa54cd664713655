/** Who may call what (SPEC §8 "Who may"). */
import type { FastifyRequest } from 'fastify';
import type { InjectOptions, Response } from 'light-my-request';
import { expect, test } from 'vitest';
import type { GuardOptions } from '../../../src/api/auth.ts';
import type { Role } from '../../../src/api/host-auth.ts';
import { createLogger } from '../../../src/logger.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver, expectProblem, silent } from './support.ts';

const reader = { name: 'prometheus', token: 'reader-0123456789', role: 'read' } as const;
const admin = { name: 'ops', token: 'admin-0123456789', role: 'admin' } as const;
const tokens = () => [reader, admin];

function guarded(options: GuardOptions = { tokens }) {
  const control = new StubControl(statusOf('inventory'));
  return Object.assign(appOver(control, silent, options), { control });
}

type Server = ReturnType<typeof guarded>;

async function call(
  { app }: Server,
  request: string,
  token?: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const [method = '', url = ''] = request.split(' ');
  const sent = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return app.inject({ method, url, headers: { ...headers, ...sent } } as InjectOptions);
}

function expectChallenge(response: Response, challenge: string): void {
  expectProblem(response, 401, 'unauthorized');
  expect(response.headers['www-authenticate']).toBe(challenge);
}

test.each([
  'GET /healthz',
  'GET /readyz',
  'GET /readyz?verbose=false',
  'GET /openapi.json',
  'GET /docs',
  'GET /docs/static/swagger-ui.css',
  'GET /',
  'HEAD /healthz',
  'OPTIONS /healthz',
])('%s is open', async (request) => {
  await using server = guarded();
  for (const token of [undefined, 'wrong-0123456789', reader.token]) {
    expect((await call(server, request, token)).statusCode).toBeLessThan(400);
  }
});

test.each([
  'GET /v1/syncs',
  'HEAD /v1/syncs',
  'GET /v1/syncs/inventory',
  'GET /v1/syncs/inventory/health',
  'GET /readyz?verbose',
  'GET /readyz?verbose=true',
  'GET /metrics',
  'OPTIONS /v1/syncs',
])('%s needs read', async (request) => {
  await using server = guarded();
  for (const token of [undefined, 'wrong-0123456789', '']) {
    expect((await call(server, request, token)).statusCode).toBe(401);
  }
  for (const { token } of tokens()) {
    expect((await call(server, request, token)).statusCode).toBeLessThan(300);
  }
});

test.each(['start', 'stop', 'dump'])('POST …/%s needs admin', async (order) => {
  await using server = guarded();
  const request = `POST /v1/syncs/inventory/${order}`;
  expectChallenge(await call(server, request), 'Bearer');
  expectChallenge(await call(server, request, 'wrong'), 'Bearer error="invalid_token"');
  const refused = await call(server, request, reader.token);
  expectProblem(refused, 403, 'forbidden');
  expect(refused.headers['www-authenticate']).toBe('Bearer error="insufficient_scope"');
  expect(server.control.orders).toEqual([]);
  expect((await call(server, request, admin.token)).statusCode).toBe(202);
  expect(server.control.orders).toHaveLength(1);
});

test('what is not there, or not so, is said to callers that are known', async () => {
  await using server = guarded();
  for (const [request, status] of [
    ['GET /v1/nothing', 404],
    ['POST /v1/nothing', 404],
    ['PUT /v1/syncs', 405],
    ['GET /v1/syncs/%zz', 404],
    ['GET /%zz', 400],
    ['GET /v1/syncs/nope', 404],
  ] as const) {
    expect((await call(server, request)).statusCode, request).toBe(401);
    expect((await call(server, request, reader.token)).statusCode, request).toBe(status);
  }
  expect((await call(server, 'POST /healthz')).statusCode).toBe(405);
});

test('a body is not read before the caller is known', async () => {
  await using server = guarded();
  const payload = 'x'.repeat(100_000);
  const url = '/v1/syncs/inventory/dump';
  const headers = { 'content-type': 'a/b' };
  const response = await server.app.inject({ method: 'POST', url, payload, headers });
  expect(response.statusCode).toBe(401);
});

test('a token is in the header alone', async () => {
  await using server = guarded();
  const { token } = admin;
  for (const request of [
    { url: `/v1/syncs?access_token=${token}` },
    { url: `/v1/syncs?token=${token}` },
    { url: '/v1/syncs', headers: { cookie: `token=${token}; authorization=Bearer ${token}` } },
    { url: '/v1/syncs', headers: { 'x-api-key': token } },
    { url: '/v1/syncs', headers: { authorization: token } },
    { url: '/v1/syncs', headers: { authorization: `Basic ${btoa(`ops:${token}`)}` } },
    { url: '/v1/syncs', headers: { authorization: `Bearer ${token} ${token}` } },
    { url: '/v1/syncs', headers: { authorization: `Bearer ${token.slice(0, -1)}` } },
    { url: '/v1/syncs', headers: { authorization: `Bearer ${token}x` } },
  ]) {
    await using fresh = guarded();
    expect((await fresh.app.inject(request)).statusCode, JSON.stringify(request)).toBe(401);
  }
  for (const authorization of [`bearer ${token}`, `BEARER   ${token} `]) {
    const response = await server.app.inject({ url: '/v1/syncs', headers: { authorization } });
    expect(response.statusCode, authorization).toBe(200);
  }
});

test('with tokens every Host is served, and still no change from another site', async () => {
  await using server = guarded();
  const host = 'watcher.example.com';
  expect((await call(server, 'GET /v1/syncs', reader.token, { host })).statusCode).toBe(200);
  const stop = 'POST /v1/syncs/inventory/stop';
  const own = { host, origin: 'https://watcher.example.com' };
  expect((await call(server, stop, admin.token, own)).statusCode).toBe(202);
  for (const headers of [
    { host, 'sec-fetch-site': 'cross-site' },
    { host, 'sec-fetch-site': 'same-site' },
    { host, origin: 'https://example.com' },
  ]) {
    expectProblem(await call(server, stop, admin.token, headers), 403, 'forbidden');
  }
});

test('a reload replaces the tokens', async () => {
  let now: readonly (typeof reader | typeof admin)[] = [reader];
  await using server = guarded({ tokens: () => now });
  expect((await call(server, 'GET /v1/syncs', reader.token)).statusCode).toBe(200);
  now = [admin];
  expect((await call(server, 'GET /v1/syncs', reader.token)).statusCode).toBe(401);
  expect((await call(server, 'GET /v1/syncs', admin.token)).statusCode).toBe(200);
  now = [];
  expect((await call(server, 'GET /v1/syncs')).statusCode).toBe(200);
  const host = 'watcher.example.com';
  expectProblem(await call(server, 'GET /v1/syncs', admin.token, { host }), 403, 'forbidden');
});

test('an event stream ends with its token', async () => {
  let now: readonly (typeof reader | typeof admin)[] = [reader, admin];
  await using server = guarded({ tokens: () => now });
  const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  const open = async ({ token }: typeof reader | typeof admin) => {
    const headers = { authorization: `Bearer ${token}` };
    const { body } = await fetch(`${url}/v1/events`, { headers });
    return (body as ReadableStream<Uint8Array>).getReader();
  };
  const [revoked, kept] = [await open(reader), await open(admin)];
  now = [{ ...admin }];
  server.control.statuses.set('later', statusOf('later'));
  let last = await revoked.read();
  for (; !last.done; last = await revoked.read()) {
    expect(Buffer.from(last.value).toString()).not.toContain('"later"');
  }
  let text = '';
  while (!text.includes('"later"')) text += Buffer.from((await kept.read()).value ?? []).toString();
  await kept.cancel();
});

test('the log names the token, and never shows it', async () => {
  const lines: string[] = [];
  const logger = createLogger('trace', { write: (line: string) => lines.push(line) });
  await using server = appOver(new StubControl(statusOf('inventory')), logger, { tokens });
  const headers = { authorization: `Bearer ${admin.token}` };
  await server.app.inject({ method: 'POST', url: '/v1/syncs/inventory/stop', headers });
  await server.app.inject({ url: '/v1/syncs', headers: { authorization: 'Bearer wrong-secret' } });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { path: '/v1/syncs/inventory/stop', status: 202, caller: 'ops' },
    { path: '/v1/syncs', status: 401 },
  ]);
  expect(lines.join('')).not.toMatch(/admin-0123456789|wrong-secret/);
});

test.each<[unknown, number, number]>([
  ['read', 200, 403],
  ['admin', 200, 202],
  [null, 401, 401],
  [undefined, 200, 202],
  [false, 401, 401],
  [0, 401, 401],
  ['', 401, 401],
  [{ name: 'me' }, 401, 401],
  [true, 401, 401],
  ['root', 401, 401],
])('a host that answers %j', async (answer, get, post) => {
  for (const role of [answer, Promise.resolve(answer)]) {
    await using server = guarded({ authenticate: () => role as Role | null });
    expect((await call(server, 'GET /v1/syncs')).statusCode).toBe(get);
    expect((await call(server, 'POST /v1/syncs/inventory/stop')).statusCode).toBe(post);
    expect((await call(server, 'GET /healthz')).statusCode).toBe(200);
  }
});

test('a host is asked with the request, by any Host; when it fails nobody is let in', async () => {
  const authenticate = (request: FastifyRequest): Role | null => {
    if (request.headers['x-user'] === undefined) throw new TypeError('the inside');
    return request.headers['x-user'] === 'root' ? 'admin' : null;
  };
  await using server = guarded({ authenticate, tokens });
  const stop = 'POST /v1/syncs/inventory/stop';
  const host = 'watcher.example.com';
  expect((await call(server, stop, undefined, { host, 'x-user': 'root' })).statusCode).toBe(202);
  expect((await call(server, stop, undefined, { 'x-user': 'me' })).statusCode).toBe(401);
  const failed = await call(server, stop);
  expectProblem(failed, 500, 'internal');
  expect(failed.payload).not.toContain('inside');
  expect(server.control.orders).toHaveLength(1);
  // A token of ours does without it.
  expect((await call(server, stop, admin.token)).statusCode).toBe(202);
});

test('after thirty wrong tokens an address waits, and one that was right before is still let in', async () => {
  let nowMs = 0;
  await using server = guarded({ tokens, now: () => nowMs });
  const get = (token?: string) => call(server, 'GET /v1/syncs', token);
  expect((await get(reader.token)).statusCode).toBe(200);
  for (let count = 0; count < 40; count += 1) expect((await get()).statusCode).toBe(401);
  for (let count = 0; count < 30; count += 1) expect((await get('wrong')).statusCode).toBe(401);
  for (const token of ['wrong', admin.token]) {
    const refused = await get(token);
    expectProblem(refused, 429, 'too_many_failures');
    expect(refused.headers['retry-after']).toBe('3');
  }
  expect((await get(reader.token)).statusCode).toBe(200);
  expect((await get()).statusCode).toBe(401);
  expect((await call(server, 'GET /healthz', 'wrong')).statusCode).toBe(200);
  nowMs += 2_999;
  expect((await get(admin.token)).headers['retry-after']).toBe('1');
  nowMs += 1;
  expect((await get('wrong')).statusCode).toBe(401);
  expect((await get(admin.token)).statusCode).toBe(429);
  nowMs += 3_000;
  expect((await get(admin.token)).statusCode).toBe(200);
});
