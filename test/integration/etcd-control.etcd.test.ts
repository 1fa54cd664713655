/** The keys by which instances talk to each other. */
import { expect, test } from 'vitest';
import type { WatcherError } from '../../src/errors.ts';
import type { EtcdClient } from '../../src/etcd/client.ts';
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
  expect(await control.readDesired()).toBeNull();
  await control.writeDesired('stopped');
  expect(await control.readDesired()).toBe('stopped');
  const key = `${prefix.state}/syncs/test/desired`;
  expect((await prefix.gateway.get(key))?.value).toBe('stopped');
  await prefix.gateway.put(key, 'stoped');
  await expect(control.readDesired()).rejects.toThrow(`The key ${key} in etcd holds neither`);
});

test('a request is removed when it is done, but not one that came meanwhile', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const control = createControl(client, prefix.state, 'test');
  expect(await control.readRequest()).toBeNull();
  const request = { id: '1', tables: ['public.t'], requested_at: '2020-01-01T00:00:00.000Z' };
  await control.writeRequest(request);
  const stored = await control.readRequest();
  expect(stored?.request).toEqual(request);
  await control.writeRequest({ ...request, id: '2', tables: null });
  if (stored !== null) await control.removeRequest(stored);
  const newer = await control.readRequest();
  expect(newer?.request).toMatchObject({ id: '2', tables: null });
  if (newer !== null) await control.removeRequest(newer);
  expect(await control.readRequest()).toBeNull();
  for (const nonsense of ['x', '{}', '{"id":"1","tables":[1],"requested_at":"x"}', 'null']) {
    await prefix.gateway.put(`${prefix.state}/syncs/test/request`, nonsense);
    await expect(control.readRequest()).rejects.toThrow('does not hold the request of a dump');
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
  const key = `${prefix.state}/syncs/test/leader/1`;
  const { revision: createRevision } = await client.put({ key, value: '', lease: lease.id });
  const leader = { key, createRevision };
  const sent: ReturnType<typeof client.txn>[] = [];
  const recording: EtcdClient = {
    ...client,
    txn(request, call) {
      const answer = client.txn(request, call);
      sent.push(answer);
      return answer;
    },
  };
  const publisher = createStatusPublisher({
    ...sync,
    client: recording,
    lease,
    leader,
    minIntervalMs: 300,
    onError,
  });
  const started = performance.now();
  for (let change = 1; change <= 20; change += 1) publisher.publish(`${change}`);
  await until(async () => (await control.readStatus()) === '20', {
    what: 'the newest status',
  });
  expect(performance.now() - started).toBeGreaterThan(290);
  const stored = await prefix.gateway.get(`${prefix.state}/syncs/test/status`);
  expect(stored?.version).toBeLessThanOrEqual(2n);
  // Another may lead although the lease lives: nothing of its status is written over.
  await client.delete({ key });
  await prefix.gateway.put(`${prefix.state}/syncs/test/status`, 'of the next leader');
  const before = sent.length;
  publisher.publish('late');
  await until(() => sent.length > before, { what: 'it was sent' });
  await Promise.all(sent);
  expect(await control.readStatus()).toBe('of the next leader');
  await client.delete({ key: `${prefix.state}/syncs/test/status` });
  publisher.close();
  await lease.revoke();
  expect(await control.readStatus()).toBeNull();
  expect(errors).toEqual([]);
});
