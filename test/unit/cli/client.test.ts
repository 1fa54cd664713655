import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect } from '../../../src/cli/client.ts';
import type { CommandFailed } from '../../../src/cli/failure.ts';
import { makeCertificates } from '../../../tools/testenv/certificates.ts';
import { refuse, stubApi, surroundings } from './stub-api.ts';

async function failureOf(call: Promise<unknown>): Promise<CommandFailed> {
  return call.then(
    () => expect.fail('it did not fail'),
    (error: CommandFailed) => error,
  );
}

function get(url: string, env: Record<string, string> = {}, ca?: string) {
  return connect({ url, ...(ca === undefined ? {} : { ca }) }, surroundings({ env })).get(
    '/v1/syncs',
  );
}

test('the token of the environment is sent, and no other header of ours', async () => {
  await using api = await stubApi(() => ({ syncs: [] }));
  await get(api.url, { WATCHER_TOKEN: 'secret' });
  await get(api.url, { WATCHER_TOKEN: '' });
  expect(api.asked.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer secret',
    undefined,
  ]);
});

test('where: --url before WATCHER_URL, each with a prefix; an empty variable is none', async () => {
  await using one = await stubApi(() => ({}));
  await using two = await stubApi(() => ({}));
  const env = { WATCHER_URL: `${one.url}/` };
  await connect({}, surroundings({ env })).get('/v1/syncs');
  await connect({ url: `${two.url}/replication/` }, surroundings({ env })).get('/v1/syncs');
  expect(one.asked.map(({ url }) => url)).toEqual(['/v1/syncs']);
  expect(two.asked.map(({ url }) => url)).toEqual(['/replication/v1/syncs']);
  expect(connect({}, surroundings({ env: { WATCHER_URL: '' } })).url).toBe('http://127.0.0.1:8080');
  expect(connect({ url: 'http://a:b@h/' }, surroundings()).url).toBe('http://h');
});

test('a body is JSON; without one there is no content type', async () => {
  await using api = await stubApi(() => ({}));
  const client = connect({ url: api.url }, surroundings());
  await client.post('/a', { tables: ['x'] });
  await client.post('/b');
  expect(api.asked.map(({ body, headers }) => [body, headers['content-type']])).toEqual([
    ['{"tables":["x"]}', 'application/json'],
    ['', undefined],
  ]);
});

test.each([
  ['nonsense', /http:\/\/ or https:\/\/ URL/],
  ['localhost:8080', /http:\/\/ or https:\/\/ URL/],
  ['ftp://localhost', /http:\/\/ or https:\/\/ URL/],
])('%s is no address: wrong usage', (url, message) => {
  expect(() => connect({ url }, surroundings())).toThrow(
    expect.objectContaining({ message: expect.stringMatching(message), exitCode: 2 }),
  );
});

test('an authority that cannot be read, or is none, is wrong usage', () => {
  const around = surroundings();
  expect(() => connect({ ca: 'ca.pem' }, around)).toThrow(
    expect.objectContaining({ message: 'ca.pem cannot be read: ENOENT', exitCode: 2 }),
  );
  const text = surroundings({ readFile: () => 'text' });
  expect(() => connect({ ca: 'ca.pem' }, text)).toThrow(
    expect.objectContaining({ message: 'ca.pem holds no certificate', exitCode: 2 }),
  );
});

test('connection refused: is it running, and where it was looked for', async () => {
  const { port } = await closedPort();
  const { message, remedy, exitCode } = await failureOf(get(`http://127.0.0.1:${port}`));
  expect(message).toBe(`No answer from http://127.0.0.1:${port} (ECONNREFUSED)`);
  expect(remedy).toMatch(/watcher run.*--url/);
  expect(exitCode).toBe(1);
});

async function closedPort(): Promise<{ port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return address;
}

test('a host that is not known', async () => {
  const { message, remedy } = await failureOf(get('http://nowhere.invalid'));
  expect(message).toMatch(/ENOTFOUND|EAI_AGAIN/);
  expect(remedy).toMatch(/name of the host/);
});

test('TLS: only with the authority; and each scheme spoken to a server of the other', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'watcher-cli-'));
  try {
    const files = await makeCertificates(dir);
    const [ca, cert, key] = await Promise.all(
      [files.ca, files.server.cert, files.server.key].map((file) => readFile(file, 'utf8')),
    );
    await using secure = await stubApi(() => ({ syncs: [] }), { cert, key });
    await using plain = await stubApi(() => ({ syncs: [] }));
    const trusting = surroundings({ readFile: () => String(ca) });
    const client = connect({ url: secure.url, ca: 'ca.pem' }, trusting);
    expect(await client.get('/v1/syncs')).toEqual({ syncs: [] });
    expect((await failureOf(get(secure.url))).remedy).toMatch(/--ca <file>/);
    const toPlain = connect({ url: plain.url.replace('http:', 'https:'), ca: 'ca.pem' }, trusting);
    expect((await failureOf(toPlain.get('/v1/syncs'))).remedy).toMatch(/use http:\/\//);
    const toSecure = get(secure.url.replace('https:', 'http:'));
    expect((await failureOf(toSecure)).remedy).toMatch(/use https:\/\//);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('a problem: its detail and its remedy', async () => {
  await using api = await stubApi((_asked, response) =>
    refuse(response, 'forbidden', { detail: 'D', remedy: 'R' }),
  );
  expect(await failureOf(get(api.url))).toMatchObject({
    message: 'D',
    remedy: 'R',
    code: 'forbidden',
    exitCode: 1,
  });
});

test('401: names WATCHER_TOKEN, set or not, and never shows it', async () => {
  await using api = await stubApi((_asked, response) =>
    refuse(response, 'forbidden', { status: 401 }),
  );
  expect((await failureOf(get(api.url))).remedy).toMatch(/^Set WATCHER_TOKEN/);
  const wrong = await failureOf(get(api.url, { WATCHER_TOKEN: 'my-secret' }));
  expect(wrong.remedy).toMatch(/^WATCHER_TOKEN is set, but/);
  expect(`${wrong.message}${wrong.remedy}`).not.toContain('my-secret');
});

test.each([
  [404, 'text/html', '<html>'],
  [200, 'text/html', '<html>'],
  [302, 'text/plain', ''],
  [502, 'application/problem+json', '{"code":1}'],
  [502, 'application/problem+json', 'null'],
])('an answer that is not ours (%i %s): check where it goes', async (status, type, body) => {
  await using api = await stubApi((_asked, response) => {
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  const { message, remedy } = await failureOf(get(api.url));
  expect(message).toContain(`What answers at ${api.url} is not Watcher (${status}`);
  expect(remedy).toMatch(/--url/);
});
