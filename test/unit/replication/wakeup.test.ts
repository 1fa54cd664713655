import { expect, test } from 'vitest';
import { Mutex } from '../../../src/replication/mutex.ts';
import { Wakeup } from '../../../src/replication/wakeup.ts';

const never = new AbortController().signal;

test('waits until the condition holds at a wake', async () => {
  const wakeup = new Wakeup();
  let ready = false;
  let done = false;
  const waiting = wakeup
    .until(() => ready, never)
    .then(() => {
      done = true;
    });
  wakeup.wake();
  await Promise.resolve();
  expect(done).toBe(false);
  ready = true;
  wakeup.wake();
  await waiting;
});

test('an abort ends the waiting, also between a wake and the look that follows it', async () => {
  const wakeup = new Wakeup();
  const stop = new AbortController();
  const waiting = wakeup.until(() => false, stop.signal);
  wakeup.wake();
  stop.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
  await expect(wakeup.sleep(1_000_000, stop.signal)).rejects.toThrow('stopped');
});

test('a sleep ends early when the condition holds, or in time', async () => {
  const wakeup = new Wakeup();
  let early = false;
  const sleeping = wakeup.sleep(1_000_000, never, () => early);
  early = true;
  wakeup.wake();
  await sleeping;
  await wakeup.sleep(1, never);
});

test('steps run one at a time, and a failed one does not stop the next', async () => {
  const mutex = new Mutex();
  const order: string[] = [];
  const step = (name: string, fails = false) =>
    mutex.run(async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const first = step('a', true);
  const second = step('b');
  await expect(first).rejects.toThrow('a');
  await second;
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});
