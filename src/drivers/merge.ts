/** What any of them yields, as it comes; each is at most one item ahead. */
export async function* merge<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const step = async (source: AsyncGenerator<T>) => ({ source, result: await source.next() });
  const pending = new Map(sources.map((source) => [source, step(source)]));
  try {
    while (pending.size > 0) {
      const { source, result } = await Promise.race(pending.values());
      if (result.done === true) {
        pending.delete(source);
        continue;
      }
      pending.set(source, step(source));
      yield result.value;
    }
  } finally {
    // What still runs fails when its connection is destroyed; nobody waits for it any more.
    for (const promise of pending.values()) promise.catch(() => {});
  }
}
