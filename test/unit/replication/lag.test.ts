import { expect, test } from 'vitest';
import { LagTracker } from '../../../src/replication/lag.ts';
import { lsnOf, positionOf } from '../../support/scripted-source.ts';

const tracker = (): LagTracker => new LagTracker((a, b) => Number(lsnOf(a) - lsnOf(b)));
const at = (seconds: number): Date => new Date(seconds * 1000);

test('nothing pending and nothing ahead: 0, however long ago', () => {
  expect(tracker().seconds(null, at(1_000_000))).toBe(0);
});

test('the age of the oldest commit that was read and is not durable', () => {
  expect(tracker().seconds(at(10), at(12.5))).toBe(2.5);
});

test('what was not read yet is as old as the first sample beyond the position', () => {
  const lag = tracker();
  lag.sampled(positionOf(10n), at(1));
  lag.sampled(positionOf(20n), at(2));
  lag.sampled(positionOf(20n), at(3));
  expect(lag.seconds(null, at(4))).toBe(3);
  lag.passed(positionOf(10n));
  expect(lag.seconds(null, at(4))).toBe(2);
  expect(lag.seconds(at(0), at(4))).toBe(4);
  lag.passed(positionOf(20n));
  expect(lag.seconds(null, at(99))).toBe(0);
  expect(lag.behindSince).toBeNull();
});

test('a source whose clock is ahead makes no negative lag', () => {
  expect(tracker().seconds(at(20), at(10))).toBe(0);
});

test('samples are bounded, and the oldest is kept', () => {
  const lag = tracker();
  for (let second = 1; second <= 10_000; second += 1)
    lag.sampled(positionOf(BigInt(second)), at(second));
  expect(lag.seconds(null, at(10_000))).toBe(9_999);
});
