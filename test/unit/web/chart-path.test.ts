import { expect, test } from 'vitest';
import { chartPath, niceTop } from '../../../src/web/chart-path.ts';

test('a line from the bottom to the top, and the area below', () => {
  expect(chartPath([0, 50, 100], 100)).toEqual({
    line: 'M0 99.0L1 52.5L2 6.0',
    area: 'M0 99L0 99.0L1 52.5L2 6.0L2 99Z',
  });
});

test('what is not known interrupts it', () => {
  const { line } = chartPath([null, 0, 0, null, null, 10], 10);
  expect(line).toBe('M1 99.0L2 99.0M5 6.0');
  expect(chartPath([null, null], 10)).toEqual({ line: '', area: '' });
});

test.each([
  [0, 10],
  [10, 10],
  [11, 20],
  [49, 50],
  [51, 100],
  [41_900, 50_000],
  [1_000_000, 1_000_000],
])('for %i the top is %i', (value, top) => {
  expect(niceTop(value)).toBe(top);
});
