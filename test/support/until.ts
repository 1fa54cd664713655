import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** What is waited for, for the message: `the row is in etcd`. */
  readonly what: string;
  /** 20 s without it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** The work that is to bring the condition about. If it ends first, in whichever way, the waiting ends too. */
  readonly failure?: Promise<unknown>;
}

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>;

const pauseMs = 20;

async function ask<T>(condition: () => T | Promise<T>, ended: AbortSignal) {
  while (!ended.aborted) {
    const answer = await condition();
    if (answer) return answer;
    await delay(pauseMs);
  }
  throw ended.reason;
}

/**
 * Asks again and again until the answer is truthy, and resolves with it.
 *
 * @throws what `condition` throws, what `failure` rejects with, or an Error that names `what` when it took too long
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions,
): Promise<Truthy<T>> {
  const { what, timeoutMs = 20_000, signal, failure } = options;
  const ended = new AbortController();
  const contenders: Promise<unknown>[] = [ask(condition, ended.signal)];
  if (failure !== undefined) {
    const tooSoon = failure.then(() => {
      throw new Error(`it ended before: ${what}`);
    });
    contenders.push(tooSoon);
  }
  let timer: NodeJS.Timeout | undefined;
  let onAbort = () => {};
  const stopped = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${timeoutMs} ms: ${what}`)), timeoutMs);
    onAbort = () => reject(signal?.reason);
  });
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort);
  try {
    const answer = await Promise.race([...contenders, stopped]);
    return answer as Truthy<T>;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    ended.abort();
  }
}
