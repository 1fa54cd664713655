/** Runs one asynchronous step at a time, in the order of the calls. A failed step does not stop the next. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();
  /** Steps that run or wait. */
  #taken = 0;

  run<T>(step: () => Promise<T>): Promise<T> {
    this.#taken += 1;
    const result = this.#tail.then(step);
    this.#tail = result.then(this.#leave, this.#leave);
    return result;
  }

  /**
   * For a step that mostly has nothing to wait for: when its turn is now, it runs within the call.
   * @param input of the step: to bind it each time would be garbage
   * @returns undefined when it is done already.
   */
  start<T>(step: (input: T) => Promise<void> | undefined, input: T): Promise<void> | undefined {
    if (this.#taken > 0) return this.run(async () => step(input));
    const rest = step(input);
    return rest === undefined ? undefined : this.run(() => rest);
  }

  #leave = (): void => {
    this.#taken -= 1;
  };
}
