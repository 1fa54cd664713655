/** Staged content of a short stretch of the log that is read on its own (catch-up.ts): it is not written anywhere. */
import type { StagingStep } from '../../replication/change.ts';
import type { StagedLog } from '../../replication/driver.ts';

export class MemoryStaging implements StagedLog {
  readonly #pieces = new Map<string, string[]>();
  #unknown = false;

  take(step: StagingStep): void {
    if (step.op === 'release') {
      this.#pieces.delete(step.id);
      return;
    }
    const pieces = this.#pieces.get(step.id) ?? [];
    for (const { index, data } of step.pieces) pieces[index] = data;
    this.#pieces.set(step.id, pieces);
  }

  /** Prepared in the stretch, and neither committed nor rolled back in it. */
  get undecided(): readonly string[] {
    return [...this.#pieces.keys()];
  }

  /** Something that was prepared before the stretch is committed, in the group that is read now. */
  get unknown(): boolean {
    return this.#unknown;
  }

  /** The group ends. */
  forget(): void {
    this.#unknown = false;
  }

  async *read(id: string): AsyncGenerator<string> {
    const pieces = this.#pieces.get(id);
    if (pieces === undefined) this.#unknown = true;
    else yield* pieces;
  }
}
