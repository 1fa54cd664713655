import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRowMapper, isFull, splitMembers } from '../../../src/replication/row-mapper.ts';
import { relationOf } from '../../support/scripted-source.ts';

const mapper = createRowMapper(
  relationOf({ id: 'a', columns: ['id', 'name', 'body'], key: ['name', 'id'] }),
  '/s/a/',
);

test('a row becomes a key in key order and a value in table order', () => {
  const row = ['7', '"x/y"', '{"z": 1.50}'];
  expect(mapper.keyOf(row)).toBe('/s/a/x%2Fy/7');
  expect(mapper.valueOf(row)).toBe('{"id":7,"name":"x/y","body":{"z": 1.50}}');
});

test('a key needs its columns and nothing else', () => {
  expect(mapper.keyOf(['7', '""', undefined])).toBe('/s/a/%/7');
  expect(() => mapper.keyOf(['7', undefined, '1'])).toThrow(RangeError);
});

test('names of columns are escaped as JSON', () => {
  const odd = createRowMapper(relationOf({ id: 'o', columns: ['"', '\n', 'é'] }), '/o/');
  expect(JSON.parse(odd.valueOf(['1', '2', '3']))).toEqual({ '"': 1, '\n': 2, é: 3 });
});

test('omitted values come from the base, digit by digit', () => {
  const base = '{"id":7,"name":"a\\"},{","body":1.230000000000000000000001}';
  const full = mapper.complete(['7', undefined, undefined], base);
  expect(full).toEqual(['7', '"a\\"},{"', '1.230000000000000000000001']);
  expect(mapper.complete(['8', '"n"', undefined], '{"id":7}')).toBeNull();
  expect(mapper.complete(['8', '"n"', undefined], 'not json')).toBeNull();
});

test('whether a row is full', () => {
  expect(isFull(['1', 'null'])).toBe(true);
  expect(isFull(['1', undefined])).toBe(false);
});

test('members are split exactly, whatever the values are', () => {
  const spacing = fc.constantFrom('', ' ', '\n ');
  const fragments = fc
    .tuple(fc.json(), spacing)
    .map(([json, space]) => (/^[[{]/.test(json) ? json.replaceAll('":', `":${space}`) : json));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fragments), { maxLength: 6 }), (pairs) => {
      const members = new Map(pairs);
      const text = [...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join();
      expect([...splitMembers(`{${text}}`)]).toEqual([...members]);
    }),
  );
});

test.for(['', '[]', '{', '}', '1', '{"a"', 'null'])('%j has no members', (text) => {
  expect(splitMembers(text).size).toBe(0);
});
