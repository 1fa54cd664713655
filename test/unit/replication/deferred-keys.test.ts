import { expect, test } from 'vitest';
import { DeferredKeys } from '../../../src/replication/deferred-keys.ts';

function outcomes(keys: DeferredKeys) {
  return [...keys.outcomes()].map((op) =>
    op.kind === 'put' ? `${op.key}=${op.value}` : `-${op.key}`,
  );
}

function moved(keys: DeferredKeys, from: string, row: string, to: string, as = row): void {
  keys.leave(from, row);
  keys.arrive(to, as);
}

test('a swap keeps both rows', () => {
  const keys = new DeferredKeys();
  moved(keys, '1', 'a', '2');
  moved(keys, '2', 'b', '1');
  expect(outcomes(keys)).toEqual(['1=b', '2=a']);
});

test('a cycle keeps every row', () => {
  const keys = new DeferredKeys();
  moved(keys, '1', 'a', '2');
  moved(keys, '2', 'b', '3');
  moved(keys, '3', 'c', '1');
  expect(outcomes(keys)).toEqual(['1=c', '2=a', '3=b']);
});

test('a row that passes through a key leaves the row that lives there alone', () => {
  const keys = new DeferredKeys();
  moved(keys, '1', 'a', '2');
  moved(keys, '2', 'a', '3');
  expect(outcomes(keys)).toEqual(['-1', '3=a']);
});

test('there and back again is what it was', () => {
  const keys = new DeferredKeys();
  moved(keys, '1', 'a', '2');
  moved(keys, '2', 'a', '1');
  expect(outcomes(keys)).toEqual(['1=a']);
});

test('a new row on a key whose row is deleted afterwards', () => {
  const keys = new DeferredKeys();
  keys.arrive('1', 'new');
  keys.leave('1', 'old');
  expect(outcomes(keys)).toEqual(['1=new']);
});

test('inserted and deleted again: nothing, because the row before may have stayed', () => {
  const keys = new DeferredKeys();
  keys.arrive('1', 'new');
  keys.leave('1', 'new');
  expect(outcomes(keys)).toEqual([]);
});

test('of two equal rows on a key, one leaves', () => {
  const keys = new DeferredKeys();
  moved(keys, '1', 'same', '2');
  keys.leave('2', 'same');
  expect(outcomes(keys)).toEqual(['-1']);
});

test('size and bytes are bounds of what comes out', () => {
  const keys = new DeferredKeys();
  keys.arrive('1', 'ü');
  keys.leave('2', 'x');
  expect(keys.size).toBe(2);
  expect(keys.bytes).toBe(2 * 32 + 2 + 2);
  keys.leave('1', 'ü');
  expect(keys.bytes).toBe(2 * 32 + 2);
});
