/** What the sink writes and reads, on a real etcd, seen by etcd's JSON gateway. */
import { expect, test } from 'vitest';
import { createServerLimits } from '../../src/etcd/limits.ts';
import type { TableRecords } from '../../src/replication/sink.ts';
import {
  batchOf,
  checkpointAt,
  clientOf,
  loadedSink,
  never,
  put,
  remove,
} from '../support/etcd-batch.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';

const rowsOf = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => put(prefix, `${index}`, `{"n":${index}}`));

const tables: TableRecords = {
  '16384': {
    table: 'public.t',
    prefixes: ['/x/'],
    fingerprint: 'f',
    signature: 's',
    state: 'done',
    rows: 2,
    mark: null,
  },
};

test('a batch of 4,000 rows and its checkpoint are one revision', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  const { revision, bytes } = await sink.write(batchOf(rowsOf(prefix.rows, 4_000)), never);
  const rows = await prefix.gateway.list(prefix.rows);
  expect(rows.size).toBe(4_000);
  expect(new Set([...rows.values()].map((row) => row.modRevision))).toEqual(new Set([revision]));
  expect(rows.get(`${prefix.rows}3999`)?.value).toBe('{"n":3999}');
  const checkpoint = await prefix.gateway.get(`${prefix.state}/syncs/test/checkpoint`);
  expect(checkpoint?.modRevision).toBe(revision);
  expect(JSON.parse(checkpoint?.value ?? '')).toEqual({
    ...checkpointAt('0/1'),
    writer: { id: expect.stringMatching(/^test\//), batch: 1 },
  });
  expect(bytes).toBeGreaterThan(4_000 * 16);
});

test('checkpoint and tables come back as they were written, without the writer', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  expect(await sink.load(never)).toEqual({ checkpoint: null, revision: 0n, tables: {} });
  await sink.write(batchOf([], { tables }), never);
  const { revision } = await sink.write(batchOf([], { checkpoint: checkpointAt('0/2') }), never);
  const again = await loadedSink(prefix, { client });
  const stored = { checkpoint: checkpointAt('0/2'), revision, tables };
  expect(await again.load(never)).toEqual(stored);
});

test('each write follows the one before; a writer of an older state is fenced and writes nothing', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const first = await loadedSink(prefix, { client });
  await first.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  const second = await loadedSink(prefix, { client });
  await first.write(batchOf([put(prefix.rows, 'a', '2')]), never);
  const late = batchOf([put(prefix.rows, 'a', '0'), put(prefix.rows, 'b', '0')]);
  await expect(second.write(late, never)).rejects.toMatchObject({ code: 'fenced' });
  expect(await prefix.gateway.values(prefix.rows)).toEqual(new Map([[`${prefix.rows}a`, '2']]));
  await second.load(never);
  await second.write(late, never);
  await expect(first.write(late, never)).rejects.toMatchObject({ code: 'fenced' });
});

test('a writer whose leader key is gone, or another one, is fenced', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const key = `${prefix.state}/syncs/test/leader/1`;
  const { revision: createRevision } = await client.put({ key, value: '{}' });
  let valid = true;
  const leader = { key, createRevision, isValid: () => valid };
  const sink = await loadedSink(prefix, { client, leader });
  await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  valid = false;
  const next = batchOf([put(prefix.rows, 'a', '2')]);
  await expect(sink.write(next, never)).rejects.toMatchObject({ code: 'fenced' });
  valid = true;
  await client.delete({ key });
  await client.put({ key, value: '{}' });
  await expect(sink.write(next, never)).rejects.toMatchObject({ code: 'fenced' });
  expect((await prefix.gateway.get(`${prefix.rows}a`))?.value).toBe('1');
});

test('a clear empties a range but for the rows of the batch, in the same revision', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  const table = `${prefix.rows}t/`;
  const other = put(`${prefix.rows}u/`, '1');
  await sink.write(batchOf([...rowsOf(table, 3_000), other]), never);
  const kept = Array.from({ length: 2_000 }, (_, index) => put(table, `${index * 2}`, 'new'));
  const clears = [{ from: table, to: `${prefix.rows}t0` }];
  const { revision } = await sink.write(
    batchOf([...kept, remove(table, '7'), remove(`${prefix.rows}u/`, '2')], { clears }),
    never,
  );
  const left = await prefix.gateway.list(prefix.rows);
  expect(left.size).toBe(2_001);
  const changed = [...left.values()].filter(({ key }) => key.startsWith(table));
  expect(changed.every((row) => row.value === 'new' && row.modRevision === revision)).toBe(true);
});

test('a sweep deletes only what has not changed since it was listed', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  await sink.write(batchOf(rowsOf(prefix.rows, 300)), never);
  const sweeps: { key: string; modRevision: bigint }[] = [];
  for await (const page of sink.list(prefix.rows, never)) sweeps.push(...page);
  await sink.write(batchOf([put(prefix.rows, '5', 'changed')]), never);
  await sink.write(batchOf([put(prefix.rows, '6', 'in the batch')], { sweeps }), never);
  expect(await prefix.gateway.values(prefix.rows)).toEqual(
    new Map([
      [`${prefix.rows}5`, 'changed'],
      [`${prefix.rows}6`, 'in the batch'],
    ]),
  );
});

test('rows are read by key, listed in pages at one revision, and counted', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  const rows = rowsOf(prefix.rows, 2_500);
  await sink.write(batchOf(rows), never);
  expect(await sink.count(prefix.rows, never)).toBe(2_500);

  const keys = [...rows.map(({ key }) => key).slice(0, 300), `${prefix.rows}missing`];
  const found = await sink.read(keys, never);
  expect(found.size).toBe(300);
  expect(found.get(`${prefix.rows}299`)).toBe('{"n":299}');

  const listed: string[] = [];
  let pages = 0;
  for await (const page of sink.list(prefix.rows, never)) {
    pages += 1;
    listed.push(...page.map(({ key }) => key));
    // What is written meanwhile belongs to another revision.
    if (pages === 1) await sink.write(batchOf([put(prefix.rows, '9999')]), never);
  }
  expect(pages).toBeGreaterThan(1);
  expect(listed).toEqual(rows.map(({ key }) => key).sort());
});

test('limits are learned from the server', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const limits = createServerLimits();
  await loadedSink(prefix, { client, limits });
  expect(limits.maxTxnOps).toBe(128);
});

test('a checkpoint of another version is not taken for none', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const key = `${prefix.state}/syncs/test/checkpoint`;
  for (const value of [
    '{"version":2,"writer":{"id":"a","batch":1}}',
    'nonsense',
    '{"version":1}',
  ]) {
    await client.put({ key, value });
    await expect(loadedSink(prefix, { client })).rejects.toMatchObject({
      code: 'checkpoint_unreadable',
    });
  }
});

test('an aborted signal is thrown as its reason', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const sink = await loadedSink(prefix, { client });
  const reason = new Error('stopped');
  await expect(sink.write(batchOf([]), AbortSignal.abort(reason))).rejects.toBe(reason);
  await expect(sink.count(prefix.rows, AbortSignal.abort(reason))).rejects.toBe(reason);
});
