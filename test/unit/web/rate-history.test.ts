import { expect, test } from 'vitest';
import { historySeconds, RateHistory } from '../../../src/web/rate-history.ts';
import type { Counters } from '../../../src/web/sync.ts';

const start = 1_000_000;

function counters(puts: number, changes: Partial<Counters> = {}): Counters {
  const none = { transactions: 0, inserts: 0, updates: 0, deletes: 0, truncates: 0 };
  return { ...none, puts, etcd_txns: 0, bytes: puts * 10, ...changes };
}

/** What is known, without the seconds before the page was opened. */
function known(history: RateHistory, now: number): (number | null)[] {
  const series = history.series(now);
  return series.slice(series.findIndex((value) => value !== null));
}

function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

test('what was counted before the page was opened is not shown', () => {
  const history = new RateHistory(start);
  history.observe(counters(5_000), start, 2);
  expect(history.series(start + 5)).toHaveLength(historySeconds);
  expect(known(history, start + 5)).toEqual([0, 0, 0]);
});

test('steady work is a flat line, and its rate the one of now', () => {
  const history = new RateHistory(start);
  for (let second = 0; second <= 20; second += 1) {
    const seen = counters(1_000 * second, { transactions: 10 * second });
    history.observe(seen, start + second + 0.3, 2);
  }
  const values = known(history, start + 20.5);
  // The first second began before the page did.
  expect(values.slice(1).map((value) => Math.round(value ?? 0))).toEqual(Array(16).fill(1_000));
  expect(history.rates(start + 20.5)).toEqual({ rows: 1_000, transactions: 10, bytes: 10_000 });
});

test('after a pause, what happened belongs to its last moments', () => {
  const history = new RateHistory(start);
  history.observe(counters(0), start, 2);
  history.observe(counters(600), start + 60, 2);
  const values = known(history, start + 70);
  expect(values.slice(0, 58).every((value) => value === 0)).toBe(true);
  expect(values.slice(58, 60)).toEqual([300, 300]);
  expect(sum(values)).toBe(600);
});

test('counters that begin anew are no negative rate', () => {
  const history = new RateHistory(start);
  history.observe(counters(900), start, 2);
  history.observe(counters(10), start + 1, 2);
  history.observe(counters(30), start + 2, 2);
  expect(sum(known(history, start + 10))).toBeCloseTo(20);
});

test('deletes are rows as well', () => {
  const history = new RateHistory(start);
  history.observe(counters(0), start, 2);
  history.observe(counters(5, { deletes: 7 }), start + 1, 2);
  expect(sum(known(history, start + 10))).toBeCloseTo(12);
});

test('while there is no connection, nothing is known', () => {
  const history = new RateHistory(start);
  history.observe(counters(0), start, 2);
  history.interrupt(start + 5);
  history.observe(counters(9_000), start + 10, 2);
  history.observe(counters(9_100), start + 11, 2);
  const values = known(history, start + 14);
  expect(values).toEqual([0, 0, 0, 0, 0, null, null, null, null, null, 100, 0]);
  history.interrupt(start + 14);
  expect(history.series(start + 20).at(-1)).toBeNull();
});

test('it forgets what has left the chart', () => {
  const history = new RateHistory(start);
  history.observe(counters(0), start, 2);
  history.observe(counters(100), start + 1, 2);
  expect(sum(history.series(start + 10))).toBeCloseTo(100);
  expect(history.series(start + 400)).toEqual(Array(historySeconds).fill(0));
});
