/** What HTTP asks of a server: methods, Allow, HEAD, and who may call. */

import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import type { InjectOptions } from 'light-my-request';
import { expect, test } from 'vitest';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver, expectProblem } from './support.ts';

const control = () => new StubControl(statusOf('inventory'));
const read = 'GET, HEAD, OPTIONS';
const order = 'OPTIONS, POST';

const paths: readonly [path: string, allow: string][] = [
  ['/v1/syncs', read],
  ['/v1/syncs/inventory/health', read],
  ['/v1/syncs/inventory/start', order],
  ['/v1/syncs/inventory/stop', order],
  ['/v1/syncs/inventory/dump', order],
  ['/healthz', read],
  ['/readyz', read],
  ['/metrics', read],
  ['/openapi.json', read],
  ['/docs', read],
  ['/docs/', read],
  ['/docs/static/swagger-ui.css', read],
  ['/', read],
];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'] as const;

test.each(paths)('%s takes %s and no other method', async (url, allow) => {
  await using server = appOver(control());
  for (const method of methods) {
    const headers = { 'content-type': 'text/plain' };
    // light-my-request knows no PROPFIND by type.
    const request = { method, url, headers } as InjectOptions;
    const response = await server.app.inject(request);
    if (allow.split(', ').includes(method)) {
      expect(response.statusCode, method).toBeLessThan(400);
      expect(response.headers.allow).toBeUndefined();
    } else {
      if (method === 'HEAD') expect([response.statusCode, response.payload]).toEqual([405, '']);
      else expectProblem(response, 405, 'method_not_allowed');
      expect(response.headers.allow, method).toBe(allow);
    }
  }
  const options = await server.app.inject({ method: 'OPTIONS', url });
  expect([options.statusCode, options.headers.allow, options.payload]).toEqual([204, allow, '']);
});

test('a sync takes GET and DELETE, which asks for a parameter', async () => {
  await using server = appOver(control());
  const url = '/v1/syncs/inventory';
  const post = await server.app.inject({ method: 'POST', url });
  expectProblem(post, 405, 'method_not_allowed');
  expect(post.headers.allow).toBe('DELETE, GET, HEAD, OPTIONS');
  expect((await server.app.inject(url)).statusCode).toBe(200);
  expect((await server.app.inject({ method: 'HEAD', url })).statusCode).toBe(200);
  expectProblem(await server.app.inject({ method: 'DELETE', url }), 400, 'invalid_request');
});

test.each(paths.filter(([, allow]) => allow === read))(
  'HEAD %s is GET without the body',
  async (url) => {
    await using server = appOver(control());
    const get = await server.app.inject(url);
    const head = await server.app.inject({ method: 'HEAD', url });
    expect(head.statusCode).toBe(get.statusCode);
    expect(head.payload).toBe('');
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
  },
);

test('a wrong method is refused before its body is read', async () => {
  await using server = appOver(control());
  const request: InjectOptions = { method: 'PUT', url: '/v1/syncs', payload: '{{' };
  const response = await server.app.inject({ ...request, headers: { 'content-type': 'a/b' } });
  expectProblem(response, 405, 'method_not_allowed');
});

test.each([
  ['localhost', true],
  ['LocalHost:8080', true],
  ['127.0.0.1:8080', true],
  ['127.1.2.3', true],
  ['[::1]:8080', true],
  ['example.com', false],
  ['localhost.example.com', false],
  ['127.0.0.1.example.com', false],
  ['localhost:8080@example.com', false],
  ['10.0.0.1:8080', false],
  ['[::]', false],
])('the Host %s is served: %s', async (host, served) => {
  await using server = appOver(control());
  for (const url of ['/v1/syncs', '/healthz', '/docs', '/nothing', '/%zz', '/v1/syncs/%zz']) {
    const response = await server.app.inject({ url, headers: { host } });
    if (served) expect(response.statusCode).not.toBe(403);
    else expectProblem(response, 403, 'forbidden');
  }
});

test.each<[Record<string, string>, number]>([
  [{}, 202],
  [{ 'sec-fetch-site': 'same-origin' }, 202],
  [{ 'sec-fetch-site': 'none' }, 202],
  [{ 'sec-fetch-site': 'same-site' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': '' }, 403],
  [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost:8080' }, 403],
  [{ 'sec-fetch-site': 'same-origin', origin: 'http://example.com' }, 202],
  [{ origin: 'http://localhost:8080' }, 202],
  [{ origin: 'http://LOCALHOST:8080' }, 202],
  [{ origin: 'http://localhost:8081' }, 403],
  [{ origin: 'http://localhost' }, 403],
  [{ origin: 'http://127.0.0.1:8080' }, 403],
  [{ origin: 'http://example.com' }, 403],
  [{ origin: 'null' }, 403],
  [{ origin: '' }, 403],
  [{ host: 'localhost', origin: 'http://localhost' }, 202],
  [{ host: 'localhost:80', origin: 'http://localhost' }, 202],
])('an order with %j is %i', async (headers, status) => {
  const stub = control();
  await using server = appOver(stub);
  const response = await server.app.inject({
    method: 'POST',
    url: '/v1/syncs/inventory/stop',
    headers: { host: 'localhost:8080', ...headers },
  });
  if (status === 403) expectProblem(response, 403, 'forbidden');
  expect(response.statusCode).toBe(status);
  expect(stub.orders).toHaveLength(status === 202 ? 1 : 0);
});

test('a page of another site may read nothing either: no answer allows it', async () => {
  await using server = appOver(control());
  const headers = { origin: 'http://example.com' };
  const response = await server.app.inject({ url: '/v1/syncs', headers });
  expect(response.statusCode).toBe(200);
  expect(response.headers['access-control-allow-origin']).toBeUndefined();
  expect(response.headers['cross-origin-resource-policy']).toBe('same-origin');
});

test.each(['/v1/syncs', '/nothing', '/%zz', '/docs/', '/metrics'])(
  '%s has the headers of safety',
  async (url) => {
    await using server = appOver(control());
    const { headers } = await server.app.inject(url);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
  },
);

test('what is not HTTP is answered with a problem', async () => {
  await using server = appOver(control());
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  for (const [request, status] of [
    ['NONSENSE\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const) {
    const answer = await exchange(port, request);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
      status,
      code: 'invalid_request',
    });
  }
});

test('HTTP/1.0 without a Host is not served, absolute targets are', async () => {
  await using server = appOver(control());
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  expect(await exchange(port, 'GET /v1/syncs HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 403 /);
  const headers = 'HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const target = 'http://localhost/v1/syncs';
  expect(await exchange(port, `GET ${target} ${headers}`)).toMatch(/^HTTP\/1.1 200 /);
  expect(await exchange(port, `PUT ${target} ${headers}`)).toMatch(/^HTTP\/1.1 405 /);
});

test('what Node.js would answer alone, without a body, is answered with a problem', async () => {
  const head = 'Connection: close\r\n';
  for (const tokens of [[], [{ name: 'ops', token: 'admin-0123456789', role: 'admin' } as const]]) {
    await using server = appOver(control(), undefined, { tokens: () => tokens });
    await server.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.app.server.address() as AddressInfo;
    const nameless = await exchange(port, `GET /healthz HTTP/1.1\r\n${head}\r\n`);
    expect(nameless).toMatch(/^HTTP\/1.1 400 /);
    expect(nameless).toContain('"code":"invalid_request"');
    // A server may do without what it does not know (RFC 9110 §10.1.1).
    const expecting = `Host: localhost\r\nExpect: the-unexpected\r\n${head}\r\n`;
    expect(await exchange(port, `GET /healthz HTTP/1.1\r\n${expecting}`)).toMatch(/ 200 /);
  }
});

async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(request);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}
