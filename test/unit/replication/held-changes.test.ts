import { expect, test } from 'vitest';
import type { TransactionPart } from '../../../src/replication/change.ts';
import { HeldChanges } from '../../../src/replication/held-changes.ts';
import { type TableState, Tables } from '../../../src/replication/tables.ts';
import { positionOf, relationOf } from '../../support/scripted-source.ts';

const tables = new Tables((_schema, name) => `/${name}/`);

function table(id: string): TableState {
  const relation = relationOf({ id, columns: ['id', 'v'] });
  return tables.put({ relation, fingerprint: '1', rowsEstimated: null }, null);
}

const a = table('a');
const b = table('b');

function part(xid: string): TransactionPart {
  return {
    type: 'transaction',
    xid,
    commit: positionOf(1n),
    position: positionOf(2n),
    committedAt: new Date(0),
    first: true,
    last: true,
    changes: [],
    messages: 1,
  };
}

function insert(to: TableState, id: string, size = 1) {
  const row = [id, 'x'.repeat(size)];
  const { relation } = to.source;
  return { table: to, change: { op: 'insert', relation, row, messagesBefore: 0 } } as const;
}

const none = (): boolean => false;

function taken(held: HeldChanges, id: string, has: (part: TransactionPart) => boolean = none) {
  return held.take(id, has).map(({ part: { xid }, changes }) => [xid, changes.length]);
}

test('changes wait by transaction, in order; what the snapshot has is dropped', () => {
  const held = new HeldChanges(100_000);
  held.add(part('1'), insert(a, '1'));
  held.add(part('2'), insert(a, '2'));
  held.add(part('2'), insert(a, '3'));
  held.add(part('3'), insert(b, '1'));
  held.add(part('4'), insert(a, '4'));
  expect(taken(held, 'a', ({ xid }) => xid === '1')).toEqual([
    ['2', 2],
    ['4', 1],
  ]);
  expect(taken(held, 'a')).toEqual([]);
  expect(taken(held, 'b')).toEqual([['3', 1]]);
});

test('memory is bounded over all tables: the largest loses its changes', () => {
  const held = new HeldChanges(3_000);
  expect(held.add(part('1'), insert(a, '1', 500))).toBeNull();
  expect(held.add(part('2'), insert(b, '1', 10))).toBeNull();
  expect(held.add(part('3'), insert(b, '2', 1_000))).toBe(b);
  expect(held.overflowed).toBe(true);
  // What is lost anyway is not kept any more.
  expect(held.add(part('4'), insert(b, '3', 5_000))).toBeNull();
  expect(taken(held, 'a')).toEqual([['1', 1]]);
});

test('a later snapshot makes up for the loss only if it has everything that was lost', () => {
  const held = new HeldChanges(500);
  held.add(part('1'), insert(a, '1'));
  expect(held.add(part('2'), insert(a, '2', 500))).toBe(a);
  held.add(part('3'), insert(a, '3'));
  expect(held.forgive('a', ({ xid }) => xid !== '3')).toBe(false);
  expect(held.overflowed).toBe(true);
  expect(held.forgive('a', () => true)).toBe(true);
  expect(held.overflowed).toBe(false);
  held.add(part('4'), insert(a, '4'));
  expect(taken(held, 'a')).toEqual([['4', 1]]);
});

test('changes of an unknown table are given up', () => {
  const held = new HeldChanges(500);
  held.giveUp('new', part('1'));
  expect(held.overflowed).toBe(true);
  expect(held.forgive('new', none)).toBe(false);
  expect(held.forgive('new', () => true)).toBe(true);
  expect(held.forgive('never heard of', none)).toBe(true);
});

test('taking frees the memory', () => {
  const held = new HeldChanges(1_500);
  for (let round = 0; round < 10; round += 1) {
    expect(held.add(part(String(round)), insert(a, '1', 500))).toBeNull();
    held.take('a', none);
  }
});
