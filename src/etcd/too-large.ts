/** What to say about a row that no request of etcd can carry. */
import { WatcherError } from '../errors.ts';
import type { Batch, KeyOp, TableRecords } from '../replication/sink.ts';

/** Names the largest row of a refused batch: its table, key and size, never its value. */
export function rowTooLarge(batch: Batch, tables: TableRecords, cause: unknown): WatcherError {
  let largest: KeyOp | null = null;
  let largestBytes = 0;
  for (const op of batch.ops.values()) {
    const valueBytes = op.kind === 'put' ? Buffer.byteLength(op.value) : 0;
    const bytes = Buffer.byteLength(op.key) + valueBytes;
    if (bytes < largestBytes) continue;
    largest = op;
    largestBytes = bytes;
  }
  if (largest === null) {
    return new WatcherError('request_too_large', {
      message: 'etcd refuses even a request that holds no rows, only the checkpoint and the tables',
      remedy: 'Raise --max-request-bytes of etcd, or replicate fewer tables in one sync.',
      cause,
    });
  }
  const { key, prefix } = largest;
  const record = Object.values(tables).find(({ prefixes }) => prefixes.includes(prefix));
  const table = record?.table;
  const row = table === undefined ? 'A row' : `A row of ${table}`;
  return new WatcherError('row_too_large', {
    message: `${row} is larger than etcd takes: key ${key}, ${largestBytes} bytes`,
    ...(table === undefined ? {} : { table }),
    cause,
  });
}
