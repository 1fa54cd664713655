import { expect, test } from 'vitest';
import type { Change, RowImage } from '../../../src/replication/change.ts';
import { ChangeApplier, largeClearKeys } from '../../../src/replication/change-applier.ts';
import { Overlay } from '../../../src/replication/overlay.ts';
import type { ListedKey, Sink } from '../../../src/replication/sink.ts';
import { type TableState, Tables } from '../../../src/replication/tables.ts';
import { TransactionOps } from '../../../src/replication/transaction-ops.ts';
import { MemoryStore } from '../../support/memory-sink.ts';
import { positionOf, type RelationSpec, relationOf } from '../../support/scripted-source.ts';

class Bench {
  readonly store = new MemoryStore({ limits: { maxOps: 4, maxBytes: 10_000 } });
  readonly overlay = new Overlay();
  readonly again: string[] = [];
  readonly ops: TransactionOps;
  readonly applier: ChangeApplier;
  readonly #tables = new Tables((_schema, name) => `/${name}/`);
  #messages = 0;

  constructor(sink: Partial<Sink> = {}, isSource = true, caughtUp = async () => {}) {
    const stored = this.store.sink();
    const limits = this.store.limits;
    this.ops = new TransactionOps({
      commit: isSource ? positionOf(5n) : null,
      committedAt: new Date(0),
      messages: 0,
      limits,
    });
    this.applier = new ChangeApplier(this.ops, {
      sink: {
        limits,
        read: stored.read.bind(stored),
        count: stored.count.bind(stored),
        list: stored.list.bind(stored),
        ...sink,
      },
      overlay: this.overlay,
      dumpAgain: ({ id }) => this.again.push(id),
      caughtUp,
      signal: new AbortController().signal,
    });
  }

  table(spec: RelationSpec): TableState {
    const relation = relationOf(spec);
    return this.#tables.put({ relation, fingerprint: '1', rowsEstimated: null }, null);
  }

  async apply(table: TableState, ...changes: Parameters<typeof change>[]): Promise<void> {
    await this.applier.apply(
      changes.map((given) => ({ table, change: change(...given)(table, this.#messages++) })),
    );
  }

  get sections() {
    return this.ops.sections.map(({ section }) =>
      [...section.ops.values()].map((op) =>
        op.kind === 'put' ? `${op.key}=${op.value}` : `-${op.key}`,
      ),
    );
  }
}

function change(op: Change['op'], row: RowImage | null = null, old: RowImage | null = null) {
  return ({ source }: TableState, messagesBefore: number): Change =>
    ({ op, relation: source.relation, row, old, messagesBefore }) as Change;
}

const plain: RelationSpec = { id: 'a', columns: ['id', 'v'] };
const toast: RelationSpec = { id: 't', columns: ['id', 'body'], mayOmit: true };
const deferrable: RelationSpec = { id: 'd', columns: ['id', 'v'], deferrable: true };

test('insert, update and delete', async () => {
  const bench = new Bench();
  const table = bench.table(plain);
  await bench.apply(
    table,
    ['insert', ['1', '1']],
    ['update', ['1', '2']],
    ['insert', ['2', '1']],
    ['delete', null, ['2', undefined]],
  );
  expect(bench.sections).toEqual([['/a/1={"id":1,"v":2}', '-/a/2']]);
  expect(bench.ops.section.tally).toEqual({ inserts: 2, updates: 1, deletes: 1, truncates: 0 });
});

test('a change of key is a delete and a put in one section, also where the section is full', async () => {
  const bench = new Bench();
  const table = bench.table(plain);
  await bench.apply(
    table,
    ['insert', ['1', '1']],
    ['insert', ['2', '1']],
    ['insert', ['3', '1']],
    ['update', ['9', '2'], ['3', undefined]],
    ['update', ['8', '2'], ['1', undefined]],
  );
  expect(bench.sections).toEqual([
    ['/a/1={"id":1,"v":1}', '/a/2={"id":2,"v":1}', '-/a/3', '/a/9={"id":9,"v":2}'],
    ['-/a/1', '/a/8={"id":8,"v":2}'],
  ]);
  expect(bench.ops.sections[0]?.messages).toBe(4);
});

test('TOAST: the base is in the batch, queued, in etcd, or nowhere', async () => {
  const bench = new Bench();
  const table = bench.table(toast);
  bench.store.putForeign('/t/2', '{"id":2,"body":"etcd"}');
  bench.store.putForeign('/t/3', '{"id":3,"body":"stale"}');
  await bench.apply(table, ['insert', ['3', '"queued"']]);
  await bench.apply(
    table,
    ['insert', ['1', '"batch"']],
    ['update', ['1', undefined]],
    ['update', ['7', undefined], ['2', undefined]],
    ['update', ['3', undefined]],
  );
  expect(bench.sections.flat()).toEqual([
    '/t/1={"id":1,"body":"batch"}',
    '-/t/2',
    '/t/7={"id":7,"body":"etcd"}',
    '/t/3={"id":3,"body":"queued"}',
  ]);
  expect(bench.again).toEqual([]);
  await bench.apply(table, ['update', ['9', undefined]], ['insert', ['10', '"left out"']]);
  expect(bench.again).toEqual(['t']);
  expect(bench.sections.flat().join()).not.toContain('left out');
});

test('a small TRUNCATE drops what came before it, and stays in its transaction', async () => {
  const bench = new Bench();
  const table = bench.table(toast);
  await bench.apply(table, ['insert', ['1', '1']], ['truncate'], ['insert', ['2', '2']]);
  expect(bench.sections).toEqual([['/t/2={"id":2,"body":2}']]);
  expect(bench.ops.section.clears).toEqual([{ from: '/t/', to: '/t0' }]);
  // An update of a row that was truncated has no base, whatever etcd still holds.
  bench.store.putForeign('/t/5', '{"id":5,"body":"gone"}');
  await bench.apply(table, ['update', ['5', undefined]]);
  expect(bench.again).toEqual(['t']);
});

test('a large TRUNCATE is several sections, whose ranges leave no gap, and the overlay settles', async () => {
  const keys = Array.from({ length: 2 * largeClearKeys + 5 }, (_, index) => `/t/${1e6 + index}`);
  const page: ListedKey[] = keys.map((key) => ({ key, value: '', modRevision: 1n }));
  const bench = new Bench({
    count: async () => keys.length,
    async *list() {
      yield page;
    },
  });
  const table = bench.table(toast);
  await bench.apply(table, ['insert', ['1', '1']], ['truncate']);
  const clears = bench.ops.sections.flatMap(({ section }) => section.clears);
  expect(clears).toHaveLength(3);
  expect(clears[0]?.from).toBe('/t/');
  expect(clears.at(-1)?.to).toBe('/t0');
  expect(clears.slice(1).map(({ from }) => from)).toEqual(clears.slice(0, -1).map(({ to }) => to));
  expect(bench.ops.sections.map(({ section }) => section.clears.length)).toEqual([0, 1, 1, 1]);
  bench.ops.seal(positionOf(9n), 2);
  expect(bench.overlay.lookup('/t/1', '/t/')).toBeNull();
  for (const { section } of bench.ops.sections) bench.overlay.settle(section);
  expect(bench.overlay.lookup('/t/1', '/t/')).toBeUndefined();
});

test('a TRUNCATE is not split for keys that one before it, still to be written, deletes', async () => {
  let keys = 2 * largeClearKeys;
  const caughtUp = async () => {
    keys = 3;
  };
  const page: ListedKey[] = Array.from({ length: keys }, (_, index) => ({
    key: `/t/${1e6 + index}`,
    value: '',
    modRevision: 1n,
  }));
  const held: Partial<Sink> = {
    count: async () => keys,
    async *list() {
      yield page;
    },
  };
  const bench = new Bench(held, true, caughtUp);
  await bench.apply(bench.table(toast), ['insert', ['1', '1']], ['truncate']);
  expect(bench.ops.sections).toHaveLength(1);
  expect(bench.ops.section.clears).toEqual([{ from: '/t/', to: '/t0' }]);
});

test('deferrable keys: what they come to is known at the commit', async () => {
  const bench = new Bench();
  const table = bench.table(deferrable);
  await bench.apply(
    table,
    ['update', ['2', '10'], ['1', '10']],
    ['update', ['1', '20'], ['2', '20']],
    ['delete', null, ['3', '30']],
  );
  expect(bench.ops.isEmpty).toBe(true);
  bench.applier.settle();
  expect(bench.sections).toEqual([['/d/1={"id":1,"v":20}', '/d/2={"id":2,"v":10}', '-/d/3']]);
});

test('deferrable keys of a transaction that is cut are dumped again, before the cut can be durable', async () => {
  const bench = new Bench();
  const table = bench.table(deferrable);
  const other = bench.table(plain);
  await bench.apply(table, ['insert', ['1', '1']]);
  for (const id of ['1', '2', '3', '4']) await bench.apply(other, ['insert', [id, '0']]);
  expect(bench.again).toEqual([]);
  await bench.apply(other, ['insert', ['5', '0']]);
  expect(bench.again).toEqual(['d']);
  await bench.apply(table, ['insert', ['2', '2']]);
  bench.applier.settle();
  expect(bench.sections.flat().join()).not.toContain('/d/');
});

test('deferrable keys that do not fit at the commit are dumped again', async () => {
  const bench = new Bench();
  const table = bench.table(deferrable);
  const other = bench.table(plain);
  await bench.apply(other, ['insert', ['1', '0']], ['insert', ['2', '0']], ['insert', ['3', '0']]);
  await bench.apply(table, ['insert', ['1', '1']], ['insert', ['2', '1']]);
  bench.applier.settle();
  expect(bench.again).toEqual(['d']);
  expect(bench.ops.sections).toHaveLength(1);
});

test('deferrable keys are bounded while the transaction is open', async () => {
  const bench = new Bench();
  const table = bench.table(deferrable);
  for (const id of ['1', '2', '3', '4']) await bench.apply(table, ['insert', [id, '1']]);
  expect(bench.again).toEqual([]);
  await bench.apply(table, ['insert', ['5', '1']]);
  expect(bench.again).toEqual(['d']);
});

test('an old image that is not whole cannot say which row leaves a deferrable key', async () => {
  const bench = new Bench();
  await bench.apply(bench.table(deferrable), ['delete', null, ['1', undefined]]);
  expect(bench.again).toEqual(['d']);
});

test('held changes may be cut anywhere', async () => {
  const bench = new Bench({}, false);
  const table = bench.table(deferrable);
  await bench.apply(table, ['insert', ['1', '1']], ['insert', ['2', '1']], ['insert', ['3', '1']]);
  bench.applier.settle();
  const second = new ChangeApplier(bench.ops, {
    sink: { ...bench.store.sink(), limits: bench.store.limits } as Sink,
    overlay: bench.overlay,
    dumpAgain: () => bench.again.push('never'),
    caughtUp: async () => {},
    signal: new AbortController().signal,
  });
  second.settle();
  expect(bench.again).toEqual([]);
  expect(bench.sections.flat()).toHaveLength(3);
});
