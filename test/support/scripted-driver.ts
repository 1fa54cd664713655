import { setImmediate as turn } from 'node:timers/promises';
import type { StreamBatch, StreamMessage, TransactionPart } from '../../src/replication/change.ts';
import type {
  Driver,
  ResumePoint,
  SnapshotMark,
  SourceLeftover,
  SourcePart,
} from '../../src/replication/driver.ts';
import type { Position } from '../../src/replication/position.ts';
import {
  type LogEntry,
  type LoggedTransaction,
  lsnOf,
  positionOf,
  type ScriptedSource,
} from './scripted-source.ts';

/** As of a real one: what is there already comes together. */
const batchMessages = 16;

/** A driver for one attempt over a source in memory: it plays what the test scripted there. */
export function createScriptedDriver(source: ScriptedSource): Driver {
  return new ScriptedDriver(source);
}

class ScriptedDriver implements Driver {
  readonly #source: ScriptedSource;

  constructor(source: ScriptedSource) {
    this.#source = source;
  }

  async #called(method: string, signal: AbortSignal): Promise<void> {
    this.#source.calls.push(method);
    await turn();
    if (this.#source.hang.has(method)) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    }
    signal.throwIfAborted();
    const failure = this.#source.failures.get(method)?.shift();
    if (failure !== undefined) throw failure;
  }

  async check(signal: AbortSignal): ReturnType<Driver['check']> {
    await this.#called('check', signal);
    return [];
  }

  async probe(durable: Position | null, signal: AbortSignal): ReturnType<Driver['probe']> {
    await this.#called('probe', signal);
    this.#source.probedWith = durable;
    return this.status();
  }

  async prepare(resume: ResumePoint | null, signal: AbortSignal): ReturnType<Driver['prepare']> {
    await this.#called('prepare', signal);
    const { gap, warnings } = this.#source;
    return {
      identity: { system: 'scripted' },
      tables: this.#source.sourceTables(),
      excluded: [],
      warnings,
      continuity:
        resume === null || gap !== null
          ? { kind: 'dump', cause: resume === null ? null : gap }
          : { kind: 'resume' },
    };
  }

  async dump(signal: AbortSignal): ReturnType<Driver['dump']> {
    await this.#called('dump', signal);
    const source = this.#source;
    source.gap = null;
    return {
      position: positionOf(source.lsn),
      identity: { system: 'scripted' },
      tables: source.sourceTables(),
      chunks: source.chunks(source.tables.keys(), signal),
    };
  }

  async redump(ids: readonly string[], signal: AbortSignal): ReturnType<Driver['redump']> {
    await this.#called('redump', signal);
    const source = this.#source;
    const chunks = source.chunks(ids, signal);
    const redump = { tables: source.sourceTables(ids), chunks, mark: source.mark() };
    await source.afterSnapshot();
    return redump;
  }

  async *stream(from: ResumePoint, signal: AbortSignal): AsyncGenerator<StreamBatch> {
    this.#source.calls.push('stream');
    for (let at = 0; ; ) {
      while (at >= this.#source.log.length) {
        await this.#source.appended(signal);
        signal.throwIfAborted();
      }
      signal.throwIfAborted();
      const batch: StreamMessage[] = [];
      try {
        for (; at < this.#source.log.length && batch.length < batchMessages; at += 1) {
          batch.push(...this.#entry(at, from));
        }
      } catch (error) {
        if (batch.length > 0) yield batch;
        throw error;
      }
      if (batch.length > 0) yield batch;
    }
  }

  *#entry(at: number, from: ResumePoint): Generator<StreamMessage> {
    const entry = this.#source.log[at] as LogEntry;
    if (entry.error !== undefined) {
      this.#source.log[at] = {};
      throw entry.error;
    }
    if (entry.message?.type === 'heartbeat') {
      const { position } = entry.message;
      if (lsnOf(position) > lsnOf(from.position)) yield entry.message;
    } else if (entry.message !== undefined) {
      yield entry.message;
    }
    const { transaction } = entry;
    // Rule 1 (DESIGN §3).
    if (transaction === undefined || transaction.finalLsn < lsnOf(from.position)) return;
    const { partial } = from;
    const isPartial = partial !== null && lsnOf(partial.commit) === transaction.finalLsn;
    yield* partsOf(transaction, isPartial ? partial.messages : 0, this.#source.partChanges);
  }

  acknowledge(position: Position): void {
    const lsn = lsnOf(position);
    this.#source.acknowledged.push(lsn);
    this.#source.onAcknowledge(lsn);
  }

  contains(mark: SnapshotMark, transaction: TransactionPart): boolean {
    return this.#source.contains(mark, transaction);
  }

  isPassed(mark: SnapshotMark, position: Position): boolean {
    return this.compare(position, mark.until) >= 0;
  }

  compare(a: Position, b: Position): number {
    return Number(lsnOf(a) - lsnOf(b));
  }

  lagBytes(source: Position, position: Position): number {
    return Math.max(0, Number(lsnOf(source) - lsnOf(position)));
  }

  status(): ReturnType<Driver['status']> {
    const position = positionOf(this.#source.lsn);
    return { position, retainedLogBytes: 0, safeLogBytes: null };
  }

  async drop(
    parts: readonly SourcePart[],
    dryRun: boolean,
    signal: AbortSignal,
  ): Promise<readonly SourceLeftover[]> {
    await this.#called(dryRun ? 'look' : 'drop', signal);
    const there = parts.filter((part) => this.#source.leftovers.has(part));
    if (!dryRun) for (const part of there) this.#source.leftovers.delete(part);
    return there.map((part) => ({ part, name: `the ${part}`, kept: null }));
  }

  async close(): Promise<void> {
    await turn();
    this.#source.closed.push('driver');
  }
}

function* partsOf(
  transaction: LoggedTransaction,
  skip: number,
  size: number,
): Generator<TransactionPart> {
  const { xid, finalLsn, endLsn, changes } = transaction;
  const rest = changes.slice(skip);
  for (let at = 0; at === 0 || at < rest.length; at += size) {
    const last = at + size >= rest.length;
    yield {
      type: 'transaction',
      xid,
      commit: positionOf(finalLsn),
      position: positionOf(last ? endLsn : finalLsn),
      committedAt: new Date(1_700_000_000_000 + Number(finalLsn)),
      first: at === 0 && skip === 0,
      last,
      changes: rest.slice(at, at + size),
      messages: skip + Math.min(at + size, rest.length),
    };
  }
}
