/** How the files of the dashboard are served. What they do: test/e2e/dashboard.*. */
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { dashboardRoutes } from '../../../src/api/routes/dashboard.ts';
import { StubControl } from './stub-control.ts';
import { appOver } from './support.ts';

function links(page: string): string[] {
  return [...page.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => String(link));
}

test('the page, its modules and styles: all are there, and none is elsewhere', async () => {
  await using server = appOver(new StubControl());
  const page = await server.app.inject('/');
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  const open = links(page.payload).filter((link) => link !== 'docs');
  const seen = new Map([['/', page.rawPayload.length]]);
  let scripts = 0;
  for (const link of open) {
    expect(link).toMatch(/^assets\//);
    const path = new URL(link, 'http://localhost/').pathname;
    if (seen.has(path)) continue;
    const file = await server.app.inject(path);
    expect([path, file.statusCode]).toEqual([path, 200]);
    seen.set(path, file.rawPayload.length);
    expect(file.payload).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
    const imports = [...file.payload.matchAll(/^(?:im|ex)port .* from '\.\/([^']+)';$/gm)];
    open.push(...imports.map(([, name]) => `assets/${name}`));
    if (!path.endsWith('.js')) continue;
    scripts += 1;
    expect(file.headers['content-type']).toBe('text/javascript; charset=utf-8');
  }
  expect(scripts).toBeGreaterThan(10);
  const total = [...seen.values()].reduce((sum, size) => sum + size, 0);
  expect(total).toBeLessThan(200_000);
});

test('nothing in the page itself is a script or a style, and the policy forbids it', async () => {
  await using server = appOver(new StubControl());
  const { payload, headers } = await server.app.inject('/');
  expect(payload).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  expect(headers['x-content-type-options']).toBe('nosniff');
});

test('a browser that has a file asks whether it still is that one', async () => {
  await using server = appOver(new StubControl());
  const tags = new Set<unknown>();
  for (const url of ['/', '/assets/main.js', '/assets/theme.css']) {
    const { headers } = await server.app.inject(url);
    expect(headers['cache-control']).toBe('no-cache');
    const tag = String(headers.etag);
    tags.add(tag);
    for (const sent of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const again = await server.app.inject({ url, headers: { 'if-none-match': sent } });
      expect([again.statusCode, again.payload, again.headers.etag]).toEqual([304, '', tag]);
    }
    const other = await server.app.inject({ url, headers: { 'if-none-match': '"other"' } });
    expect(other.statusCode).toBe(200);
  }
  expect(tags.size).toBe(3);
});

test.each([
  ['/ops/watcher', 'watcher/'],
  ['/ops/watcher?a=/b', 'watcher/'],
])('%s leads to the page by a relative address', async (url, location) => {
  const app = Fastify();
  await app.register(dashboardRoutes, { prefix: '/ops/watcher' });
  const answer = await app.inject(url);
  expect([answer.statusCode, answer.headers.location]).toEqual([302, location]);
  expect((await app.inject('/ops/watcher/')).statusCode).toBe(200);
  await app.close();
});

test('everybody may have the files, also where tokens are needed', async () => {
  const tokens = [{ name: 'ops', token: 'secret-of-the-test', role: 'admin' }] as const;
  await using server = appOver(new StubControl(), undefined, { tokens: () => tokens });
  expect((await server.app.inject('/v1/syncs')).statusCode).toBe(401);
  for (const url of ['/', '/assets/main.js']) {
    expect((await server.app.inject(url)).statusCode).toBe(200);
  }
});

test('without its files, everything else is served', async () => {
  const logged: unknown[] = [];
  const app = Fastify();
  app.log.error = (...message: unknown[]) => logged.push(message);
  await app.register(dashboardRoutes, { folder: '/there/is/no/such/folder' });
  await app.ready();
  expect(logged).toEqual([[expect.anything(), expect.stringContaining('npm run build')]]);
  expect((await app.inject('/')).statusCode).toBe(404);
  await app.close();
});
