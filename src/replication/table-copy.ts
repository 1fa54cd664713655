/**
 * Brings the keys of some tables in step with the rows that a dump reads: puts what differs, then deletes what no
 * row stands for. Readers of etcd are served throughout.
 */
import type { RowChunk } from './driver.ts';
import type { DumpProgress } from './dump-progress.ts';
import { KeyIndex } from './key-index.ts';
import { Section } from './section.ts';
import type { Batch, KeyOp, Sink, SinkLimits } from './sink.ts';
import type { TableState, Tables } from './tables.ts';
import type { Writer } from './writer.ts';

/** Batches that are on their way while the next one is filled. */
const maxOutstanding = 2;

export interface TableCopyOptions {
  readonly sink: Pick<Sink, 'list' | 'limits'>;
  readonly writer: Writer;
  readonly tables: Tables;
  readonly isShared: (prefix: string) => boolean;
  readonly progress: DumpProgress;
  readonly onRows: (count: number) => void;
  readonly signal: AbortSignal;
  /** Operations in one batch at most: small enough while a stream shares the writer. */
  readonly maxOps: number;
}

export class TableCopy {
  readonly #options: TableCopyOptions;
  readonly #limits: SinkLimits;
  readonly #index = new KeyIndex();
  readonly #outstanding: Promise<unknown>[] = [];

  constructor(options: TableCopyOptions) {
    this.#options = options;
    const { limits } = options.sink;
    this.#limits = { ...limits, maxOps: Math.min(options.maxOps, limits.maxOps) };
  }

  /** Lists what is under the prefixes. Nothing else may write there until the sweep is done. */
  async list(prefixes: Iterable<string>): Promise<void> {
    for (const prefix of prefixes) {
      for await (const page of this.#options.sink.list(prefix, this.#options.signal)) {
        for (const listed of page) this.#index.add(listed);
        this.#options.progress.moved();
      }
    }
  }

  /** Resolves when every row is durable, with the tables that could not be read and must be dumped again. */
  async copy(chunks: AsyncIterable<RowChunk>): Promise<ReadonlySet<TableState>> {
    const replaced = new Set<TableState>();
    let section = new Section();
    for await (const chunk of chunks) {
      const table = this.#options.tables.get(chunk.relation.tableId);
      if (table === undefined) continue;
      if (chunk.replaced) replaced.add(table);
      for (const op of this.#changedRows(table, chunk)) {
        if (section.tryAdd([op], this.#limits)) continue;
        await this.#send(section, []);
        section = new Section();
        section.tryAdd([op], this.#limits);
      }
      this.#options.onRows(chunk.rows.length);
      this.#options.progress.read(table.name, chunk.rows.length, chunk.last);
      table.rows += chunk.rows.length;
    }
    if (!section.isEmpty) await this.#send(section, []);
    await Promise.all(this.#outstanding.splice(0));
    return replaced;
  }

  *#changedRows(table: TableState, chunk: RowChunk): Generator<KeyOp> {
    const { mapper } = table;
    for (const row of chunk.rows) {
      const key = mapper.keyOf(row);
      const value = mapper.valueOf(row);
      if (this.#index.mark(key, value) === 'same') continue;
      yield { kind: 'put', key, value, prefix: mapper.prefix };
    }
  }

  /** Deletes the listed keys under the prefix that no row stands for. */
  async sweep(prefix: string): Promise<void> {
    if (this.#index.size === 0) return;
    await this.#deleteWhere(prefix, (listed) => this.#index.isStale(listed));
  }

  /**
   * Deletes every key under an old prefix, but for those that belong to a table of now. Where another sync may write by
   * now nothing is deleted: it takes over what it finds.
   * @param others What is under these prefixes stays as well.
   */
  async sweepOld(prefix: string, others: readonly string[] = []): Promise<void> {
    const { tables, isShared } = this.#options;
    const kept = new Set([...tables.currentPrefixes(), ...others]);
    await this.#deleteWhere(
      prefix,
      ({ key }) => !kept.has(key.slice(0, tableEnd(key, kept))),
      () => isShared(prefix),
    );
  }

  /** @param isLeft From then on nothing more is deleted; asked before each page. */
  async #deleteWhere(
    prefix: string,
    stale: (listed: { key: string; modRevision: bigint }) => boolean,
    isLeft: () => boolean = () => false,
  ): Promise<void> {
    if (isLeft()) return;
    let sweeps: Batch['sweeps'][number][] = [];
    let bytes = 0;
    for await (const page of this.#options.sink.list(prefix, this.#options.signal)) {
      this.#options.progress.moved();
      if (isLeft()) {
        sweeps = [];
        break;
      }
      for (const { key, modRevision } of page) {
        if (!stale({ key, modRevision })) continue;
        sweeps.push({ key, modRevision });
        bytes += 2 * Buffer.byteLength(key);
        if (sweeps.length < this.#limits.maxOps / 2 && bytes < this.#limits.maxBytes / 2) continue;
        await this.#send(new Section(), sweeps);
        sweeps = [];
        bytes = 0;
      }
    }
    if (sweeps.length > 0) await this.#send(new Section(), sweeps);
    await Promise.all(this.#outstanding.splice(0));
  }

  async #send(section: Section, sweeps: Batch['sweeps']): Promise<void> {
    const durable = this.#options.writer.upkeep({ section, sweeps });
    // A failure is met where it is awaited, and by the pipeline; not as an unhandled rejection in between.
    durable.catch(() => undefined);
    this.#outstanding.push(durable);
    if (this.#outstanding.length >= maxOutstanding) await this.#outstanding.shift();
  }
}

/** The length of the prefix of a table that the key begins with; 0 when there is none. */
function tableEnd(key: string, prefixes: ReadonlySet<string>): number {
  let end = key.indexOf('/');
  while (end >= 0) {
    if (prefixes.has(key.slice(0, end + 1))) return end + 1;
    end = key.indexOf('/', end + 1);
  }
  return 0;
}
