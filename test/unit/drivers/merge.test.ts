import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { merge } from '../../../src/drivers/merge.ts';

/** Errors that nobody heard of, from now to the end of the test. */
function unheard(): unknown[] {
  const errors: unknown[] = [];
  const note = (error: unknown): number => errors.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  return errors;
}

async function* items(...values: readonly string[]) {
  yield* values;
}

async function* broken() {
  yield 'first';
  throw new Error('lost');
}

test('what all of them yield', async () => {
  const found: string[] = [];
  for await (const item of merge([items('a', 'b'), items(), items('c')])) found.push(item);
  expect(found.toSorted()).toEqual(['a', 'b', 'c']);
});

test('an error that comes while the reader is busy waits until it asks', async () => {
  const errors = unheard();
  const merged = merge([merge([broken()])]);
  expect(await merged.next()).toEqual({ done: false, value: 'first' });
  await setImmediate();
  await setImmediate();
  expect(errors).toEqual([]);
  await expect(merged.next()).rejects.toThrow('lost');
});

test('an error that comes after the reader has left is nobody’s', async () => {
  const errors = unheard();
  let fail = (_: Error): void => {};
  const failing = async function* () {
    yield 'first';
    yield 'second';
    await new Promise((_, reject) => {
      fail = reject;
    });
  };
  const merged = merge([merge([failing()])]);
  await merged.next();
  await setImmediate();
  await merged.return(undefined);
  fail(new Error('lost'));
  await setImmediate();
  await setImmediate();
  expect(errors).toEqual([]);
});
