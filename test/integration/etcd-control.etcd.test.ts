/** The keys by which instances talk to each other. */
import { expect, test } from 'vitest';
import type { WatcherError } from '../../src/errors.ts';
import { createControl, createStatusPublisher } from '../../src/etcd/control.ts';
import { grantLease } from '../../src/etcd/lease.ts';
import { clientOf, never } from '../support/etcd-batch.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';
import { until } from '../support/until.ts';

test('desired is kept as a plain word', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const control = createControl(client, prefix.state, 'test');
  expect(await control.readDesired(never)).toBeNull();
  await control.writeDesired('stopped', never);
  expect(await control.readDesired(never)).toBe('stopped');
  const key = `${prefix.state}/syncs/test/desired`;
  expect((await prefix.gateway.get(key))?.value).toBe('stopped');
  await prefix.gateway.put(key, 'stoped');
  await expect(control.readDesired(never)).rejects.toThrow(`The key ${key} in etcd holds neither`);
});

test('a request is removed when it is done, but not one that came meanwhile', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const control = createControl(client, prefix.state, 'test');
  expect(await control.readRequest(never)).toBeNull();
  const request = { id: '1', tables: ['public.t'], requested_at: '2020-01-01T00:00:00.000Z' };
  await control.writeRequest(request, never);
  const stored = await control.readRequest(never);
  expect(stored?.request).toEqual(request);
  await control.writeRequest({ ...request, id: '2', tables: null }, never);
  if (stored !== null) await control.removeRequest(stored, never);
  const newer = await control.readRequest(never);
  expect(newer?.request).toMatchObject({ id: '2', tables: null });
  if (newer !== null) await control.removeRequest(newer, never);
  expect(await control.readRequest(never)).toBeNull();
  for (const nonsense of ['x', '{}', '{"id":"1","tables":[1],"requested_at":"x"}', 'null']) {
    await prefix.gateway.put(`${prefix.state}/syncs/test/request`, nonsense);
    await expect(control.readRequest(never)).rejects.toThrow('does not hold the request of a dump');
  }
});

test('the status is published on change, not more often than the interval, and goes with the lease', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const control = createControl(client, prefix.state, 'test');
  const lease = await grantLease({ client, ttlSeconds: 10, signal: never });
  const errors: WatcherError[] = [];
  const onError = (error: WatcherError) => errors.push(error);
  const sync = { client, statePrefix: prefix.state, sync: 'test' };
  const publisher = createStatusPublisher({ ...sync, lease, minIntervalMs: 300, onError });
  const started = performance.now();
  for (let change = 1; change <= 20; change += 1) publisher.publish(`${change}`);
  await until(async () => (await control.readStatus(never)) === '20', {
    what: 'the newest status',
  });
  expect(performance.now() - started).toBeGreaterThan(290);
  const stored = await prefix.gateway.get(`${prefix.state}/syncs/test/status`);
  expect(stored?.version).toBeLessThanOrEqual(2n);
  publisher.close();
  await lease.revoke();
  expect(await control.readStatus(never)).toBeNull();
  expect(errors).toEqual([]);
});
