import { expect, test } from 'vitest';
import { canMerge, opBytes, Section } from '../../../src/replication/section.ts';
import type { KeyOp } from '../../../src/replication/sink.ts';

const limits = { maxOps: 3, maxBytes: 1_000 };

function put(key: string, value = 'v', prefix = '/a/'): KeyOp {
  return { kind: 'put', key: `${prefix}${key}`, value, prefix };
}

function remove(key: string, prefix = '/a/'): KeyOp {
  return { kind: 'delete', key: `${prefix}${key}`, prefix };
}

test('the last operation of a key wins, and bytes are those of what is left', () => {
  const section = new Section();
  expect(section.tryAdd([put('1', 'long value'), remove('2')], limits)).toBe(true);
  expect(section.tryAdd([remove('1'), put('2', 'ü')], limits)).toBe(true);
  expect([...section.ops.values()]).toEqual([remove('1'), put('2', 'ü')]);
  expect(section.bytes).toBe(opBytes(remove('1')) + opBytes(put('2', 'ü')));
  expect(section.puts).toBe(1);
  expect(opBytes(put('2', 'ü')) - opBytes(put('2', ''))).toBe(2);
});

test('all operations of a change are taken, or none', () => {
  const section = new Section();
  section.tryAdd([put('1'), put('2')], limits);
  expect(section.tryAdd([remove('3'), put('4')], limits)).toBe(false);
  expect(section.ops.size).toBe(2);
  // A key that is there already takes no room.
  expect(section.tryAdd([remove('1'), put('3')], limits)).toBe(true);
});

test('bytes limit a section, but an empty one takes any change', () => {
  const section = new Section();
  expect(section.tryAdd([put('1', 'x'.repeat(2_000))], limits)).toBe(true);
  expect(section.tryAdd([put('2')], limits)).toBe(false);
  // Replacing the large value makes room.
  expect(section.tryAdd([put('1'), put('2')], limits)).toBe(true);
});

test('a clear drops what came before it under its prefix, and nothing else', () => {
  const section = new Section();
  section.tryAdd([put('1'), put('1', 'v', '/b/')], limits);
  section.clear('/a/');
  expect([...section.ops.keys()]).toEqual(['/b/1']);
  expect(section.clears).toEqual([{ from: '/a/', to: '/a0' }]);
  section.add(put('2'));
  section.clear('/a/');
  expect([...section.ops.keys()]).toEqual(['/b/1']);
  expect(section.clears).toHaveLength(1);
  expect(section.isEmpty).toBe(false);
});

test('a range is compared by bytes: U+FFFF is before U+10000', () => {
  const section = new Section();
  section.add(put('\uffff'));
  section.add(put('\u{10000}'));
  section.clearRange({ from: '/a/\u{10000}', to: '/a0' }, '/a/');
  expect([...section.ops.keys()]).toEqual(['/a/\uffff']);
});

test('a later section is applied on top', () => {
  const first = new Section();
  first.add(put('1'));
  first.add(put('1', 'v', '/b/'));
  first.tally.inserts = 2;
  const later = new Section();
  later.clear('/a/');
  later.add(put('2'));
  later.tally.truncates = 1;
  first.merge(later);
  expect([...first.ops.keys()]).toEqual(['/b/1', '/a/2']);
  expect(first.clears).toHaveLength(1);
  expect(first.tally).toEqual({ inserts: 2, updates: 0, deletes: 0, truncates: 1 });
  expect(later.ops.size).toBe(1);
});

test('sections merge while both limits hold', () => {
  const two = new Section();
  two.tryAdd([put('1'), put('2')], limits);
  const one = new Section();
  one.add(put('3'));
  expect(canMerge(two, one, limits)).toBe(true);
  expect(canMerge(two, two, limits)).toBe(false);
  one.add(put('4', 'x'.repeat(950)));
  expect(canMerge(one, two, { ...limits, maxOps: 9 })).toBe(false);
});
