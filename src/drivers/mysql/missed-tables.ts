/** Tables that a SELECT did not find as they were looked up: a dump of what they have become follows. */
import type { TableDefinition } from './tables.ts';

/** In a row. One that is altered again and again may be missed some times. */
const maxTimes = 5;

/** Lives through one attempt. */
export class MissedTables {
  readonly #missed = new Map<string, { readonly fingerprint: string; readonly times: number }>();

  /** @returns false when it was missed again and again without being altered: another dump would not help. */
  miss({ id, fingerprint }: Pick<TableDefinition, 'id' | 'fingerprint'>): boolean {
    const last = this.#missed.get(id);
    const times = last?.fingerprint === fingerprint ? last.times + 1 : 1;
    this.#missed.set(id, { fingerprint, times });
    return times < maxTimes;
  }

  meet({ id }: Pick<TableDefinition, 'id'>): void {
    this.#missed.delete(id);
  }
}
