import { expect, test } from 'vitest';
import { createServerLimits } from '../../../src/etcd/limits.ts';

test('at the defaults of etcd a batch holds about 4,000 keys and 1.4 MiB', () => {
  const limits = createServerLimits();
  expect(limits.maxOps).toBe(4_096);
  expect(limits.maxBytes(10_000)).toBe(1_468_006);
});

test('what travels with each batch is taken off its size', () => {
  const limits = createServerLimits();
  expect(limits.maxBytes(500_000)).toBe(limits.maxBytes(400_000) - 100_000);
  expect(limits.maxBytes(5_000_000)).toBeGreaterThan(0);
});

test('a refused size is halved and remembered, down to 64 KiB', () => {
  const limits = createServerLimits();
  expect(limits.refused(1_000_000)).toBe(true);
  expect(limits.maxBytes(0)).toBe(500_000);
  expect(limits.refused(3_000_000)).toBe(true);
  expect(limits.maxBytes(0)).toBe(500_000);
  expect(limits.refused(100_000)).toBe(true);
  expect(limits.maxBytes(0)).toBe(65_536);
  expect(limits.refused(60_000)).toBe(false);
  expect(limits.maxBytes(0)).toBe(65_536);
});

test('a small limit of operations makes smaller batches', () => {
  const limits = createServerLimits();
  limits.refusedOperations();
  limits.refusedOperations();
  limits.refusedOperations();
  expect(limits.maxTxnOps).toBe(16);
  expect(limits.maxOps).toBeGreaterThanOrEqual(32);
  expect(limits.maxOps).toBeLessThan(64);
});
