import { expect, test } from 'vitest';
import {
  bytes,
  count,
  duration,
  localTime,
  percent,
  plural,
  shortCount,
  utcTime,
} from '../../../src/web/format.ts';

test.each([
  [null, '–'],
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '0.977 KiB'],
  [1_024, '1 KiB'],
  [1_500, '1.46 KiB'],
  [1_023_487, '999 KiB'],
  [1_048_575, '1 MiB'],
  [7_912_000_000, '7.37 GiB'],
  [2 ** 60, '1,020 PiB'],
])('%s bytes: %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

test.each([
  [null, '–'],
  [0, '0 s'],
  [0.0001, '1 ms'],
  [0.25, '250 ms'],
  [0.9994, '999 ms'],
  [0.9996, '1 s'],
  [3.24, '3.2 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min'],
  [128, '2 min 8 s'],
  [3_599.6, '1 h'],
  [11_520, '3 h 12 min'],
  [86_400, '1 d'],
  [187_200, '2 d 4 h'],
])('%s seconds: %s', (value, text) => {
  expect(duration(value)).toBe(text);
});

test('counts are grouped, and shortened where there is no room', () => {
  expect(count(1_234_567)).toBe('1,234,567');
  expect(count(null)).toBe('–');
  expect(shortCount(99_999)).toBe('99,999');
  expect(shortCount(1_234_567)).toBe('1.23M');
  expect([plural(1, 'row'), plural(2, 'row'), plural(0, 'row')]).toEqual([
    '1 row',
    '2 rows',
    '0 rows',
  ]);
});

test('a part is never all before the end, whatever was estimated', () => {
  expect(percent(1, 3)).toBe(33);
  expect(percent(500, 400)).toBe(99);
  expect(percent(0, 400)).toBe(0);
  expect([percent(1, null), percent(1, 0)]).toEqual([null, null]);
});

test('times are local, with the day when it is another one; UTC says everything', () => {
  const time = new Date(2026, 10, 22, 9, 3, 7, 45);
  expect(localTime(time, new Date(2026, 10, 22, 23, 59))).toBe('09:03:07');
  expect(localTime(time, new Date(2026, 10, 23, 0, 1))).toBe('22 Nov 2026, 09:03:07');
  expect(utcTime(new Date('2026-11-22T14:03:11.345Z'))).toBe('2026-11-22 14:03:11.345 UTC');
});
