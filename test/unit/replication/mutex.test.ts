import { expect, test } from 'vitest';
import { Mutex } from '../../../src/replication/mutex.ts';

function gate() {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

test('a step whose turn is now, and that waits for nothing, is done within the call', () => {
  const mutex = new Mutex();
  const seen: string[] = [];
  expect(mutex.start((what) => void seen.push(what), 'done')).toBeUndefined();
  expect(seen).toEqual(['done']);
});

test('what a step waits for, it waits for within its turn', async () => {
  const mutex = new Mutex();
  const { passed, open } = gate();
  const seen: string[] = [];
  const first = mutex.start((what) => passed.then(() => void seen.push(what)), 'first');
  const second = mutex.start((what) => void seen.push(what), 'second');
  const third = mutex.run(async () => void seen.push('third'));
  expect(seen).toEqual([]);
  open();
  await Promise.all([first, second, third]);
  expect(seen).toEqual(['first', 'second', 'third']);
  expect(mutex.start((what) => void seen.push(what), 'now')).toBeUndefined();
  expect(seen.at(-1)).toBe('now');
});

test('a step that fails does not stop the next, whether it throws or rejects', async () => {
  const mutex = new Mutex();
  const fail = (): never => {
    throw new Error('failed');
  };
  expect(() => mutex.start(fail, null)).toThrow('failed');
  await expect(mutex.run(async () => fail())).rejects.toThrow('failed');
  await expect(mutex.start(() => Promise.reject(new Error('later')), null)).rejects.toThrow(
    'later',
  );
  expect(await mutex.run(async () => 'well')).toBe('well');
});
