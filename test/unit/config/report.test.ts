import { expect, test } from 'vitest';
import { childPath, formatViolation, Report } from '../../../src/config/report.ts';

test('a violation is a line as compilers write it', () => {
  expect(formatViolation('w.yml', { path: 'a.b[0]', line: 3, message: 'is wrong' })).toBe(
    'w.yml:3: a.b[0]: is wrong',
  );
  expect(formatViolation('w.yml', { path: '', line: null, message: 'is wrong' })).toBe(
    'w.yml: is wrong',
  );
});

test('what is not in the file is at the line of the block around it', () => {
  const report = new Report();
  report.locate('', 1);
  report.locate('a', 2);
  report.locate('a.list', 3);
  report.locate('a["x.y"]', 4);
  expect(
    ['a.list[7].b', 'a.c.d', 'a["x.y"][0]', 'a["z[.]"].q', 'e'].map((path) => report.lineOf(path)),
  ).toEqual([3, 2, 4, 2, 1]);
  expect(new Report().lineOf('a.b')).toBeNull();
});

test('has() sees what is at a path and below it, not beside it', () => {
  const report = new Report();
  report.add('a.b[0]', 'is wrong');
  expect([report.has('a'), report.has('a.b'), report.has('a.b[0]')]).toEqual([true, true, true]);
  expect([
    report.has('a.b[0].c'),
    report.has('a.b[1]'),
    report.has('a.'),
    report.has('b', 'c'),
  ]).toEqual([false, false, false, false]);
});

test('a path stays readable whatever its keys are', () => {
  expect(childPath('', 'a')).toBe('a');
  expect(childPath('a', 'b-c_1')).toBe('a.b-c_1');
  expect(childPath('a', 'b.c\n')).toBe('a["b.c\\n"]');
  expect(childPath('a', 'x y'.repeat(100)).length).toBeLessThan(80);
});
