/** Limits of the server: sizes, operations, space. */
import { expect, test } from 'vitest';
import { createServerLimits } from '../../src/etcd/limits.ts';
import type { TableRecord } from '../../src/replication/sink.ts';
import { startEtcd } from '../../tools/testenv/etcd.ts';
import { callEtcd } from '../../tools/testenv/etcd-http.ts';
import { batchOf, clientOf, loadedSink, never, put } from '../support/etcd-batch.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';

test('a batch as large as the limits allow is taken at the defaults of etcd', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  const { maxOps, maxBytes } = sink.limits;
  const keyBytes = Buffer.byteLength(prefix.rows) + 4;
  const value = 'x'.repeat(Math.floor(maxBytes / maxOps) - keyBytes - 32);
  const ops = Array.from({ length: maxOps }, (_, index) =>
    put(prefix.rows, String(index).padStart(4, '0'), value),
  );
  await sink.write(batchOf(ops), never);
  expect(await sink.count(prefix.rows, never)).toBe(maxOps);
});

test('a request that is refused for its size halves the limit, and writes nothing', async () => {
  await using server = await startEtcd({ args: ['--max-request-bytes', '300000'] });
  await using prefix = createPrefix(server);
  using client = clientOf(server.addresses);
  const sink = await loadedSink(prefix, { client });
  const rows = (count: number) =>
    batchOf(
      Array.from({ length: count }, (_, index) => put(prefix.rows, `${index}`, 'x'.repeat(1_000))),
    );
  // Beyond 300,000 bytes etcd refuses it, beyond 812,000 its gRPC does.
  for (const count of [1_300, 600]) {
    await expect(sink.write(rows(count), never)).rejects.toMatchObject({
      code: 'request_too_large',
    });
  }
  expect(await sink.count(prefix.rows, never)).toBe(0);
  expect(sink.limits.maxBytes).toBeLessThan(320_000);
  expect(sink.limits.maxBytes).toBeGreaterThan(250_000);
  await sink.write(rows(200), never);
});

test('one row that no request can carry is named, with its table, key and size, and the limit stays', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  const record: TableRecord = {
    table: 'public.photos',
    prefixes: [prefix.rows],
    fingerprint: '',
    signature: '',
    state: 'done',
    rows: 0,
    mark: null,
  };
  await sink.write(batchOf([], { tables: { '1': record } }), never);
  const before = sink.limits.maxBytes;
  for (const size of [1_600_000, 3_000_000]) {
    const large = batchOf([put(prefix.rows, '17', 'secret'.padEnd(size, 'x'))]);
    const error = await sink.write(large, never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'row_too_large', table: 'public.photos' });
    expect(String(error)).toContain(`key ${prefix.rows}17, ${size + prefix.rows.length + 2} bytes`);
    expect(String(error)).not.toContain('secret');
  }
  expect(sink.limits.maxBytes).toBe(before);
  await sink.write(batchOf([put(prefix.rows, '18')]), never);
});

test('--max-txn-ops is learned, smaller or larger, and batches keep to it', async () => {
  for (const [flag, learned] of [
    ['20', 16],
    ['2000', 1_024],
  ] as const) {
    await using server = await startEtcd({ args: ['--max-txn-ops', flag] });
    await using prefix = createPrefix(server);
    using client = clientOf(server.addresses);
    const limits = createServerLimits();
    const sink = await loadedSink(prefix, { client, limits });
    expect(limits.maxTxnOps).toBe(learned);
    const ops = Array.from({ length: sink.limits.maxOps }, (_, index) =>
      put(prefix.rows, `${index}`),
    );
    const clears = [{ from: prefix.rows, to: `${prefix.rows}~` }];
    await sink.write(batchOf(ops, { clears }), never);
    expect(await sink.count(prefix.rows, never)).toBe(sink.limits.maxOps);
  }
});

test('a server that takes fewer operations than was learned: smaller trees from then on', async () => {
  await using server = await startEtcd({ args: ['--max-txn-ops', '50'] });
  await using prefix = createPrefix(server);
  using client = clientOf(server.addresses);
  // Never learned: as if another member, or a new setting, took less.
  const limits = createServerLimits();
  limits.learn = async () => {};
  const sink = await loadedSink(prefix, { client, limits });
  const batch = batchOf(Array.from({ length: 1_000 }, (_, index) => put(prefix.rows, `${index}`)));
  await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'request_too_large' });
  expect(limits.maxTxnOps).toBe(64);
  await sink.write(batch, never);
  expect(await sink.count(prefix.rows, never)).toBe(1_000);
});

test('a full etcd: etcd_no_space, nothing written; after compact, defrag and disarm it goes on', async () => {
  await using server = await startEtcd({ args: ['--quota-backend-bytes', '20000000'] });
  await using prefix = createPrefix(server);
  using client = clientOf(server.addresses);
  const sink = await loadedSink(prefix, { client });
  const rows = (value: string) =>
    batchOf(Array.from({ length: 1_000 }, (_, index) => put(prefix.rows, `${index}`, value)));
  let written = 0;
  const fill = async () => {
    for (;;) {
      await sink.write(rows(`${written + 1}`.padEnd(1_000, 'x')), never);
      written += 1;
    }
  };
  await expect(fill()).rejects.toMatchObject({ code: 'etcd_no_space', recovery: 'retry' });
  expect((await client.status()).errors.join()).toContain('NOSPACE');
  // The alarm is on: refused again, although all rows are in nested transactions.
  await expect(sink.write(rows('no'), never)).rejects.toMatchObject({ code: 'etcd_no_space' });
  const row = await prefix.gateway.get(`${prefix.rows}999`);
  expect(row?.value.startsWith(`${written}x`)).toBe(true);
  expect(row?.version).toBe(BigInt(written));

  const { revision } = await client.range({ key: prefix.rows, countOnly: true });
  const body = { revision: String(revision), physical: true };
  await callEtcd(server, { path: '/v3/kv/compaction', body });
  await callEtcd(server, { path: '/v3/maintenance/defragment', body: {} });
  const path = '/v3/maintenance/alarm';
  const { alarms } = (await callEtcd(server, { path, body: {} })) as { alarms: object[] };
  for (const alarm of alarms) {
    await callEtcd(server, { path, body: { ...alarm, action: 'DEACTIVATE' } });
  }
  await sink.write(rows('yes'), never);
  expect((await prefix.gateway.get(`${prefix.rows}999`))?.version).toBe(BigInt(written + 1));
});
