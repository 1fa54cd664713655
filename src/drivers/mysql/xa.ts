/**
 * Prepared XA transactions. Their rows are in the log before XA COMMIT, where they mean nothing yet: a position
 * between the two would lose them (DESIGN §5): a dump waits until nothing is prepared.
 *
 * Not so a dump of tables beside the stream. The stream began at a place where nothing was prepared, so it has staged,
 * or will stage, the rows of whatever is prepared now; no snapshot sees them. An XA COMMIT behind the place of the
 * snapshot is a transaction of its own to the stream, and changes the table after the dump; one before it is in the
 * snapshot, and is dropped by the mark as any other is. To wait would be for ever: where all transactions are XA, some
 * is always prepared.
 */
import { WatcherError } from '../../errors.ts';
import type { SourceConnection } from './connection.ts';
import { isDenied } from './errors.ts';
import type { ServerFacts } from './server-facts.ts';

/** Older servers log the rows at XA COMMIT. */
export function logsPrepared({ flavour, version }: ServerFacts): boolean {
  return flavour === 'mariadb' ? version >= 100500 : version >= 50700;
}

/** What was prepared and waits, in the form of XA statements. @returns null when the account may not see it */
export async function preparedTransactions(
  connection: SourceConnection,
  facts: ServerFacts,
): Promise<readonly string[] | null> {
  if (!logsPrepared(facts)) return [];
  try {
    const rows = await connection.query('XA RECOVER');
    return rows.map((row) => xidOf(row.data ?? '', Number(row.gtrid_length), row.formatID ?? '1'));
  } catch (error) {
    if (isDenied(error)) return null;
    throw error;
  }
}

function xidOf(data: string, gtridLength: number, format: string): string {
  const bytes = Buffer.from(data);
  const hex = (part: Buffer) => `X'${part.toString('hex')}'`;
  return `${hex(bytes.subarray(0, gtridLength))},${hex(bytes.subarray(gtridLength))},${format}`;
}

/** @throws WatcherError `source_busy`, which names them. */
export async function refusePrepared(
  connection: SourceConnection,
  facts: ServerFacts,
): Promise<void> {
  const xids = (await preparedTransactions(connection, facts)) ?? [];
  if (xids.length > 0) throw prepared(xids);
}

export function prepared(xids: readonly string[]): WatcherError {
  const [first = ''] = xids;
  return new WatcherError('source_busy', {
    message: `A dump cannot begin while XA transactions are prepared: ${xids.join('; ')}`,
    remedy: `XA COMMIT ${first}; or XA ROLLBACK ${first};`,
  });
}

const pauseMs = 500;

/** Waits until there are none. @throws WatcherError `source_busy` when it takes longer than `timeoutMs`. */
export async function awaitPrepared(
  connection: SourceConnection,
  facts: ServerFacts,
  timeoutMs: number,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const xids = (await preparedTransactions(connection, facts)) ?? [];
    if (xids.length === 0) return;
    if (performance.now() >= deadline) throw prepared(xids);
    await pause(pauseMs);
  }
}
