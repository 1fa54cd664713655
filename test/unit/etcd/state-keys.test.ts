import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prefixEnd, stateKeys } from '../../../src/etcd/state-keys.ts';

test('the keys of a sync have the names of SPEC §7, whatever slash the prefix ends with', () => {
  const keys = {
    prefix: '/watcher/syncs/shop/',
    checkpoint: '/watcher/syncs/shop/checkpoint',
    tables: '/watcher/syncs/shop/tables',
    desired: '/watcher/syncs/shop/desired',
    request: '/watcher/syncs/shop/request',
    status: '/watcher/syncs/shop/status',
    leader: '/watcher/syncs/shop/leader/',
    staged: '/watcher/syncs/shop/staged/',
  };
  expect(stateKeys('/watcher', 'shop')).toEqual(keys);
  expect(stateKeys('/watcher/', 'shop')).toEqual(keys);
});

test('the end of a prefix is after all keys with it, and before all others that follow', () => {
  expect(prefixEnd('/a/')).toBe('/a0');
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
      const inside = order(prefix, other) <= 0 && order(other, prefixEnd(prefix)) < 0;
      expect(inside).toBe(other.startsWith(prefix));
      expect(order(prefix + other, prefixEnd(prefix))).toBeLessThan(0);
    }),
  );
});

test('the highest code points are carried over', () => {
  expect(prefixEnd('a\u{10ffff}')).toBe('b');
  expect(prefixEnd('\ud7ff')).toBe('\ue000');
  expect(() => prefixEnd('')).toThrow(RangeError);
});
