import { expect, test } from 'vitest';
import { nextDelayMs } from '../../../src/replication/backoff.ts';

const policy = { initialMs: 1_000, maxMs: 60_000 };

test('delays double up to the limit', () => {
  const delays = [1, 2, 3, 7, 50, 10_000].map((attempt) => nextDelayMs(policy, attempt, 0.999_999));
  expect(delays).toEqual([1_000, 2_000, 4_000, 60_000, 60_000, 60_000]);
});

test('jitter takes off up to a half', () => {
  expect(nextDelayMs(policy, 1, 0)).toBe(500);
  expect(nextDelayMs(policy, 3, 0.5)).toBe(3_000);
});
