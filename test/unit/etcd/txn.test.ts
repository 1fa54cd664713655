import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeWrite, shapeFor, treeCapacity, type WriteRequest } from '../../../src/etcd/txn.ts';
import { batchOf, put, remove } from '../../support/etcd-batch.ts';
import { decodeAs } from '../../support/etcd-proto.ts';

interface Operation {
  readonly request_range?: { key: string };
  readonly request_put?: { key: string; value: string };
  readonly request_delete_range?: { key: string; range_end?: string };
  readonly request_txn?: Txn;
}

interface Txn {
  readonly compare?: readonly Record<string, unknown>[];
  readonly success?: readonly Operation[];
  readonly failure?: readonly Operation[];
}

const checkpoint = { key: '/w/checkpoint', value: '{}' };

function request(more: Partial<WriteRequest>): WriteRequest {
  return {
    ...batchOf([]),
    state: [checkpoint],
    compare: [{ key: checkpoint.key, target: 'mod', revision: 7n }],
    checkpointKey: checkpoint.key,
    maxTxnOps: 128,
    space: 16,
    ...more,
  };
}

function encoded(more: Partial<WriteRequest>): Txn {
  const bytes = encodeWrite(request(more));
  if (bytes === null) throw new Error('the batch does not fit');
  return decodeAs('TxnRequest', bytes);
}

/** All operations but transactions, in order, whatever their depth. */
function leaves(txn: Txn): Operation[] {
  return (txn.success ?? []).flatMap((op) => (op.request_txn ? leaves(op.request_txn) : [op]));
}

/** etcd's own check: what a level uses is not there for the levels below. */
function obeys(txn: Txn, maxTxnOps: number): boolean {
  const { compare = [], success = [], failure = [] } = txn;
  const used = Math.max(compare.length, success.length, failure.length);
  if (used > maxTxnOps) return false;
  return [...success, ...failure].every(
    ({ request_txn: inner }) => inner === undefined || obeys(inner, maxTxnOps - used),
  );
}

const deletes = (txn: Txn) =>
  leaves(txn).flatMap(({ request_delete_range: range }) =>
    range === undefined ? [] : [[range.key, range.range_end]],
  );

test('compares, rows, checkpoint and the read of a lost comparison stand where etcd looks for them', () => {
  const txn = encoded({
    ops: batchOf([put('/r/', 'a', '{"é":"😀"}'), remove('/r/', 'b')]).ops,
    compare: [
      { key: checkpoint.key, target: 'mod', revision: 7n },
      { key: '/w/leader/1', target: 'create', revision: 2n ** 60n },
    ],
    state: [checkpoint, { key: '/w/tables', value: '{"t":1}' }],
  });
  expect(txn).toEqual({
    compare: [
      { result: 'EQUAL', target: 'MOD', key: checkpoint.key, mod_revision: '7' },
      { result: 'EQUAL', target: 'CREATE', key: '/w/leader/1', create_revision: String(2n ** 60n) },
    ],
    success: [
      { request_put: { key: '/r/a', value: '{"é":"😀"}' } },
      { request_delete_range: { key: '/r/b' } },
      { request_put: { key: checkpoint.key, value: '{}' } },
      { request_put: { key: '/w/tables', value: '{"t":1}' } },
    ],
    failure: [{ request_range: { key: checkpoint.key } }],
  });
});

test('a checkpoint that must not exist is compared with revision 0', () => {
  const { compare } = encoded({ compare: [{ key: 'k', target: 'mod', revision: 0n }] });
  expect(compare).toEqual([{ result: 'EQUAL', target: 'MOD', key: 'k', mod_revision: '0' }]);
});

test('any number of operations is nested within the limit, each once, the checkpoint flat', () => {
  const sizes = fc.integer({ min: 0, max: 9_000 });
  fc.assert(
    fc.property(sizes, fc.constantFrom(64, 128, 1_024), (count, maxTxnOps) => {
      const ops = Array.from({ length: count }, (_, index) => put('/r/', `${index}`, `${index}`));
      const txn = encoded({ ...batchOf(ops), maxTxnOps });
      expect(obeys(txn, maxTxnOps)).toBe(true);
      const keys = leaves(txn).map(({ request_put: { key } = { key: '' } }) => key);
      expect(keys).toEqual([...ops.map(({ key }) => key), checkpoint.key]);
      expect(txn.success?.at(-1)?.request_put?.key).toBe(checkpoint.key);
    }),
    { numRuns: 30 },
  );
});

test('sweeps compare inside a transaction of their own, which counts', () => {
  const sweeps = Array.from({ length: 3_900 }, (_, index) => ({
    key: `/r/${index}`,
    modRevision: BigInt(index),
  }));
  const txn = encoded({ sweeps });
  expect(obeys(txn, 128)).toBe(true);
  const [first] = encoded({ sweeps: sweeps.slice(5, 6) }).success ?? [];
  expect(first?.request_txn).toEqual({
    compare: [{ result: 'EQUAL', target: 'MOD', key: '/r/5', mod_revision: '5' }],
    success: [{ request_delete_range: { key: '/r/5' } }],
  });
});

test('a sweep of a key that the batch names is left out', () => {
  const { ops } = batchOf([put('/r/', 'a')]);
  const txn = encoded({ ops, sweeps: [{ key: '/r/a', modRevision: 1n }] });
  expect(leaves(txn)).toHaveLength(2);
});

test('the operations that do not fit the limit on any number of levels are refused', () => {
  const ops = Array.from({ length: 300 }, (_, index) => put('/r/', `${index}`));
  expect(encodeWrite(request({ ...batchOf(ops), maxTxnOps: 16 }))).toBeNull();
  expect(treeCapacity(16, 3)).toBeGreaterThanOrEqual(64);
  expect(shapeFor(65, 16, 1)).toEqual({ levels: 3, width: 5 });
});

test('a clear deletes the gaps between the keys that are put, by the order of bytes', () => {
  // By UTF-16 units U+1F600 comes before U+FF41; by bytes after it.
  const ops = [put('/r/', 'b'), put('/r/', '😀'), put('/r/', 'ａ'), put('/s/', 'x')];
  const txn = encoded({ ...batchOf(ops), clears: [{ from: '/r/', to: '/r0' }] });
  expect(deletes(txn)).toEqual([
    ['/r/', '/r/b'],
    ['/r/b\0', '/r/ａ'],
    ['/r/ａ\0', '/r/😀'],
    ['/r/😀\0', '/r0'],
  ]);
});

test('a clear drops the deletes of keys inside it, and no others', () => {
  const ops = [remove('/r/', 'a'), remove('/s/', 'a')];
  const txn = encoded({ ...batchOf(ops), clears: [{ from: '/r/', to: '/r0' }] });
  expect(deletes(txn)).toEqual([
    ['/s/a', undefined],
    ['/r/', '/r0'],
  ]);
});

test('a put at the very start of a clear leaves no empty range', () => {
  const ops = [put('/r/', '')];
  const txn = encoded({ ...batchOf(ops), clears: [{ from: '/r/', to: '/r0' }] });
  expect(deletes(txn)).toEqual([['/r/\0', '/r0']]);
});

test('random clears and puts delete exactly the cleared keys that are not put', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', 'ａ', '😀'), maxLength: 3 });
  const clear = fc.record({ from: key, to: key });
  fc.assert(
    fc.property(fc.array(clear, { maxLength: 4 }), fc.array(key), key, (clears, puts, probe) => {
      const { ops } = batchOf(puts.map((name) => put('', name)));
      const before = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
      const within = (from: string, to: string, name: string) =>
        !before(name, from) && before(name, to);
      const ranges = deletes(encoded({ ops, clears }));
      const deleted = ranges.filter(([from, to]) => within(from ?? '', to ?? '', probe));
      const wanted = clears.some(({ from, to }) => within(from, to, probe)) && !ops.has(probe);
      expect(deleted).toHaveLength(wanted ? 1 : 0);
      for (const { key: name } of ops.values()) {
        expect(ranges.some(([from, to]) => within(from ?? '', to ?? '', name))).toBe(false);
      }
    }),
    { numRuns: 500 },
  );
});
