/**
 * COPY … TO STDOUT as batches of rows. A reader that does not ask for more stops the socket, and so the server.
 * Source: PostgreSQL documentation, "COPY Operations" in the message flow.
 */
import type { SourceConnection, Submittable } from './connection.ts';
import { decodeCopyRow } from './copy-text.ts';

const batchRows = 500;
const batchBytes = 256 * 1024;
/** Full batches that may wait before the socket is stopped. */
const waitingBatches = 2;

export interface RowBatch {
  readonly rows: readonly (readonly (string | null)[])[];
  readonly last: boolean;
}

/**
 * @param columns values in a row.
 * @throws WatcherError, classified; the signal's reason when the connection's signal is aborted.
 */
export async function* copyRows(
  connection: SourceConnection,
  sql: string,
  columns: number,
): AsyncGenerator<RowBatch> {
  const reader = new CopyReader(connection, sql, columns);
  connection.submit(reader);
  try {
    for (;;) {
      const batch = await reader.next();
      yield batch;
      if (batch.last) return;
    }
  } finally {
    if (!reader.ended) connection.destroy();
  }
}

class CopyReader implements Submittable {
  readonly #connection: SourceConnection;
  readonly #sql: string;
  readonly #columns: number;
  readonly #ready: RowBatch[] = [];
  #rows: (string | null)[][] = [];
  #bytes = 0;
  #ended = false;
  #failure: unknown = null;
  #wake: (() => void) | null = null;

  constructor(connection: SourceConnection, sql: string, columns: number) {
    this.#connection = connection;
    this.#sql = sql;
    this.#columns = columns;
  }

  get ended(): boolean {
    return this.#ended;
  }

  async next(): Promise<RowBatch> {
    for (;;) {
      if (this.#failure !== null) throw this.#connection.toError(this.#failure);
      const batch = this.#ready.shift();
      if (batch !== undefined) {
        if (this.#ready.length < waitingBatches) this.#connection.socket.resume();
        return batch;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  submit(connection: { query(sql: string): void }): void {
    connection.query(this.#sql);
  }

  handleCopyData(message: { readonly chunk: Buffer }): void {
    if (this.#failure !== null) return;
    try {
      // The chunk is a view into the client's parse buffer: it is decoded before this returns.
      this.#rows.push(decodeCopyRow(message.chunk, this.#columns));
    } catch (error) {
      this.handleError(error);
      this.#connection.destroy();
      return;
    }
    this.#bytes += message.chunk.length;
    if (this.#rows.length >= batchRows || this.#bytes >= batchBytes) this.#flush(false);
  }

  handleReadyForQuery(): void {
    this.#ended = true;
    this.#flush(true);
  }

  handleError(error: unknown): void {
    this.#failure ??= error;
    this.#signal();
  }

  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}

  #flush(last: boolean): void {
    this.#ready.push({ rows: this.#rows, last });
    this.#rows = [];
    this.#bytes = 0;
    if (!last && this.#ready.length >= waitingBatches) this.#connection.socket.pause();
    this.#signal();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
