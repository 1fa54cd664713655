import { expect, test } from 'vitest';
import { Dropped } from '../../../src/api/schemas/drop.ts';
import { failing, StubControl, statusOf } from './stub-control.ts';
import { appOver, expectProblem, expectSchema } from './support.ts';

const url = '/v1/syncs/inventory';

test('drops what is asked for, and says what stays', async () => {
  const control = new StubControl(statusOf('inventory', { state: 'stopped' }));
  control.report = {
    slot: 'watchersub_inventory',
    publication: null,
    keys: [{ prefix: '/inventory/public/t/', count: 3 }],
    state: ['/watcher/syncs/inventory/checkpoint'],
    kept: [{ part: 'publication', name: 'p', reason: 'It is FOR ALL TABLES' }],
  };
  await using server = appOver(control);
  const response = await server.app.inject({
    method: 'DELETE',
    url: `${url}?drop=slot,publication,keys,state`,
  });
  expect(response.statusCode).toBe(200);
  expectSchema(Dropped, response.json());
  expect(response.json()).toEqual({ name: 'inventory', dry_run: false, ...control.report });
  const dry = await server.app.inject({ method: 'DELETE', url: `${url}?drop=keys&dry_run=true` });
  expect(dry.json()).toMatchObject({ dry_run: true });
  await server.app.inject({ method: 'DELETE', url: `${url}?dry_run=false&drop=state,keys,state` });
  expect(control.orders).toEqual([
    ['drop', 'inventory', { parts: ['slot', 'publication', 'keys', 'state'], dryRun: false }],
    ['drop', 'inventory', { parts: ['keys'], dryRun: true }],
    ['drop', 'inventory', { parts: ['state', 'keys'], dryRun: false }],
  ]);
});

test.each([
  '',
  '?drop=',
  '?drop=slots',
  '?drop=keys,',
  '?drop=keys%20',
  '?drop=Keys',
  '?drop=keys&drop=state',
  '?drop=keys&dry_run',
  '?drop=keys&dry_run=1',
  '?drop=keys&dry_run=TRUE',
  '?drop=keys&dryrun=true',
  '?dry_run=true',
])('%s is refused, and nothing is dropped', async (query) => {
  const control = new StubControl(statusOf('inventory', { state: 'stopped' }));
  await using server = appOver(control);
  const response = await server.app.inject({ method: 'DELETE', url: `${url}${query}` });
  expectProblem(response, 400, 'invalid_request');
  expect(control.orders).toEqual([]);
});

test.each([
  ['sync_not_stopped', 409],
  ['drop_failed', 409],
  ['etcd_unavailable', 503],
] as const)('%s is %i', async (code, status) => {
  await using server = appOver(failing(code));
  const response = await server.app.inject({ method: 'DELETE', url: `${url}?drop=state` });
  expectProblem(response, status, code);
});

test('an unknown sync is 404, a body that says something 400', async () => {
  await using server = appOver(new StubControl(statusOf('inventory')));
  const unknown = await server.app.inject({ method: 'DELETE', url: '/v1/syncs/nope?drop=keys' });
  expectProblem(unknown, 404, 'unknown_sync');
  const payload = { drop: 'keys' };
  const body = await server.app.inject({ method: 'DELETE', url: `${url}?drop=keys`, payload });
  expectProblem(body, 400, 'invalid_request');
});
