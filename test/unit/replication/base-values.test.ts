import { expect, test } from 'vitest';
import { BaseValues, type TableChange } from '../../../src/replication/base-values.ts';
import type { RowImage } from '../../../src/replication/change.ts';
import { Overlay } from '../../../src/replication/overlay.ts';
import { Section } from '../../../src/replication/section.ts';
import type { KeyOp } from '../../../src/replication/sink.ts';
import { Tables } from '../../../src/replication/tables.ts';
import { MemoryStore } from '../../support/memory-sink.ts';
import { relationOf } from '../../support/scripted-source.ts';

const relation = relationOf({ id: 'a', columns: ['id', 'body'], mayOmit: true });
const table = new Tables((_schema, name) => `/${name}/`).put(
  { relation, fingerprint: '1', rowsEstimated: null },
  null,
);
const signal = new AbortController().signal;

function update(row: RowImage, old: RowImage | null = null): TableChange {
  return { table, change: { op: 'update', relation, row, old, messagesBefore: 0 } };
}

function put(key: string, value: string): KeyOp {
  return { kind: 'put', key: `/a/${key}`, value, prefix: '/a/' };
}

/** As the applier does: the section takes it, then the overlay hears of it. */
function record(overlay: Overlay, op: KeyOp, owner: Section): void {
  owner.add(op);
  overlay.record(op, owner);
}

async function gathered(store: MemoryStore, overlay: Overlay, ...changes: TableChange[]) {
  const sink = store.sink();
  return BaseValues.gather(changes, overlay, sink, signal);
}

test('bases that are only in etcd are read at once, at the old key', async () => {
  const store = new MemoryStore();
  store.putForeign('/a/1', 'one');
  store.putForeign('/a/2', 'two');
  const changes = [
    update(['1', undefined]),
    update(['9', undefined], ['2', undefined]),
    update(['3', undefined]),
    update(['4', '"whole"']),
  ];
  const bases = await gathered(store, new Overlay(), ...changes);
  expect(store.reads).toBe(1);
  expect(['1', '2', '9', '3', '4'].map((key) => bases.get(`/a/${key}`))).toEqual([
    'one',
    'two',
    null,
    null,
    null,
  ]);
});

test('what is queued or in flight is newer than etcd, and etcd is not asked', async () => {
  const store = new MemoryStore();
  store.putForeign('/a/1', 'old');
  store.putForeign('/a/2', 'old');
  const overlay = new Overlay();
  record(overlay, put('1', 'newer'), new Section());
  record(overlay, { kind: 'delete', key: '/a/2', prefix: '/a/' }, new Section());
  const bases = await gathered(store, overlay, update(['1', undefined]), update(['2', undefined]));
  expect(bases.get('/a/1')).toBe('newer');
  expect(bases.get('/a/2')).toBeNull();
  expect(store.reads).toBe(0);
});

test('what the part itself does is the base of what follows in it', async () => {
  const bases = await gathered(new MemoryStore(), new Overlay(), update(['1', undefined]));
  bases.record(put('1', 'inserted'));
  bases.record(put('2', 'nobody asks'));
  expect(bases.get('/a/1')).toBe('inserted');
  bases.clear('/b/');
  expect(bases.get('/a/1')).toBe('inserted');
  bases.clear('/a/');
  expect(bases.get('/a/1')).toBeNull();
});

test('the overlay forgets a section when it is durable, but not what came after it', () => {
  const overlay = new Overlay();
  const first = new Section();
  const second = new Section();
  record(overlay, put('1', 'a'), first);
  record(overlay, put('2', 'a'), first);
  record(overlay, put('1', 'b'), second);
  overlay.settle(first);
  expect(overlay.lookup('/a/1', '/a/')).toBe('b');
  expect(overlay.lookup('/a/2', '/a/')).toBeUndefined();
  overlay.settle(second);
  expect(overlay.lookup('/a/1', '/a/')).toBeUndefined();
});

test('a cleared table holds nothing but what came after the clear, until it is durable', () => {
  const overlay = new Overlay();
  const owner = new Section();
  record(overlay, put('1', 'a'), owner);
  record(overlay, { ...put('1', 'b'), key: '/b/1', prefix: '/b/' }, owner);
  owner.clear('/a/');
  overlay.clear('/a/', owner);
  record(overlay, put('2', 'c'), owner);
  expect(overlay.lookup('/a/1', '/a/')).toBeNull();
  expect(overlay.lookup('/a/2', '/a/')).toBe('c');
  expect(overlay.lookup('/b/1', '/b/')).toBe('b');
  overlay.settle(owner);
  expect(overlay.lookup('/a/1', '/a/')).toBeUndefined();
  expect(overlay.lookup('/a/2', '/a/')).toBeUndefined();
});
