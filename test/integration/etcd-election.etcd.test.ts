/** Leases and elections. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WatcherError } from '../../src/errors.ts';
import type { EtcdClient } from '../../src/etcd/client.ts';
import { type Candidate, campaign, currentLeader } from '../../src/etcd/election.ts';
import { grantLease, type Lease } from '../../src/etcd/lease.ts';
import { ownerOfThisProcess } from '../../src/etcd/owner.ts';
import { startEtcd } from '../../tools/testenv/etcd.ts';
import { batchOf, clientOf, loadedSink, never, put } from '../support/etcd-batch.ts';
import { createPrefix, type TestPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

function candidateOf(instance: string, owner: Candidate['owner'] = null): Candidate {
  return { instance, owner, config: 'same', started_at: '2020-01-01T00:00:00.000Z' };
}

function run(
  client: EtcdClient,
  prefix: TestPrefix,
  lease: Lease,
  candidate: Candidate,
  more: Partial<Parameters<typeof campaign>[0]> = {},
) {
  const { state: statePrefix } = prefix;
  return campaign({ client, statePrefix, sync: 'test', lease, candidate, signal: never, ...more });
}

test('a lease is kept alive, and ends when it is revoked', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const lease = await grantLease({ client, ttlSeconds: 2, signal: never });
  const key = `${prefix.state}/a`;
  const granted = performance.now();
  await client.put({ key, value: '', lease: lease.id });
  await until(() => performance.now() - granted > 2 * lease.ttlMs, { what: 'twice the TTL' });
  expect(lease.isValid()).toBe(true);
  expect(await prefix.gateway.get(key)).toBeDefined();
  await lease.revoke();
  expect(lease.isValid()).toBe(false);
  expect(lease.lost.aborted).toBe(true);
  expect(await prefix.gateway.get(key)).toBeUndefined();
});

test('a lease that cannot be renewed is lost by our own clock, before etcd expires it', async () => {
  await using prefix = createPrefix(etcd());
  const { hostname, port } = new URL(etcd().endpoint);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  using client = clientOf([`${proxy.host}:${proxy.port}`]);
  const lease = await grantLease({ client, ttlSeconds: 2, signal: never });
  const key = `${prefix.state}/a`;
  await client.put({ key, value: '', lease: lease.id });
  proxy.halfOpen();
  await once(lease.lost, 'abort');
  expect(lease.lost.reason).toMatchObject({ code: 'fenced' });
  expect(await prefix.gateway.get(key)).toBeDefined();
  await until(async () => (await prefix.gateway.get(key)) === undefined, {
    what: 'etcd expires the lease',
  });
});

test('a lease that someone revokes is lost with the next keepalive', async () => {
  using client = clientOf();
  const lease = await grantLease({ client, ttlSeconds: 3, signal: never });
  await client.leaseRevoke(lease.id);
  await once(lease.lost, 'abort');
  // Not by our own clock.
  expect(lease.lost.reason).toMatchObject({ code: 'fenced', message: 'The lease has expired' });
});

test('one leads, the others stand by, in the order in which they came', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const leases = await Promise.all(
    [1, 2, 3].map(() => grantLease({ client, ttlSeconds: 30, signal: never })),
  );
  const [a, b, c] = leases as [Lease, Lease, Lease];
  const first = await run(client, prefix, a, candidateOf('a'));
  expect(first.isValid()).toBe(true);
  const order: string[] = [];
  const leaders: string[] = [];
  const onStandby = (leader: Candidate | null) => leaders.push(leader?.instance ?? '');
  const second = run(client, prefix, b, candidateOf('b'), { onStandby });
  await until(() => leaders.length === 1, { what: 'b stands by' });
  const third = run(client, prefix, c, candidateOf('c'), { onStandby });
  void second.then(() => order.push('b'));
  void third.then(() => order.push('c'));
  await until(() => leaders.length === 2, { what: 'c stands by' });
  expect(leaders).toEqual(['a', 'a']);
  expect(await currentLeader(client, prefix.state, 'test', never)).toEqual(candidateOf('a'));

  await first.resign();
  const guard = await second;
  expect(order).toEqual(['b']);
  // Its lease is gone: so are its key and its leadership.
  await b.revoke();
  expect(guard.isValid()).toBe(false);
  await third;
  expect(await currentLeader(client, prefix.state, 'test', never)).toEqual(candidateOf('c'));
  await Promise.all([a.revoke(), c.revoke()]);
});

test('the one that was replaced cannot write', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const a = await grantLease({ client, ttlSeconds: 30, signal: never });
  const b = await grantLease({ client, ttlSeconds: 30, signal: never });
  const first = await run(client, prefix, a, candidateOf('a'));
  const second = run(client, prefix, b, candidateOf('b'));
  const paused = await loadedSink(prefix, { client, leader: { ...first, isValid: () => true } });
  await paused.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  await client.leaseRevoke(a.id);
  await second;
  const stale = batchOf([put(prefix.rows, 'a', 'stale')]);
  await expect(paused.write(stale, never)).rejects.toMatchObject({ code: 'fenced' });
  const sink = await loadedSink(prefix, { client, leader: await second });
  await sink.write(batchOf([put(prefix.rows, 'a', '2')]), never);
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.value).toBe('2');
  await b.revoke();
});

test('campaigning again under the same lease leads at once, by the same key', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const lease = await grantLease({ client, ttlSeconds: 30, signal: never });
  const first = await run(client, prefix, lease, candidateOf('a'));
  const again = await run(client, prefix, lease, candidateOf('a'));
  expect(again).toMatchObject({ key: first.key, createRevision: first.createRevision });
  await lease.revoke();
});

test('a candidate whose lease ends, or whose key is deleted, does not lead', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const [a, b, c] = (await Promise.all(
    [1, 2, 3].map(() => grantLease({ client, ttlSeconds: 30, signal: never })),
  )) as [Lease, Lease, Lease];
  const first = await run(client, prefix, a, candidateOf('a'));
  let standing = 0;
  const onStandby = () => {
    standing += 1;
  };
  const second = run(client, prefix, b, candidateOf('b'), { onStandby });
  const third = run(client, prefix, c, candidateOf('c'), { onStandby });
  await until(() => standing === 2, { what: 'both stand by' });
  // Expected from here on: the third may find out as soon as its key is gone.
  const refusals = [second, third].map((campaign) =>
    expect(campaign).rejects.toMatchObject({ code: 'fenced' }),
  );
  await b.revoke();
  await refusals[0];
  await client.delete({ key: `${prefix.state}/syncs/test/leader/${c.id.toString(16)}` });
  await first.resign();
  await refusals[1];
  await Promise.all([a.revoke(), c.revoke()]);
});

/** A process of this machine that can be killed, and its name. */
async function startProcess() {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const { readFileSync, readlinkSync } = await import('node:fs');
  const owner = ownerOfThisProcess({
    readFile: (path) => readFileSync(path.replace('/self/', `/${child.pid}/`), 'utf8'),
    readLink: (path) => readlinkSync(path.replace('/self/', `/${child.pid}/`)),
  });
  return { child, owner };
}

test('a leader that was killed on this machine is replaced at once, not after its TTL', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const { child, owner } = await startProcess();
  const a = await grantLease({ client, ttlSeconds: 60, signal: never });
  const b = await grantLease({ client, ttlSeconds: 60, signal: never });
  await run(client, prefix, a, candidateOf('a', owner));
  let standing = false;
  const onStandby = () => {
    standing = true;
  };
  const second = run(client, prefix, b, candidateOf('b', ownerOfThisProcess()), { onStandby });
  await until(() => standing, { what: 'b stands by while the process of a lives' });
  child.kill('SIGKILL');
  await until(() => second.then(() => true), { what: 'b leads' });
  expect(await currentLeader(client, prefix.state, 'test', never)).toMatchObject({ instance: 'b' });
  await Promise.all([a.revoke(), b.revoke()]);
});

test('what is wrong with taking over from the dead ends the wait at once', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const a = await grantLease({ client, ttlSeconds: 60, signal: never });
  const b = await grantLease({ client, ttlSeconds: 60, signal: never });
  await run(client, prefix, a, candidateOf('a', ownerOfThisProcess()));
  let dead = false;
  const denied = new WatcherError('etcd_permission_denied');
  const refusing: EtcdClient = {
    ...client,
    txn: (request, call) => (dead ? Promise.reject(denied) : client.txn(request, call)),
  };
  let standing = false;
  const onStandby = () => {
    standing = true;
  };
  const second = run(refusing, prefix, b, candidateOf('b'), { onStandby, isDead: () => dead });
  await until(() => standing, { what: 'b stands by' });
  dead = true;
  const late = new Promise((resolve) => setTimeout(() => resolve('still waiting'), 5_000));
  expect(await Promise.race([second.catch((error: unknown) => error), late])).toBe(denied);
  await Promise.all([a.revoke(), b.revoke()]);
});

test('standing by goes on over a restart of etcd', async () => {
  await using server = await startEtcd();
  await using prefix = createPrefix(server);
  using client = clientOf(server.addresses);
  const a = await grantLease({ client, ttlSeconds: 30, signal: never });
  const b = await grantLease({ client, ttlSeconds: 30, signal: never });
  const first = await run(client, prefix, a, candidateOf('a'));
  let standing = false;
  const onStandby = () => {
    standing = true;
  };
  const second = run(client, prefix, b, candidateOf('b'), { onStandby });
  await until(() => standing, { what: 'b stands by' });
  await server.kill();
  await server.start();
  await client.connect(prefix.rows, 10_000);
  await first.resign();
  expect((await second).isValid()).toBe(true);
  await Promise.all([a.revoke(), b.revoke()]);
});

test('one that stands by no more leaves the queue, and does not stop those behind it', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const leases = [1, 2, 3].map(() => grantLease({ client, ttlSeconds: 30, signal: never }));
  const [a, b, c] = (await Promise.all(leases)) as [Lease, Lease, Lease];
  const first = await run(client, prefix, a, candidateOf('a'));
  const gone = new AbortController();
  let standing = 0;
  const onStandby = () => {
    standing += 1;
  };
  const second = run(client, prefix, b, candidateOf('b'), { onStandby, signal: gone.signal });
  await until(() => standing === 1, { what: 'b stands by' });
  const third = run(client, prefix, c, candidateOf('c'), { onStandby });
  await until(() => standing === 2, { what: 'c stands by' });
  gone.abort(new Error('not wanted any more'));
  await expect(second).rejects.toThrow('not wanted any more');
  await first.resign();
  await third;
  expect(b.isValid()).toBe(true);
  await Promise.all([a.revoke(), b.revoke(), c.revoke()]);
});

test('a leader states another configuration and goes on leading; one that was replaced does not', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const lease = await grantLease({ client, ttlSeconds: 30, signal: never });
  const leader = await run(client, prefix, lease, candidateOf('a'));
  const stated = { ...candidateOf('a'), config: 'another' };
  await leader.restate(stated);
  expect(await currentLeader(client, prefix.state, 'test', never)).toEqual(stated);
  const sink = await loadedSink(prefix, { client, leader });
  await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  await leader.resign();
  await leader.restate(stated);
  expect(await currentLeader(client, prefix.state, 'test', never)).toBeNull();
  await lease.revoke();
});
