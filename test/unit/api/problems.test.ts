import type { InjectOptions } from 'light-my-request';
import { expect, test } from 'vitest';
import { type ErrorCode, WatcherError } from '../../../src/errors.ts';
import { failing, StubControl, statusOf } from './stub-control.ts';
import { appOver, expectProblem } from './support.ts';

const dump = '/v1/syncs/inventory/dump';
const json = { 'content-type': 'application/json' };

const refused: readonly [string, number, string, InjectOptions][] = [
  ['an unknown member', 400, 'invalid_request', body('{"tabels":["public.a"]}')],
  ['an unknown member beside a known one', 400, 'invalid_request', body('{"tables":["a"],"x":1}')],
  ['a member of start', 400, 'invalid_request', body('{"x":1}', '/v1/syncs/inventory/start')],
  ['a string for an array', 400, 'invalid_request', body('{"tables":"public.a"}')],
  ['a number for a string', 400, 'invalid_request', body('{"tables":[1]}')],
  ['null for an array', 400, 'invalid_request', body('{"tables":null}')],
  ['no table', 400, 'invalid_request', body('{"tables":[]}')],
  ['an empty name', 400, 'invalid_request', body('{"tables":[""]}')],
  ['a table twice', 400, 'invalid_request', body('{"tables":["a","a"]}')],
  ['a member twice', 400, 'invalid_request', body('{"tables":["a"],"tables":["b"]}')],
  [
    'a member twice, written otherwise',
    400,
    'invalid_request',
    body('{"tables":["a"],"t\\u0061bles" : ["b"]}'),
  ],
  ['a body that is null', 400, 'invalid_request', body('null')],
  ['a body that is an array', 400, 'invalid_request', body('[]')],
  ['a body that is a string', 400, 'invalid_request', body('"tables"')],
  ['malformed JSON', 400, 'invalid_request', body('{"tables":')],
  ['blanks', 400, 'invalid_request', body('  ')],
  ['__proto__', 400, 'invalid_request', body('{"__proto__":{"tables":["a"]}}')],
  ['constructor', 400, 'invalid_request', body('{"constructor":{"prototype":{"a":1}}}')],
  [
    'bytes that are not UTF-8',
    400,
    'invalid_request',
    body(Buffer.from('{"tables":["\xff"]}', 'latin1')),
  ],
  ['a query parameter', 400, 'invalid_request', { url: '/v1/syncs?limit=1' }],
  ['a query parameter of an order', 400, 'invalid_request', { method: 'POST', url: `${dump}?a` }],
  ['a query parameter of a probe', 400, 'invalid_request', { url: '/healthz?x' }],
  ['a verbose that is none', 400, 'invalid_request', { url: '/readyz?verbose=1' }],
  ['verbose twice', 400, 'invalid_request', { url: '/readyz?verbose&verbose' }],
  ['a path that cannot be decoded', 400, 'invalid_request', { url: '/%zz' }],
  ['another content type', 415, 'unsupported_media_type', body('a=1', dump, 'text/plain')],
  ['a form', 415, 'unsupported_media_type', body('a=1', dump, 'application/x-www-form-urlencoded')],
  ['a patch', 415, 'unsupported_media_type', body('{}', dump, 'application/merge-patch+json')],
  ['no content type', 415, 'unsupported_media_type', { method: 'POST', url: dump, payload: '{}' }],
  ['a large body', 413, 'body_too_large', body(`{"tables":["${'a'.repeat(65_536)}"]}`)],
  ['an unknown path', 404, 'not_found', { url: '/v1/nothing' }],
  ['a path with a slash at its end', 404, 'not_found', { url: '/v1/syncs/inventory/' }],
  ['an unknown path by POST', 404, 'not_found', { ...body('{', '/v1/nothing') }],
  ['an asset that is none', 404, 'not_found', { url: '/docs/static/none.js' }],
  ['a path out of the assets', 404, 'not_found', { url: '/docs/static/..%2f..%2fpackage.json' }],
];

function body(payload: string | Buffer, url = dump, type = json['content-type']): InjectOptions {
  return { method: 'POST', url, payload, headers: { 'content-type': type } };
}

test.each(refused)('%s is %i %s', async (_, status, code, request) => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  expectProblem(await server.app.inject(request), status, code);
  expect(control.orders).toEqual([]);
});

test('the largest body that is taken', async () => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  const payload = `{"tables":["${'a'.repeat(65_536 - 15)}"]}`;
  expect(payload.length).toBe(65_536);
  expect((await server.app.inject(body(payload))).statusCode).toBe(202);
});

test('what is no member is not taken for one', async () => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  const tables = ['tables', '"tables":', '\\"tables\\":{'];
  const payload = ` { "tables" : ${JSON.stringify(tables)} } `;
  expect((await server.app.inject(body(payload))).statusCode).toBe(202);
  expect(control.orders).toEqual([['dump', 'inventory', tables]]);
});

test('violations name the member, all of them at once', async () => {
  await using server = appOver(new StubControl(statusOf('inventory')));
  const response = await server.app.inject(body('{"tables":["",2],"tabels":1,"a/b~c":2}'));
  expectProblem(response, 400, 'invalid_request');
  const paths = response.json().violations.map(({ path }: { path: string }) => path);
  expect(paths.sort()).toEqual(['body.a/b~c', 'body.tabels', 'body.tables[0]', 'body.tables[1]']);
  expect(response.json().detail).toContain('body.tabels: unknown member');
});

test.each<[ErrorCode, number]>([
  ['unknown_sync', 404],
  ['sync_stopped', 409],
  ['dump_running', 409],
  ['unknown_table', 422],
  ['etcd_unavailable', 503],
])('an order that fails with %s is %i', async (code, status) => {
  await using server = appOver(failing(code));
  expectProblem(await server.app.inject({ method: 'POST', url: dump }), status, code);
});

test('what is the fault of the caller is said in full', async () => {
  await using server = appOver(failing('unknown_table', 'public.x is not a table of inventory'));
  const response = await server.app.inject({ method: 'POST', url: dump });
  expect(response.json().detail).toBe('public.x is not a table of inventory');
});

test.each([
  [
    'etcd_unavailable',
    new WatcherError('etcd_unavailable', { message: 'secret', remedy: 'secret' }),
  ],
  ['etcd_unavailable', new WatcherError('etcd_tls_failed', { message: 'secret' })],
  ['etcd_unavailable', new WatcherError('etcd_no_space', { message: 'secret' })],
  ['internal', new WatcherError('internal', { message: 'secret', cause: new Error('secret') })],
  ['internal', new WatcherError('slot_missing', { message: 'secret' })],
  ['internal', Object.assign(new Error('secret'), { code: 'ECONNREFUSED' })],
  ['internal', new TypeError('secret')],
  ['internal', 'secret'],
])('%s says nothing of the inside', async (code, failure) => {
  const control = new StubControl(statusOf('inventory'));
  control.failure = failure;
  await using server = appOver(control);
  const response = await server.app.inject({ method: 'POST', url: dump });
  expectProblem(response, code === 'internal' ? 500 : 503, code);
  expect(response.payload).not.toContain('secret');
});
