/** Waiting for something to change, without polling: whoever changes it calls `wake`. */
export class Wakeup {
  readonly #waiters = new Set<() => void>();

  wake(): void {
    for (const resume of [...this.#waiters]) resume();
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

  async #next(signal: AbortSignal, timeoutMs: number | null): Promise<void> {
    // Also between a wake and the look that follows it.
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const done = (settle: () => void): void => {
        this.#waiters.delete(resume);
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        settle();
      };
      const resume = (): void => done(resolve);
      const abort = (): void => done(() => reject(signal.reason));
      const timer = timeoutMs === null ? undefined : setTimeout(resume, timeoutMs);
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.add(resume);
    });
  }
}
