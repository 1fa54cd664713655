import { expect, test } from 'vitest';
import { KeyIndex } from '../../../src/replication/key-index.ts';

test('says whether a row is there as it is, otherwise, or not', () => {
  const index = new KeyIndex();
  expect(index.mark('a', '1')).toBe('absent');
  index.add({ key: 'a', value: '1', modRevision: 5n });
  expect(index.mark('a', '1')).toBe('same');
  expect(index.mark('a', '2')).toBe('different');
  expect(index.mark('b', '1')).toBe('absent');
});

test('stale is what was listed, not marked, and not written since', () => {
  const index = new KeyIndex();
  expect(index.isStale({ key: 'a', modRevision: 1n })).toBe(false);
  for (const key of ['a', 'b']) index.add({ key, value: '1', modRevision: 2n ** 40n });
  index.mark('a', 'other');
  expect(index.isStale({ key: 'a', modRevision: 2n ** 40n })).toBe(false);
  expect(index.isStale({ key: 'b', modRevision: 2n ** 40n })).toBe(true);
  expect(index.isStale({ key: 'b', modRevision: 2n ** 40n + 1n })).toBe(false);
  expect(index.isStale({ key: 'new', modRevision: 2n ** 40n })).toBe(false);
});

test('it grows, keeps marks, and counts a key once', () => {
  const index = new KeyIndex();
  const keys = Array.from({ length: 5_000 }, (_, id) => `/s/a/${id}`);
  for (const [id, key] of keys.entries()) {
    index.add({ key, value: key, modRevision: BigInt(id) });
    if (id % 2 === 0) index.mark(key, key);
  }
  index.add({ key: '/s/a/0', value: 'x', modRevision: 7n });
  expect(index.size).toBe(5_000);
  const stale = keys.filter((key, id) => index.isStale({ key, modRevision: BigInt(id) }));
  expect(stale).toEqual(keys.filter((_, id) => id % 2 === 1));
});
