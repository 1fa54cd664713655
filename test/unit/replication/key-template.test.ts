import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compileTemplate,
  escapeKeyPart,
  prefixEnd,
  syncPrefix,
} from '../../../src/replication/key-template.ts';

const scope = { sync: 'inventory', database: 'shop' };
const texts = fc.string({ unit: 'binary', maxLength: 6 });

test.for([
  ['plain', 'plain'],
  ['Größe 日本 🎉 "q" \\', 'Größe 日本 🎉 "q" \\'],
  ['', '%'],
  ['/', '%2F'],
  ['%', '%25'],
  ['%2F', '%252F'],
  ['a/b', 'a%2Fb'],
  ['\u0000\n\u001f\u007f', '%00%0A%1F%7F'],
  ['\u0080\u009f', '%C2%80%C2%9F'],
  ['\u00a0', '\u00a0'],
] as const)('the part %j is written %j', ([part, expected]) => {
  expect(escapeKeyPart(part)).toBe(expected);
});

test('two keys are the same only if all their parts are', () => {
  const key = (parts: readonly string[]): string => parts.map(escapeKeyPart).join('/');
  const lists = fc.array(texts, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(lists, lists, (a, b) => {
      expect(key(a) === key(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
  );
  // Near misses, which chance does not find.
  const tricky = ['', '%', '%25', '/', '%2F', 'a', 'a/', '/a', 'a%'];
  const pairs = tricky.flatMap((a) => tricky.map((b) => key([a, b])));
  const all = [...pairs, ...tricky.map((a) => key([a])), ...tricky.map((a) => key([a, '', '']))];
  expect(new Set(all).size).toBe(all.length);
});

test('parts hold no slash and no control character', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(escapeKeyPart(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f/]/);
    }),
  );
});

test('a template becomes the prefix of a table', () => {
  const prefixOf = compileTemplate('/{sync}/{schema}/{table}/{key}', scope);
  expect(prefixOf('public', 'orders')).toBe('/inventory/public/orders/');
  expect(prefixOf('a/b', '')).toBe('/inventory/a%2Fb/%/');
  expect(compileTemplate('json/{table}/{key}', scope)('public', 'x')).toBe('json/x/');
  expect(compileTemplate('{database}/t/{key}', scope)('public', 'x')).toBe('shop/t/');
});

test('the keys of one table never begin with the prefix of another', () => {
  const prefixOf = compileTemplate('/{sync}/{schema}/{table}/{key}', scope);
  fc.assert(
    fc.property(texts, texts, texts, texts, (schema, table, otherSchema, otherTable) => {
      fc.pre(schema !== otherSchema || table !== otherTable);
      expect(prefixOf(schema, table).startsWith(prefixOf(otherSchema, otherTable))).toBe(false);
    }),
  );
});

test.for([
  ['/{sync}/{schema}/{table}/{key}', '/inventory/'],
  ['json/{table}/{key}', 'json/'],
  ['{table}/{key}', ''],
  ['/{key}', '/'],
  ['/{database}/{sync}/t/{key}', '/shop/inventory/t/'],
] as const)('what all keys of %s begin with', ([template, expected]) => {
  expect(syncPrefix(template, scope)).toBe(expected);
});

test('the end of a prefix is behind all of its keys, by bytes', () => {
  const end = Buffer.from(prefixEnd('/a/'));
  fc.assert(
    fc.property(texts, (text) => {
      expect(Buffer.compare(Buffer.from(`/a/${text}`), end)).toBeLessThan(0);
    }),
  );
  expect(prefixEnd('/a/')).toBe('/a0');
});
