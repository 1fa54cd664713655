/** The API inside a server of somebody else, under a prefix, twice. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { api } from '../../../src/api/plugin.ts';
import { StubConfiguration } from '../../support/configuration.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { expectProblem } from './support.ts';

async function foreignServer() {
  const app = Fastify();
  app.setErrorHandler((_error, _request, reply) => reply.code(418).send('theirs'));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send('theirs'));
  app.addContentTypeParser('*', { parseAs: 'string' }, async () => ({ tables: ['theirs'] }));
  app.addSchema({ $id: 'Problem', type: 'string' });
  await app.register(swagger, { openapi: { openapi: '3.1.0' } });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.post('/own', async (request) => request.body);
  app.get('/throws', async () => {
    throw new Error('theirs');
  });
  for (const name of ['one', 'two']) {
    const control = new StubControl(statusOf(name));
    await app.register(api, {
      prefix: `/${name}`,
      control,
      configuration: new StubConfiguration(),
      version: '1.2.3',
      node: '20.19.0',
    });
  }
  await app.ready();
  return { app, [Symbol.asyncDispose]: () => app.close() };
}

test('two of them serve their own syncs', async () => {
  await using server = await foreignServer();
  for (const name of ['one', 'two']) {
    const { syncs } = (await server.app.inject(`/${name}/v1/syncs`)).json();
    expect(syncs.map((sync: { name: string }) => sync.name)).toEqual([name]);
    const metrics = (await server.app.inject(`/${name}/metrics`)).payload;
    expect(metrics).toContain(`watcher_leader{sync="${name}"} 1`);
    expect(metrics.match(/watcher_leader\{/g)).toHaveLength(1);
  }
});

test('errors are problems inside, and theirs outside', async () => {
  await using server = await foreignServer();
  expectProblem(await server.app.inject('/one/nothing'), 404, 'not_found');
  expectProblem(await server.app.inject('/one/v1/syncs/two'), 404, 'unknown_sync');
  const put = await server.app.inject({ method: 'PUT', url: '/one/v1/syncs' });
  expectProblem(put, 405, 'method_not_allowed');
  expect(put.headers.allow).toBe('GET, HEAD, OPTIONS');
  const form = { method: 'POST', url: '/one/v1/syncs/one/dump', payload: 'a=1' } as const;
  expectProblem(await server.app.inject(form), 415, 'unsupported_media_type');
  const body = { method: 'POST', url: '/one/v1/syncs/one/dump', payload: { a: 1 } } as const;
  expectProblem(await server.app.inject(body), 400, 'invalid_request');

  expect((await server.app.inject('/nothing')).payload).toBe('theirs');
  expect((await server.app.inject('/throws')).statusCode).toBe(418);
  const own = { method: 'POST', url: '/own', payload: 'x', headers: { 'content-type': 'a/b' } };
  expect((await server.app.inject({ ...own, method: 'POST' })).json()).toEqual({
    tables: ['theirs'],
  });
  const { headers } = await server.app.inject({ url: '/throws', headers: { host: 'example.com' } });
  expect(headers['content-security-policy']).toBeUndefined();
});

test.each(['/one/docs', '/one/docs/'])('Swagger UI at %s: all assets are there', async (page) => {
  await using server = await foreignServer();
  const { payload } = await server.app.inject(page);
  expect(payload).not.toMatch(/https?:\/\//);
  const links = [...payload.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => String(link));
  expect(links.length).toBeGreaterThanOrEqual(7);
  for (const link of links) {
    const { pathname } = new URL(link, `http://localhost${page}`);
    expect(pathname).toMatch(/^\/one\/docs\/static\//);
    const asset = await server.app.inject(pathname);
    expect([pathname, asset.statusCode]).toEqual([pathname, 200]);
    expect(asset.headers['content-security-policy']).toContain("script-src 'self'");
  }
});

test('the document is the same under every prefix, and its server is found from where it is', async () => {
  await using server = await foreignServer();
  const standalone = Fastify();
  await standalone.register(api, {
    control: new StubControl(),
    configuration: new StubConfiguration(),
    version: '1.2.3',
    node: '20.19.0',
  });
  const expected = (await standalone.inject('/openapi.json')).json();
  await standalone.close();
  for (const [address, url] of [
    ['/one/openapi.json', '.'],
    ['/one/docs/json', '..'],
  ] as const) {
    const document = (await server.app.inject(address)).json();
    expect(document).toEqual({ ...expected, servers: [{ url }] });
    expect(new URL(url, `http://localhost${address}`).pathname).toBe('/one/');
  }
});

test('the dashboard is at the prefix, its addresses relative', async () => {
  await using server = await foreignServer();
  const { statusCode, headers } = await server.app.inject('/one');
  expect([statusCode, headers.location]).toEqual([302, 'one/']);
  const page = await server.app.inject('/one/');
  expect([page.statusCode, page.headers['content-type']]).toEqual([
    200,
    'text/html; charset=utf-8',
  ]);
  expect(page.payload).not.toMatch(/(?:href|src)="\//);
});
