import { setTimeout as delay } from 'node:timers/promises';

/** Asks every 20 ms until the answer is yes; throws with `what` after a minute. An error of `condition` ends it at once. */
export async function poll(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`gave up after 60 s: ${what}`);
    await delay(20);
  }
}
