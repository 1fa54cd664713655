/** The connection for everything but rows. One statement sequence at a time has it. */
export class Control<Connection> {
  readonly connection: Connection;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Runs `work` after all that was asked for before. */
  async exclusive<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => work(this.connection));
    this.#last = turn.catch(() => {});
    return turn;
  }
}
