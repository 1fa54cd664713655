/**
 * How far etcd is behind the source. Bytes: what the log grew beyond the position. Seconds: the age of the oldest
 * commit that is not durable in etcd; 0 when there is none, also on an idle database.
 *
 * A transaction that was read knows its commit time. For what was not read yet, the source's position is sampled:
 * the first sample beyond our position is at most one sampling interval younger than that commit.
 */
import type { Position } from './position.ts';

interface Sample {
  readonly position: Position;
  readonly at: Date;
}

/** As many samples as an hour at one a second has; older ones are thinned by the position passing them. */
const maxSamples = 3_600;

export class LagTracker {
  readonly #compare: (a: Position, b: Position) => number;
  #samples: Sample[] = [];

  constructor(compare: (a: Position, b: Position) => number) {
    this.#compare = compare;
  }

  sampled(source: Position, at: Date): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && this.#compare(source, last.position) <= 0) return;
    if (this.#samples.length < maxSamples) this.#samples.push({ position: source, at });
  }

  /** Everything up to `position` is durable. */
  passed(position: Position): void {
    const ahead = this.#samples.findIndex((sample) => this.#compare(sample.position, position) > 0);
    this.#samples = ahead < 0 ? [] : this.#samples.slice(ahead);
  }

  /** When the source was first seen beyond what is durable; null: it was not. */
  get behindSince(): Date | null {
    return this.#samples[0]?.at ?? null;
  }

  seconds(oldestPending: Date | null, now: Date): number {
    const since = [oldestPending, this.behindSince].filter((date) => date !== null);
    if (since.length === 0) return 0;
    const earliest = Math.min(...since.map((date) => date.getTime()));
    // The clocks of source and service may differ; a lag is never negative.
    return Math.max(0, (now.getTime() - earliest) / 1000);
  }
}
