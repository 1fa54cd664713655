/** What a watch has seen so far, to choose moments by. */
import type { Checkpoint, TableRecords } from '../../../src/replication/sink.ts';
import type { EtcdWatch } from '../../support/etcd-gateway.ts';
import { until } from '../../support/until.ts';
import type { CrashSource } from './source.ts';

type Stored = Checkpoint & { readonly writer: { readonly id: string } };

export class LiveView {
  readonly #rows: EtcdWatch;
  readonly #state: EtcdWatch;
  readonly #order: CrashSource['order'];
  #read = 0;
  #checkpoint: Stored | null = null;
  #tables: TableRecords = {};

  constructor(rows: EtcdWatch, state: EtcdWatch, order: CrashSource['order']) {
    this.#rows = rows;
    this.#state = state;
    this.#order = order;
  }

  get phase(): Checkpoint['phase'] | null {
    return this.#latest()?.phase ?? null;
  }

  get writer(): string | null {
    return this.#latest()?.writer.id ?? null;
  }

  /** After so many more row events, or that time. */
  async reaches({ rows, afterMs }: { rows: number; afterMs: number }): Promise<void> {
    const end = performance.now() + afterMs;
    const from = this.#rows.events.length;
    await this.#until('row events', afterMs + 20_000, () => {
      return this.#rows.events.length >= from + rows || performance.now() >= end;
    });
  }

  async streams(timeoutMs: number): Promise<void> {
    await this.#until('the stream', timeoutMs, () => this.phase === 'stream');
  }

  /** Until a split transaction is incomplete, or that time. */
  async splits(afterMs: number): Promise<void> {
    const end = performance.now() + afterMs;
    await this.#until('a split transaction', afterMs + 20_000, () => {
      return (this.#latest()?.partial ?? null) !== null || performance.now() >= end;
    });
  }

  /** Everything up to there is durable, and every table is in step. */
  isWholeAt(end: bigint): boolean {
    const checkpoint = this.#latest();
    if (checkpoint === null || checkpoint.phase !== 'stream' || checkpoint.partial !== null)
      return false;
    if ((this.#order(checkpoint.position) ?? 0n) < end) return false;
    return Object.values(this.#tables).every(({ state }) => state === 'done');
  }

  #latest(): Stored | null {
    const { events } = this.#state;
    for (; this.#read < events.length; this.#read += 1) {
      const { key, type, value } = events[this.#read]!;
      if (type !== 'put') continue;
      if (key.endsWith('/checkpoint')) this.#checkpoint = JSON.parse(value);
      if (key.endsWith('/tables')) this.#tables = JSON.parse(value);
    }
    return this.#checkpoint;
  }

  async #until(what: string, timeoutMs: number, condition: () => boolean): Promise<void> {
    const failure = Promise.race([this.#rows.failure, this.#state.failure]);
    await until(condition, { what, timeoutMs, failure });
  }
}
