/** The connection for everything but rows. One statement sequence at a time has it. */
import type { SourceConnection } from './connection.ts';

export class Control {
  readonly connection: SourceConnection;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connection: SourceConnection) {
    this.connection = connection;
  }

  /** Runs `work` after all that was asked for before. */
  async exclusive<T>(work: (connection: SourceConnection) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => work(this.connection));
    this.#last = turn.catch(() => {});
    return turn;
  }
}
