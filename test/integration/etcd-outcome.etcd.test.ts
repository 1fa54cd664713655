/** Writes whose answer does not come, or lies: exactly once all the same (DESIGN §3 rule 3). */
import { expect, test } from 'vitest';
import type { EtcdClient } from '../../src/etcd/client.ts';
import type { TxnResponse } from '../../src/etcd/responses.ts';
import { startEtcd } from '../../tools/testenv/etcd.ts';
import {
  batchOf,
  checkpointAt,
  clientOf,
  deadlineExceeded,
  loadedSink,
  never,
  noSpace,
  put,
} from '../support/etcd-batch.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

type Send = () => Promise<TxnResponse>;

/** A client whose writes go through `act`; learning and loading do not. */
function meddled(client: EtcdClient) {
  /** Encoded transactions, in the order in which they were to be sent. */
  const sent: Buffer[] = [];
  const meddler = {
    sent,
    act: (send: Send, _sending: number): Promise<TxnResponse> => send(),
    client,
  };
  meddler.client = {
    ...client,
    txn: (request, call) => {
      if (!Buffer.isBuffer(request)) return client.txn(request, call);
      sent.push(request);
      return meddler.act(() => client.txn(request, call), sent.length);
    },
  };
  return meddler;
}

test('an answer that is lost after the write was applied: success, one version', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, { client: meddler.client });
  meddler.act = async (send, sending) => {
    const answer = await send();
    if (sending === 1) throw deadlineExceeded();
    return answer;
  };
  const { revision } = await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  expect(meddler.sent).toHaveLength(1);
  expect(await prefix.gateway.get(`${prefix.rows}a`)).toMatchObject({
    version: 1n,
    modRevision: revision,
  });
  await sink.write(batchOf([put(prefix.rows, 'a', '2')]), never);
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.version).toBe(2n);
});

test('NOSPACE although the write was applied: success, one version', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, { client: meddler.client });
  meddler.act = async (send) => {
    await send();
    throw noSpace();
  };
  await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.version).toBe(1n);
});

test('NOSPACE that wrote nothing is thrown, and the same sink goes on afterwards', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, { client: meddler.client });
  meddler.act = async () => {
    throw noSpace();
  };
  const batch = batchOf([put(prefix.rows, 'a', '1')]);
  await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'etcd_no_space' });
  expect(await prefix.gateway.get(`${prefix.rows}a`)).toBeUndefined();
  meddler.act = (send) => send();
  await sink.write(batch, never);
});

test('a request that never arrived is sent again, byte for byte; when it lands after all it is refused', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, { client: meddler.client });
  meddler.act = async (send, sending) => {
    if (sending === 1) throw deadlineExceeded();
    return send();
  };
  await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  const [lost, sentAgain] = meddler.sent;
  expect(sentAgain?.equals(lost ?? Buffer.alloc(0))).toBe(true);
  const late = await client.txn(lost ?? Buffer.alloc(0));
  expect(late.succeeded).toBe(false);
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.version).toBe(1n);
});

test('a first sending that lands while the second is on its way: success by our own mark', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, { client: meddler.client });
  meddler.act = async (send, sending) => {
    if (sending === 1) throw deadlineExceeded();
    // The bytes are the same: this is the first one landing.
    await send();
    return send();
  };
  await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.version).toBe(1n);
  await sink.write(batchOf([put(prefix.rows, 'a', '2')]), never);
});

test('a write that was given up and lands after the next batch is refused, and sets nothing back', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, {
    client: meddler.client,
    resolveTimeoutMs: 0,
    writeTimeoutMs: 1,
  });
  meddler.act = async () => {
    throw deadlineExceeded();
  };
  const old = batchOf([put(prefix.rows, 'a', 'old')]);
  await expect(sink.write(old, never)).rejects.toMatchObject({ code: 'etcd_unavailable' });

  const next = await loadedSink(prefix, { client });
  const newer = batchOf([put(prefix.rows, 'a', 'new')], { checkpoint: checkpointAt('0/2') });
  const { revision } = await next.write(newer, never);
  const late = await client.txn(meddler.sent[0] ?? Buffer.alloc(0));
  expect(late.succeeded).toBe(false);
  expect(await prefix.gateway.get(`${prefix.rows}a`)).toMatchObject({
    value: 'new',
    modRevision: revision,
  });
});

test('a write that was given up and lands before the next batch fences it: it belongs to another load', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, {
    client: meddler.client,
    resolveTimeoutMs: 0,
    writeTimeoutMs: 1,
  });
  meddler.act = async () => {
    throw deadlineExceeded();
  };
  const old = batchOf([put(prefix.rows, 'a', 'old')]);
  await expect(sink.write(old, never)).rejects.toMatchObject({ code: 'etcd_unavailable' });
  await sink.load(never);
  const landed = await client.txn(meddler.sent[0] ?? Buffer.alloc(0));
  expect(landed.succeeded).toBe(true);
  meddler.act = (send) => send();
  const next = batchOf([put(prefix.rows, 'a', 'new')]);
  await expect(sink.write(next, never)).rejects.toMatchObject({ code: 'fenced' });
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.value).toBe('old');
});

test('another writer during an unknown outcome: fenced', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const meddler = meddled(client);
  const sink = await loadedSink(prefix, { client: meddler.client });
  const other = await loadedSink(prefix, { client });
  meddler.act = async () => {
    await other.write(batchOf([put(prefix.rows, 'a', 'other')]), never);
    throw deadlineExceeded();
  };
  const batch = batchOf([put(prefix.rows, 'a', 'ours')]);
  await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'fenced' });
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.value).toBe('other');
});

test('connections that are reset or go silent in mid-write: every batch exactly once', async () => {
  await using prefix = createPrefix(etcd());
  const { hostname, port } = new URL(etcd().endpoint);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  using client = clientOf([`${proxy.host}:${proxy.port}`], { callTimeoutMs: 500 });
  const sink = await loadedSink(prefix, { client, writeTimeoutMs: 500 });
  const count = 60;
  for (let batch = 1; batch <= count; batch += 1) {
    const written = sink.write(batchOf([put(prefix.rows, 'a', `${batch}`)]), never);
    if (batch % 5 === 0) proxy.drop();
    if (batch % 20 === 0) {
      proxy.halfOpen();
      setTimeout(() => {
        proxy.drop();
        proxy.resume();
      }, 700);
    }
    await written;
  }
  expect(await prefix.gateway.get(`${prefix.rows}a`)).toMatchObject({
    value: `${count}`,
    version: BigInt(count),
  });
});

test('etcd that is away longer than the outcome is looked for: etcd_unavailable; back again: all goes on', async () => {
  await using server = await startEtcd();
  await using prefix = createPrefix(server);
  using client = clientOf(server.addresses, { callTimeoutMs: 500 });
  const sink = await loadedSink(prefix, { client, writeTimeoutMs: 500, resolveTimeoutMs: 500 });
  await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  await server.kill();
  const batch = batchOf([put(prefix.rows, 'a', '2')]);
  await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'etcd_unavailable' });
  await server.start();
  await client.connect('/', 10_000);
  await sink.load(never);
  await sink.write(batch, never);
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.version).toBe(2n);
});

test('a write waits for an etcd that restarts, and for one that is frozen', async () => {
  await using server = await startEtcd();
  await using prefix = createPrefix(server);
  using client = clientOf(server.addresses, { callTimeoutMs: 500 });
  const sink = await loadedSink(prefix, { client, writeTimeoutMs: 500 });
  await server.kill();
  const first = sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  await server.start();
  await first;
  server.pause();
  const second = sink.write(batchOf([put(prefix.rows, 'a', '2')]), never);
  setTimeout(() => server.resume(), 1_500);
  await second;
  expect(await prefix.gateway.get(`${prefix.rows}a`)).toMatchObject({ value: '2', version: 2n });
});
