/** Whatever is sent: never a 500, and an answer of a documented kind. */
import fc from 'fast-check';
import type { InjectOptions } from 'light-my-request';
import { expect, test } from 'vitest';
import { Problem } from '../../../src/api/schemas/problem.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver, expectSchema, silent } from './support.ts';

const segment = fc.oneof(
  fc.constantFrom('v1', 'syncs', 'inventory', 'start', 'stop', 'dump', 'health', 'docs', 'static'),
  fc.constantFrom('healthz', 'readyz', 'metrics', 'openapi.json', '..', '%2e%2e', '%00', '%zz', ''),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map(encodeURIComponentLoosely),
  fc.nat(300).map((length) => 'a'.repeat(length)),
);

function encodeURIComponentLoosely(text: string): string {
  return encodeURI(text).replaceAll(/[?#]/g, '');
}

const query = fc.oneof(
  fc.constant(''),
  fc.constantFrom('?verbose', '?verbose=true', '?', '?&', '?__proto__=1', '?a[]=1', '?%zz'),
  fc.webQueryParameters().map((text) => `?${text}`),
);

const path = fc.oneof(
  fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`),
  fc.constantFrom('start', 'stop', 'dump').map((order) => `/v1/syncs/inventory/${order}`),
);

const payload = fc.oneof(
  fc.json(),
  fc.record({ tables: fc.jsonValue() }).map((value) => JSON.stringify(value)),
  fc.string(),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
);

const headers = fc.record(
  {
    'content-type': fc.constantFrom(
      'application/json',
      'application/json;x=1',
      'text/plain',
      ';',
      '',
    ),
    'sec-fetch-site': fc.constantFrom('same-origin', 'cross-site'),
    origin: fc.constantFrom('null', 'http://localhost:80', 'http://'),
    'accept-version': fc.constantFrom('1.x', '1.0.0'),
  },
  { requiredKeys: [] },
);

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const;

const documented =
  /^(application\/(json|problem\+json|x-yaml|javascript)|text\/(plain|html|css)|image\/png)\b/;

test('never a 500, always a documented content type, problems where something is refused', async () => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...methods),
      path,
      query,
      headers,
      fc.option(payload, { nil: undefined }),
      async (method, target, parameters, extra, body) => {
        const request: InjectOptions = { method, url: `${target}${parameters}`, headers: extra };
        const response = await server.app.inject({
          ...request,
          ...(body === undefined ? {} : { payload: body }),
        });
        expect(response.statusCode).toBeLessThan(500);
        if (response.statusCode === 204 || response.statusCode === 302) return;
        expect(response.headers['content-type']).toMatch(documented);
        if (response.statusCode < 400) return;
        expect(response.headers['content-type']).toMatch(/^application\/problem\+json\b/);
        if (method === 'HEAD') return;
        expectSchema(Problem, response.json());
        expect(response.json().status).toBe(response.statusCode);
      },
    ),
    { numRuns: 1500 },
  );
}, 60_000);

test('whatever is sent as a credential: 401 or 429, never an order', async () => {
  const control = new StubControl(statusOf('inventory'));
  const token = { name: 'ops', token: '0123456789abcdef', role: 'admin' } as const;
  const tokens = [token];
  await using server = appOver(control, silent, { tokens: () => tokens });
  const credentials = fc.oneof(
    fc.string({ unit: fc.constantFrom('B', 'e', ' ', ',', '=', '0', 'é', '\t') }),
    fc.tuple(fc.constantFrom('Bearer ', 'bearer', 'Basic ', ''), fc.string()).map(String),
    fc.constantFrom(`Bearer ${token.token}0`, token.token, `Bearer  ${token.token},x`),
  );
  await fc.assert(
    fc.asyncProperty(credentials, path, async (authorization, target) => {
      // `inject` resolves `/v1/..` before it asks.
      const closed = /^\/v1\/(?!.*\.\.|.*%2e)/i.test(target);
      const url = closed ? target : '/v1/syncs/inventory/stop';
      const response = await server.app.inject({ method: 'POST', url, headers: { authorization } });
      expect([401, 429]).toContain(response.statusCode);
    }),
    { numRuns: 300 },
  );
  expect(control.orders).toEqual([]);
});

test('an order is given only with a body that says nothing but tables', async () => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  await fc.assert(
    fc.asyncProperty(payload, async (body) => {
      control.orders.length = 0;
      const response = await server.app.inject({
        method: 'POST',
        url: '/v1/syncs/inventory/dump',
        headers: { 'content-type': 'application/json' },
        payload: body,
      });
      if (response.statusCode === 202 && body.length > 0) {
        const sent = JSON.parse(String(body)) as { tables?: unknown };
        expect(Object.keys(sent).filter((name) => name !== 'tables')).toEqual([]);
        expect(control.orders).toEqual([['dump', 'inventory', sent.tables ?? null]]);
      } else if (response.statusCode !== 202) {
        expect(control.orders).toEqual([]);
      }
    }),
    { numRuns: 100 },
  );
});
