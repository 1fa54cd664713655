/**
 * A SELECT as batches of rows. A reader that does not ask for more stops the socket, and so the server, whose
 * net_write_timeout is a year on these connections.
 */
import type { Fragment, FullRow } from '../../replication/change.ts';
import type { SourceConnection } from './connection.ts';

const batchRows = 500;
const batchBytes = 256 * 1024;
/** Full batches that may wait before the socket is stopped. */
const waitingBatches = 2;

type Encoder = (bytes: Buffer | null) => Fragment;

export interface RowBatch {
  readonly rows: readonly FullRow[];
  readonly last: boolean;
}

/**
 * @param encoders one for each column of the result
 * @throws what the server answers, unclassified; what an encoder throws.
 */
export async function* selectRows(
  connection: SourceConnection,
  sql: string,
  encoders: readonly Encoder[],
): AsyncGenerator<RowBatch> {
  const reader = new RowReader(connection, encoders);
  reader.start(sql);
  try {
    for (;;) {
      const batch = await reader.next();
      yield batch;
      if (batch.last) return;
    }
  } finally {
    reader.stop();
  }
}

class RowReader {
  readonly #connection: SourceConnection;
  readonly #encoders: readonly Encoder[];
  readonly #ready: RowBatch[] = [];
  #rows: Fragment[][] = [];
  #bytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(connection: SourceConnection, encoders: readonly Encoder[]) {
    this.#connection = connection;
    this.#encoders = encoders;
  }

  start(sql: string): void {
    const { client } = this.#connection;
    // A statement without a callback does not learn from mysql2 that its connection is lost; nor does a new one.
    client.on('error', this.#lost);
    const query = client.query({ sql, rowsAsArray: true, typeCast: false });
    query.on('result', (row) => this.#take(row as unknown as readonly (Buffer | null)[]));
    query.on('error', (error) => {
      // The server's answer ends the statement, not the connection.
      this.#ended = 'sqlState' in error;
      this.#fail(error);
    });
    query.on('end', () => {
      if (this.#failure !== null) return;
      this.#ended = true;
      this.#flush(true);
    });
  }

  stop(): void {
    const { client, destroy } = this.#connection;
    client.off('error', this.#lost);
    if (!this.#ended) destroy();
  }

  readonly #lost = (error: unknown): void => this.#fail(error);

  async next(): Promise<RowBatch> {
    for (;;) {
      const batch = this.#ready.shift();
      if (batch !== undefined) {
        if (this.#ready.length < waitingBatches) this.#connection.client.resume();
        return batch;
      }
      if (this.#failure !== null) throw this.#failure.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The bytes are views into a buffer of the client's: they are decoded before this returns. */
  #take(row: readonly (Buffer | null)[]): void {
    if (this.#failure !== null) return;
    try {
      const fragments = new Array<Fragment>(this.#encoders.length);
      for (let at = 0; at < fragments.length; at += 1) {
        const bytes = row[at] ?? null;
        this.#bytes += bytes === null ? 4 : bytes.length;
        fragments[at] = (this.#encoders[at] as Encoder)(bytes);
      }
      this.#rows.push(fragments);
    } catch (error) {
      this.#fail(error);
      this.#connection.destroy();
      return;
    }
    if (this.#rows.length >= batchRows || this.#bytes >= batchBytes) this.#flush(false);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#signal();
  }

  #flush(last: boolean): void {
    this.#ready.push({ rows: this.#rows, last });
    this.#rows = [];
    this.#bytes = 0;
    if (!last && this.#ready.length >= waitingBatches) this.#connection.client.pause();
    this.#signal();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
