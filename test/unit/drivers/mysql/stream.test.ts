/** Events of the log come in batches, and so do messages. */
import { expect, test } from 'vitest';
import { assembled } from '../../../../src/drivers/mysql/stream.ts';
import type { StreamMessage } from '../../../../src/replication/change.ts';
import { assembler, ids, LogScript } from './log-script.ts';

const { signal } = new AbortController();

async function read(script: LogScript): Promise<{ batches: StreamMessage[][]; error: unknown }> {
  const batches: StreamMessage[][] = [];
  try {
    for await (const batch of assembled(script.events, assembler(), signal)) {
      batches.push([...batch]);
    }
  } catch (error) {
    return { batches, error };
  }
  return { batches, error: null };
}

const rowsOf = (batch: readonly StreamMessage[]) =>
  batch.flatMap((message) => (message.type === 'transaction' ? ids(message) : [message.type]));

test('what is ready together is one batch', async () => {
  const script = new LogScript();
  for (const gno of [1, 2, 3]) script.gtid(gno).begin().rows('t', gno).xid();
  const { batches, error } = await read(script.heartbeat());
  expect(error).toBeNull();
  expect(batches.map(rowsOf)).toEqual([['t1', 't2', 't3', 'heartbeat']]);
});

test('what comes before an event that cannot be read is handed out, and then the error', async () => {
  const script = new LogScript().gtid(1).begin().rows('t', 1).xid().gtid(2).begin();
  const { batches, error } = await read(script.rows('t', 2).query('INSERT INTO t VALUES (3)'));
  expect(error).toMatchObject({ code: 'unsupported_event' });
  expect(batches.map(rowsOf)).toEqual([['t1']]);
});

test('a statement that must be waited for comes after what was ready, and before what follows', async () => {
  const script = new LogScript().gtid(1).begin().rows('t', 1).xid();
  script.gtid(2).query('TRUNCATE TABLE t').gtid(3).begin().rows('t', 3).xid();
  const { batches } = await read(script);
  expect(batches[0]?.map((message) => rowsOf([message]))).toEqual([['t1']]);
  expect(batches.length).toBeGreaterThan(2);
  expect(batches.at(-1)?.map((message) => rowsOf([message]))).toEqual([['t3']]);
});
