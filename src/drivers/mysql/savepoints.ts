/** SAVEPOINTs of one transaction, the newest last. Source: MySQL Reference Manual, "SAVEPOINT Statements". */

interface Savepoint {
  readonly name: string;
  /** Rows of the transaction before it. */
  readonly messages: number;
}

export class Savepoints {
  #stack: Savepoint[] = [];

  /** One of the same name is replaced: those between the two stay. */
  set(name: string, messages: number): void {
    const folded = fold(name);
    this.#stack = this.#stack.filter((savepoint) => savepoint.name !== folded);
    this.#stack.push({ name: folded, messages });
  }

  /** Those after it are gone; it stays. @returns rows of the transaction before it; null: there is none. */
  rollBackTo(name: string): number | null {
    const at = this.#find(name);
    if (at < 0) return null;
    this.#stack.length = at + 1;
    return this.#stack[at]?.messages ?? null;
  }

  /** It is gone, and those after it. One that is not there changes nothing. */
  release(name: string): void {
    const at = this.#find(name);
    if (at >= 0) this.#stack.length = at;
  }

  #find(name: string): number {
    const folded = fold(name);
    return this.#stack.findIndex((savepoint) => savepoint.name === folded);
  }
}

/** The server compares them by utf8_general_ci: without case and accents. */
function fold(name: string): string {
  return name.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();
}
