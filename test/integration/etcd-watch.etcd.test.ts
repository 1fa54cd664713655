/** Watching without a gap, on a real etcd and a bad network. */
import { expect, test } from 'vitest';
import type { WatchEvent } from '../../src/etcd/responses.ts';
import { prefixEnd } from '../../src/etcd/state-keys.ts';
import { type Followed, follow, WatchCompacted, watch } from '../../src/etcd/watch.ts';
import { startEtcd } from '../../tools/testenv/etcd.ts';
import { callEtcd } from '../../tools/testenv/etcd-http.ts';
import { batchOf, clientOf, loadedSink, never, put } from '../support/etcd-batch.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** The next events, then the watch is closed. */
async function take(events: AsyncGenerator<WatchEvent>, count: number): Promise<WatchEvent[]> {
  const taken: WatchEvent[] = [];
  for await (const event of events) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}

test('puts and deletes come in order, from the revision asked for on', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const key = prefix.rows;
  await client.put({ key: `${key}before`, value: '0' });
  const first = await client.put({ key: `${key}a`, value: '1' });
  const second = await client.delete({ key: `${key}a` });
  const options = { client, key, end: prefixEnd(key), revision: first.revision, signal: never };
  expect(await take(watch(options), 2)).toEqual([
    {
      type: 'put',
      key: `${key}a`,
      value: '1',
      createRevision: first.revision,
      modRevision: first.revision,
    },
    {
      type: 'delete',
      key: `${key}a`,
      value: '',
      createRevision: 0n,
      modRevision: second.revision,
    },
  ]);
});

test('a backlog beyond 4 MB comes in fragments, every event once, while connections break', async () => {
  await using prefix = createPrefix(etcd());
  using writer = clientOf();
  const sink = await loadedSink(prefix, { client: writer });
  const batches = 8;
  const rows = 1_000;
  for (let batch = 0; batch < batches; batch += 1) {
    const ops = Array.from({ length: rows }, (_, index) =>
      put(prefix.rows, String(index).padStart(4, '0'), `${batch}`.padEnd(1_200, 'x')),
    );
    await sink.write(batchOf(ops), never);
  }
  const { hostname, port } = new URL(etcd().endpoint);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  using client = clientOf([`${proxy.host}:${proxy.port}`]);
  const key = prefix.rows;
  const options = { client, key, end: prefixEnd(key), revision: 1n, signal: never };
  const seen: string[] = [];
  for await (const event of watch(options)) {
    seen.push(`${event.value[0]}/${event.key.slice(key.length)}`);
    if (seen.length % 1_500 === 0) proxy.drop();
    if (seen.length === batches * rows) break;
  }
  const wanted = Array.from({ length: batches * rows }, (_, index) => {
    return `${Math.floor(index / rows)}/${String(index % rows).padStart(4, '0')}`;
  });
  expect(seen).toEqual(wanted);
  expect(proxy.accepted).toBeGreaterThan(2);
});

test('a watch from now on misses nothing over a restart of etcd', async () => {
  await using server = await startEtcd();
  using client = clientOf(server.addresses);
  using writer = clientOf(server.addresses);
  const values: string[] = [];
  const watching = (async () => {
    const options = { client, key: '/a', end: null, revision: 0n, signal: never };
    for await (const { value } of watch(options)) {
      values.push(value);
      if (value === 'third') return;
    }
  })();
  // Only an event tells that the watch stands.
  const isStanding = async () => {
    if (values.length === 0) await writer.put({ key: '/a', value: 'first' });
    return values.length > 0;
  };
  await until(isStanding, { what: 'the watch stands' });
  await server.kill();
  await server.start();
  await writer.connect('/', 10_000);
  await writer.put({ key: '/a', value: 'second' });
  await writer.put({ key: '/a', value: 'third' });
  await watching;
  expect(values.filter((value) => value !== 'first')).toEqual(['second', 'third']);
});

test('compacted history is an error of its own, and a follower lists again', async () => {
  await using server = await startEtcd();
  using client = clientOf(server.addresses);
  const { revision: begin } = await client.put({ key: '/p/a', value: '1' });
  const { revision } = await client.put({ key: '/p/a', value: '2' });
  await callEtcd(server, { path: '/v3/kv/compaction', body: { revision: String(revision) } });
  const late = watch({ client, key: '/p/', end: '/p0', revision: begin, signal: never });
  const error = await late.next().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WatchCompacted);
  expect((error as WatchCompacted).revision).toBe(revision);

  const followed: Followed[] = [];
  for await (const item of follow(client, '/p/', never)) {
    followed.push(item);
    if (followed.length === 1) await client.put({ key: '/p/b', value: '1' });
    if (followed.length === 2) break;
  }
  const [snapshot, change] = followed;
  expect(snapshot).toMatchObject({ type: 'snapshot', entries: [{ key: '/p/a', value: '2' }] });
  expect(change).toMatchObject({ type: 'put', key: '/p/b', value: '1' });
});

test('an aborted watch throws the reason', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const stop = new AbortController();
  const { signal } = stop;
  const next = watch({ client, key: prefix.rows, end: null, revision: 0n, signal }).next();
  const reason = new Error('stopped');
  stop.abort(reason);
  await expect(next).rejects.toBe(reason);
});
