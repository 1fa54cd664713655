import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnMatcher, tableMatcher } from '../../../src/config/tables.ts';

function includes(glob: string, schema: string, table: string): boolean {
  return tableMatcher({ include: [glob], exclude: [] })(schema, table);
}

test.each([
  ['public.*', 'public', 'orders', true],
  ['public.*', 'public', '', true],
  ['public.*', 'Public', 'orders', false],
  ['*.*', 'any', 'thing', true],
  ['*.audit_*', 'app', 'audit_log', true],
  ['*.audit_*', 'app', 'my_audit_log', false],
  ['*.audit_*', 'app', 'audit', false],
  ['a?.t', 'ab', 't', true],
  ['a?.t', 'a', 't', false],
  ['a?.t', 'abc', 't', false],
  ['a?.t', 'a💧', 't', true],
  ['public.*log*2?', 'public', 'xlogy2log23', true],
  ['public.a.b', 'public', 'a.b', true],
  ['public.a.*', 'public', 'a.b', true],
  ['public.a.*', 'public', 'ab', false],
  ['public.a|b', 'public', 'a', false],
  ['public.[a]', 'public', 'a', false],
  ['public.(a', 'public', '(a', true],
  ['public.Ord ers "x"', 'public', 'Ord ers "x"', true],
  ['Größe.naïve', 'Größe', 'naïve', true],
  ['public.a\nb', 'public', 'a\nb', true],
  ['public.*', 'public', 'a\nb', true],
])('%s on %s.%s: %s', (glob, schema, table, expected) => {
  expect(includes(glob, schema, table)).toBe(expected);
});

test('a table is in when an item of include matches and none of exclude', () => {
  const matches = tableMatcher({ include: ['a.*', 'b.t'], exclude: ['*.tmp_*', 'a.x'] });
  expect([matches('a', 'y'), matches('b', 't')]).toEqual([true, true]);
  expect([matches('a', 'x'), matches('a', 'tmp_1'), matches('b', 'u'), matches('c', 't')]).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test('many stars are not slow', () => {
  expect(includes(`a.${'*a'.repeat(100)}*b`, 'a', 'a'.repeat(2000))).toBe(false);
});

test('a glob matches what the same regular expression does', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
  fc.assert(
    fc.property(text, name, (glob, table) => {
      const pattern = new RegExp(
        `^${glob.replaceAll('*', '.*').replaceAll('?', '.').replaceAll('..*', '.{1}.*')}$`,
      );
      expect(includes(`s.${glob}`, 's', table)).toBe(pattern.test(table));
    }),
  );
});

test('a column is split off at the last dot, the schema at the first', () => {
  const matches = columnMatcher(['public.users.password_*', '*.a.b.secret', 'x.*.?']);
  expect(matches('public', 'users', 'password_hash')).toBe(true);
  expect(matches('public', 'users', 'name')).toBe(false);
  expect(matches('public', 'orders', 'password_hash')).toBe(false);
  expect(matches('any', 'a.b', 'secret')).toBe(true);
  expect(matches('any', 'a', 'b.secret')).toBe(false);
  expect(matches('x', 'anything', 'c')).toBe(true);
  expect(columnMatcher([])('a', 'b', 'c')).toBe(false);
});
