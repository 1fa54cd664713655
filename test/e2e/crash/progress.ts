/** How far the checkpoints claim to be: who writes them, the position, and the transaction that is split. */
import type { CommittedTransaction, History } from './history.ts';
import type { StoredCheckpoint } from './revisions.ts';

/** What one etcd transaction may hold with the server's limits is a little more than this. */
const splitFromKeys = 1_800;
const splitFromBytes = 900_000;
const splitFromTruncatedKeys = 20_000;

export class Progress {
  checkpoint: StoredCheckpoint | null = null;
  /** Transactions up to the position. */
  count = 0;
  streamed = 0;
  split = 0;
  largestGroup = 0;
  readonly #history: History;
  readonly #problem: (text: string) => void;
  readonly #formerWriters = new Set<string>();

  constructor(history: History, problem: (text: string) => void) {
    this.#history = history;
    this.#problem = problem;
  }

  get writers(): number {
    return this.#formerWriters.size + 1;
  }

  /** @returns the transaction that is split and incomplete. */
  advance(checkpoint: StoredCheckpoint): CommittedTransaction | null {
    this.#checkWriter(checkpoint);
    this.#advance(checkpoint);
    const open = this.#openTransaction(checkpoint);
    this.checkpoint = checkpoint;
    return open;
  }

  #checkWriter({ writer }: StoredCheckpoint): void {
    const last = this.checkpoint?.writer;
    if (this.#formerWriters.has(writer.id)) {
      this.#problem(`${writer.id} wrote again after another writer`);
    }
    if (last === undefined) return;
    if (last.id !== writer.id) this.#formerWriters.add(last.id);
    else if (writer.batch <= last.batch) this.#problem(`batch ${writer.batch} after ${last.batch}`);
  }

  /** The position, which never goes back. */
  #advance(checkpoint: StoredCheckpoint): void {
    const last = this.checkpoint;
    if (last?.phase === 'stream' && checkpoint.phase === 'dump') {
      this.#problem('everything is dumped again');
    }
    const end = this.#history.order(checkpoint.position);
    if (end === null) {
      if (checkpoint.phase === 'stream') this.#problem('the stream has no position');
      return;
    }
    const { transactions } = this.#history;
    let count = this.count;
    while (count < transactions.length && transactions[count]!.end <= end) count += 1;
    if (end < (this.#history.order(last?.position) ?? 0n)) this.#problem('the position went back');
    if (last?.phase === 'stream') {
      this.streamed += 1;
      const group = transactions.slice(this.count, count).filter(({ touched }) => touched.size > 0);
      this.largestGroup = Math.max(this.largestGroup, group.length);
    }
    this.count = count;
  }

  #openTransaction({ partial }: StoredCheckpoint): CommittedTransaction | null {
    const last = this.checkpoint?.partial ?? null;
    const commit = this.#history.order(partial?.commit);
    if (partial === null || commit === null) return null;
    this.split += 1;
    const { transactions } = this.#history;
    const open = transactions.find(({ end }, index) => index >= this.count && end > commit) ?? null;
    if (open === null) {
      this.#problem(`no transaction ends after ${JSON.stringify(partial.commit)}`);
      return null;
    }
    if (this.#history.order(last?.commit) === commit && partial.changes < (last?.changes ?? 0)) {
      this.#problem('a split transaction went back');
    }
    const { touched, bytes, truncatedKeys, changes } = open;
    const mayBeSplit =
      touched.size > splitFromKeys ||
      bytes > splitFromBytes ||
      truncatedKeys > splitFromTruncatedKeys;
    if (!mayBeSplit) {
      this.#problem(`a transaction of ${changes} changes and ${bytes} bytes was split`);
    }
    return open;
  }
}
