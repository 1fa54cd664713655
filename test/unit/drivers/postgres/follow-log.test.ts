/** Items of the log come together, and so do messages. */
import { expect, test } from 'vitest';
import { type FollowOptions, followLog } from '../../../../src/drivers/postgres/follow-log.ts';
import type { StreamMessage } from '../../../../src/replication/change.ts';

const ended = new Error('the stream has ended');

/** Commits by number; `large` begins a transaction of several parts, `damaged` cannot be read. */
type Item = number | 'large' | 'damaged';

async function read(items: readonly Item[]): Promise<{ batches: unknown[][]; error: unknown }> {
  let taken = false;
  const options = {
    wal: {
      async take() {
        if (taken) throw ended;
        taken = true;
        return items;
      },
      ask() {},
    },
    assembler: {
      inTransaction: true,
      handle(item: Item) {
        if (item === 'damaged') throw new Error(item);
        return { type: 'transaction', xid: `${item}`, last: item !== 'large' };
      },
    },
    watch: { waits: false },
    signal: new AbortController().signal,
  } as unknown as FollowOptions;
  const batches: unknown[][] = [];
  const nameOf = (message: StreamMessage) => (message as { xid?: string }).xid;
  try {
    for await (const batch of followLog(options)) batches.push(batch.map(nameOf));
  } catch (error) {
    return { batches, error };
  }
  return { batches, error: null };
}

test('what is ready together is one batch, but for parts of large transactions, and not without end', async () => {
  expect(await read([1, 2, 'large', 3])).toEqual({
    batches: [['1', '2', 'large'], ['3']],
    error: ended,
  });
  const { batches } = await read(Array.from({ length: 1_000 }, (_, at) => at));
  expect(batches.flat()).toHaveLength(1_000);
  expect(Math.max(...batches.map(({ length }) => length))).toBeLessThan(100);
});

test('what comes before an item that cannot be read is handed out, and then the error', async () => {
  const { batches, error } = await read([1, 2, 'damaged', 3]);
  expect(batches).toEqual([['1', '2']]);
  expect(error).toMatchObject({ message: 'damaged' });
});
