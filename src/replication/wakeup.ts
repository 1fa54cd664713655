/** Waiting for something to change, without polling: whoever changes it calls `wake`. */
export class Wakeup {
  #waiters: (() => void)[] = [];

  wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** @throws the reason of the signal. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (!condition()) await this.#next(signal, null);
  }

  /** Sleeps, but not longer than until the condition holds. @throws the reason of the signal. */
  async sleep(
    delayMs: number,
    signal: AbortSignal,
    early: () => boolean = () => false,
  ): Promise<void> {
    const end = performance.now() + delayMs;
    signal.throwIfAborted();
    for (let left = delayMs; left > 0 && !early(); left = end - performance.now()) {
      await this.#next(signal, left);
    }
  }

  #next(signal: AbortSignal, timeoutMs: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = timeoutMs === null ? null : setTimeout(() => done(resolve), timeoutMs);
      const abort = (): void => done(() => reject(signal.reason));
      const done = (settle: () => void): void => {
        if (timer !== null) clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        settle();
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.push(() => done(resolve));
    });
  }
}
