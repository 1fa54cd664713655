import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../../src/config/duration.ts';

test.each([
  ['250ms', 250],
  ['1s', 1000],
  ['10m', 600_000],
  ['24h', 86_400_000],
  ['0s', 0],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', '5', 's', '1.5s', '-1s', '1 s', '1S', '1d', '1h30m', '1e3ms', ' 1s', '1s\n'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeNull();
  },
);

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.nat(), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
  expect(formatDuration(60_000)).toBe('1m');
  expect(formatDuration(1500)).toBe('1500ms');
});
