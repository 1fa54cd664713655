import { expect, test } from 'vitest';
import { Sync } from '../../../src/api/schemas/sync.ts';
import { syncToJson } from '../../../src/api/sync-json.ts';
import { StubControl, statusOf, unknownStatusOf } from './stub-control.ts';
import { appOver, expectProblem, expectSchema, SyncListJson } from './support.ts';

const members = [
  'name',
  'driver',
  'state',
  'desired',
  'instance',
  'position',
  'source_position',
  'lag',
  'dump',
  'counters',
  'retained_log_bytes',
  'checkpoint',
  'warnings',
  'last_error',
];

test('every member of a sync is there, also when nothing is known', async () => {
  await using server = appOver(new StubControl(statusOf('a'), unknownStatusOf('b')));
  const response = await server.app.inject('/v1/syncs');
  expect(response.statusCode).toBe(200);
  expect(response.headers['content-type']).toMatch(/^application\/json\b/);
  expectSchema(SyncListJson, response.json());
  const { syncs } = response.json<{ syncs: Record<string, unknown>[] }>();
  expect(syncs.map((sync) => Object.keys(sync))).toEqual([members, members]);
  expect(syncs[1]).toMatchObject({
    instance: null,
    position: null,
    lag: { bytes: null, seconds: null },
    dump: { started_at: null, percent: null, eta_seconds: null, tables: [] },
    checkpoint: { revision: null, committed_at: null },
    last_error: null,
  });
});

test('one sync, with nothing dropped, rounded or renamed', async () => {
  const at = new Date('2026-01-31T10:05:12.000Z');
  const status = statusOf('inventory', {
    lag: { bytes: 2 ** 53 - 1, seconds: 0.125 },
    lastError: { code: 'source_unavailable', message: 'm', remedy: 'r', at, retryAt: at },
  });
  await using server = appOver(new StubControl(status));
  const response = await server.app.inject('/v1/syncs/inventory');
  expect(response.json()).toEqual({
    name: 'inventory',
    driver: 'pgx',
    state: 'streaming',
    desired: 'running',
    instance: 'node-1',
    position: { lsn: '0/16B3748' },
    source_position: { lsn: '0/16B3800' },
    lag: { bytes: 9007199254740991, seconds: 0.125 },
    dump: {
      state: 'done',
      started_at: '2026-01-31T10:05:12.345Z',
      finished_at: '2026-01-31T10:05:12.345Z',
      percent: 100,
      eta_seconds: 0,
      tables: [{ table: 'public.products', state: 'done', rows: 12, rows_estimated: 11 }],
    },
    counters: {
      transactions: 1,
      inserts: 2,
      updates: 3,
      deletes: 4,
      truncates: 5,
      puts: 6,
      etcd_txns: 7,
      bytes: 8,
    },
    retained_log_bytes: 1024,
    checkpoint: { revision: 77, committed_at: '2026-01-31T10:05:12.345Z' },
    warnings: [{ code: 'no_key', message: 'm', remedy: 'r', table: 'public.notes' }],
    last_error: {
      code: 'source_unavailable',
      message: 'm',
      remedy: 'r',
      at: '2026-01-31T10:05:12.000Z',
      retry_at: '2026-01-31T10:05:12.000Z',
    },
  });
});

test('a MySQL position', () => {
  const position = { gtid: null, file: 'binlog.000002', offset: 1234 };
  const json = syncToJson(statusOf('m', { driver: 'mysql', position }));
  expect(json.position).toEqual(position);
  expectSchema(Sync, json);
});

test.each([
  ['start', undefined, ['desired', 'inventory', 'running']],
  ['stop', undefined, ['desired', 'inventory', 'stopped']],
  ['dump', undefined, ['dump', 'inventory', null]],
  ['dump', {}, ['dump', 'inventory', null]],
  ['dump', { tables: ['public.a', 'public.b'] }, ['dump', 'inventory', ['public.a', 'public.b']]],
])('%s with the body %j is ordered, and answered with the sync', async (order, payload, call) => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  const response = await server.app.inject({
    method: 'POST',
    url: `/v1/syncs/inventory/${order}`,
    ...(payload === undefined ? {} : { payload }),
  });
  expect(response.statusCode).toBe(202);
  expectSchema(Sync, response.json());
  expect(control.orders).toEqual([call]);
});

test.each([
  ['no content type', {}],
  ['JSON', { 'content-type': 'application/json' }],
  ['JSON with a charset', { 'content-type': 'application/json; charset=utf-8' }],
  ['another content type', { 'content-type': 'text/plain' }],
  ['chunks', { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }],
  ['chunks of no content type', { 'transfer-encoding': 'chunked' }],
])('an empty body with %s is {}', async (_, headers) => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  const url = '/v1/syncs/inventory/dump';
  const response = await server.app.inject({ method: 'POST', url, headers, payload: '' });
  expect(response.statusCode).toBe(202);
  expect(control.orders).toEqual([['dump', 'inventory', null]]);
});

test('a malformed name is an unknown sync, and no order is given', async () => {
  const control = new StubControl(statusOf('inventory'));
  await using server = appOver(control);
  const names = [
    'nope',
    'UPPER',
    '%20',
    'a%2Fb',
    '%zz',
    '',
    '..%2f',
    'a'.repeat(49),
    'a'.repeat(999),
  ];
  for (const name of names) {
    expectProblem(await server.app.inject(`/v1/syncs/${name}`), 404, 'unknown_sync');
    expectProblem(await server.app.inject(`/v1/syncs/${name}/health`), 404, 'unknown_sync');
    const order = await server.app.inject({ method: 'POST', url: `/v1/syncs/${name}/dump` });
    expectProblem(order, 404, 'unknown_sync');
  }
  expect(control.orders).toEqual([]);
});
