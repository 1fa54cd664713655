import { expect, test } from 'vitest';
import { bytesText, countText, percentText, secondsText } from '../../../src/cli/quantities.ts';

test.each([
  [null, '-'],
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_500_000, '1.4 MiB'],
  [5 * 1024 ** 5, '5.0 PiB'],
  [5 * 1024 ** 6, '5120.0 PiB'],
])('%d bytes: %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test.each([
  [null, '-'],
  [0, '0 s'],
  [0.25, '0.3 s'],
  [9.99, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min 0 s'],
  [3599.9, '1 h 0 min'],
  [86_399, '23 h 59 min'],
  [90_000, '1 d 1 h'],
])('%d seconds: %s', (seconds, text) => {
  expect(secondsText(seconds)).toBe(text);
});

test('counts and percentages: 100 % is only the end', () => {
  expect([countText(null), countText(1_234_567)]).toEqual(['-', '1,234,567']);
  expect([percentText(null), percentText(99.99), percentText(100)]).toEqual(['-', '99 %', '100 %']);
});
