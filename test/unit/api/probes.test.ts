import { expect, test } from 'vitest';
import { Readiness, SyncHealth } from '../../../src/api/schemas/health.ts';
import { createLogger } from '../../../src/logger.ts';
import type { SyncStatus } from '../../../src/replication/status.ts';
import { at, StubControl, statusOf } from './stub-control.ts';
import { appOver, expectSchema } from './support.ts';

const lastError: SyncStatus['lastError'] = {
  code: 'source_unavailable',
  message: 'm',
  remedy: 'r',
  at,
  retryAt: null,
};

test.each<[Partial<SyncStatus>, number, string | null]>([
  [{ state: 'streaming' }, 200, null],
  [{ state: 'dumping' }, 200, null],
  [{ state: 'streaming', lastError }, 200, null],
  [{ state: 'streaming', stalled: true }, 503, 'stalled'],
  [{ state: 'dumping', stalled: true }, 503, 'stalled'],
  [{ state: 'stopped' }, 503, 'stopped'],
  [{ state: 'starting' }, 503, 'starting'],
  [{ state: 'backing_off', lastError }, 503, 'backing_off'],
  [{ state: 'failed', lastError }, 503, 'failed'],
  [{ state: 'stopping' }, 503, 'stopping'],
  [{ state: 'standby', leaderState: 'streaming' }, 200, null],
  [{ state: 'standby', leaderState: 'streaming', lastError }, 200, null],
  [{ state: 'standby', leaderState: 'dumping' }, 200, null],
  [{ state: 'standby', leaderState: 'streaming', stalled: true }, 503, 'stalled'],
  [{ state: 'standby', leaderState: 'starting' }, 503, 'starting'],
  [{ state: 'standby', leaderState: 'backing_off', lastError }, 503, 'backing_off'],
  [{ state: 'standby', leaderState: 'failed', lastError }, 503, 'failed'],
  [{ state: 'standby', leaderState: null }, 503, 'no_leader'],
])('the health of %j is %i, %s', async (changes, status, reason) => {
  await using server = appOver(new StubControl(statusOf('inventory', changes)));
  const response = await server.app.inject('/v1/syncs/inventory/health');
  expect(response.statusCode).toBe(status);
  expect(response.headers['content-type']).toMatch(/^application\/json\b/);
  expectSchema(SyncHealth, response.json());
  expect(response.json()).toMatchObject({
    name: 'inventory',
    state: changes.state,
    leader_state: changes.leaderState ?? null,
    healthy: status === 200,
    reason,
  });
});

test('the process lives, whatever etcd does', async () => {
  const control = new StubControl();
  control.contact = { everReached: false, reachable: false, message: 'refused' };
  await using server = appOver(control);
  const response = await server.app.inject('/healthz');
  expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok' }]);
});

test('ready from the first contact with etcd on, also through a later outage', async () => {
  const control = new StubControl(statusOf('a'), statusOf('b'), statusOf('c', { state: 'failed' }));
  await using server = appOver(control);
  const plain = { etcd: null, syncs: null };

  control.contact = { everReached: false, reachable: false, message: 'refused' };
  const before = await server.app.inject('/readyz');
  expect([before.statusCode, before.json()]).toEqual([503, { status: 'waiting', ...plain }]);

  control.contact = { everReached: true, reachable: false, message: 'timeout' };
  const after = await server.app.inject('/readyz');
  expect([after.statusCode, after.json()]).toEqual([200, { status: 'ready', ...plain }]);
  expect((await server.app.inject('/readyz?verbose=false')).json()).toEqual(after.json());

  for (const url of ['/readyz?verbose', '/readyz?verbose=true']) {
    const verbose = await server.app.inject(url);
    expectSchema(Readiness, verbose.json());
    expect(verbose.json()).toMatchObject({
      status: 'ready',
      etcd: { ever_reached: true, reachable: false, message: 'timeout' },
      syncs: { streaming: 2, failed: 1, stopped: 0 },
    });
  }
});

test('what a machine asks every few seconds is logged at debug, all else at info', async () => {
  const lines: string[] = [];
  const logger = createLogger('trace', { write: (line: string) => lines.push(line) });
  await using server = appOver(new StubControl(statusOf('inventory')), logger);
  const levels = async (url: string) => {
    lines.length = 0;
    await server.app.inject(url);
    return lines.map((line) => JSON.parse(line).level);
  };
  const health = '/v1/syncs/inventory/health';
  for (const probe of ['/healthz', '/readyz', '/readyz?verbose', '/metrics', health]) {
    expect([probe, await levels(probe)]).toEqual([probe, ['debug']]);
  }
  expect(await levels('/v1/syncs/inventory')).toEqual(['info']);
});
