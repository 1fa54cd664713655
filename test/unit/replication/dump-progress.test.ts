import { expect, test } from 'vitest';
import { DumpProgress } from '../../../src/replication/dump-progress.ts';

function progressAt() {
  const clock = { seconds: 0 };
  return { clock, progress: new DumpProgress(() => new Date(clock.seconds * 1000)) };
}

test('nothing was dumped', () => {
  const { progress } = progressAt();
  expect(progress.status()).toEqual({
    state: 'none',
    startedAt: null,
    finishedAt: null,
    percent: null,
    etaSeconds: null,
    tables: [],
  });
});

test('percent and remaining time come from rows and estimates', () => {
  const { clock, progress } = progressAt();
  progress.begin([
    { table: 'public.b', rowsEstimated: 80 },
    { table: 'public.a', rowsEstimated: 20 },
  ]);
  progress.know('public.x', 'excluded', 0, null);
  clock.seconds = 10;
  progress.read('public.a', 20, true);
  const status = progress.status();
  expect(status).toMatchObject({ state: 'running', percent: 20, etaSeconds: 40 });
  expect(status.tables.map(({ table, state }) => [table, state])).toEqual([
    ['public.a', 'done'],
    ['public.b', 'pending'],
    ['public.x', 'excluded'],
  ]);
  progress.read('public.b', 80, false);
  // The estimate may be low: not complete before the table is.
  expect(progress.status().percent).toBeLessThan(100);
  progress.read('public.b', 0, true);
  progress.end('done');
  expect(progress.status()).toMatchObject({ state: 'done', percent: 100, etaSeconds: null });
  expect(progress.finishedAt).toEqual(new Date(10_000));
});

test('without an estimate the percentage is unknown', () => {
  const { progress } = progressAt();
  progress.begin([{ table: 'public.a', rowsEstimated: null }]);
  progress.read('public.a', 5, false);
  expect(progress.status()).toMatchObject({ percent: null, etaSeconds: null });
});

test('a stop interrupts what runs, and only that', () => {
  const { progress } = progressAt();
  progress.end('interrupted');
  expect(progress.status().state).toBe('none');
  progress.begin([{ table: 'public.a', rowsEstimated: 1 }]);
  progress.end('interrupted');
  expect(progress.status().state).toBe('interrupted');
  progress.end('done');
  expect(progress.status().state).toBe('interrupted');
});

test('a failure shows at the table that ran', () => {
  const { progress } = progressAt();
  progress.begin([
    { table: 'public.a', rowsEstimated: 1 },
    { table: 'public.b', rowsEstimated: 1 },
  ]);
  progress.read('public.a', 1, false);
  progress.end('failed');
  expect(progress.status().tables.map(({ state }) => state)).toEqual(['failed', 'pending']);
});

test('after a restart the checkpoint tells', () => {
  const { progress } = progressAt();
  progress.restore(new Date(1), null);
  expect(progress.status().state).toBe('interrupted');
  progress.restore(new Date(1), new Date(2));
  expect(progress.status().state).toBe('done');
});
