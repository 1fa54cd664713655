/** What any of them yields, as it comes; each is at most one item ahead. */
export async function* merge<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const pending = new Map(sources.map((source) => [source, step(source)]));
  while (pending.size > 0) {
    const { source, result } = await Promise.race(pending.values());
    if (result.done === true) {
      pending.delete(source);
      continue;
    }
    pending.set(source, step(source));
    yield result.value;
  }
}

interface Step<T> {
  readonly source: AsyncGenerator<T>;
  readonly result: IteratorResult<T>;
}

/**
 * A connection may be lost while the reader is busy with the item before, which hears of it when it asks again; or after
 * it has left, and never asks. Until then the error has nobody, which would end the process.
 */
function step<T>(source: AsyncGenerator<T>): Promise<Step<T>> {
  const next = source.next().then((result) => ({ source, result }));
  next.catch(() => {});
  return next;
}
