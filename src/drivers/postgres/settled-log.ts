/**
 * Whether a look at the catalog still stands, by where the log ends: whatever changes the catalog is in the log. A
 * commit is in the log a little before others see it (with synchronous replication, not so little): so the log must
 * not have grown between two polls when the look is made that may stand for the next ones, and none stands for ever.
 */
const maxPolls = 30;

export class SettledLog {
  /** At the last look. */
  #lookedAt: bigint | null = null;
  /** While the log ends here, the last look stands. */
  #settledAt: bigint | null = null;
  #polls = 0;

  /** One poll: false asks for a look. */
  stands(end: bigint): boolean {
    if (end !== this.#settledAt || this.#polls >= maxPolls) return false;
    this.#polls += 1;
    return true;
  }

  /** @param end as it was before the look. @param complete false: the same look may come to another end. */
  looked(end: bigint, complete: boolean): void {
    this.#settledAt = complete && end === this.#lookedAt ? end : null;
    this.#lookedAt = end;
    this.#polls = 0;
  }
}
