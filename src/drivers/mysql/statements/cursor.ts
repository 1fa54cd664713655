/** Steps through the tokens of a statement. Whatever the text is: a step that does not fit is refused, nothing throws. */
import type { TableName } from '../statement.ts';
import { type Token, type TokenOptions, Tokens } from './tokens.ts';

export class Cursor {
  /** The default database of the session. */
  readonly schema: string;
  readonly #tokens: Tokens;
  #ahead: Token | null;

  constructor(sql: string, schema: string, options: TokenOptions) {
    this.schema = schema;
    this.#tokens = new Tokens(sql, options);
    this.#ahead = this.#tokens.next();
  }

  /** null: the statement is over. */
  get ahead(): Token | null {
    return this.#ahead;
  }

  /** The keyword that is next; empty when the next token is none. */
  get keyword(): string {
    return this.#ahead?.upper ?? '';
  }

  step(): Token | null {
    const token = this.#ahead;
    this.#ahead = this.#tokens.next();
    return token;
  }

  /** Goes past all of these keywords, as far as they are there in this order. @returns whether the first was. */
  skip(...words: readonly string[]): boolean {
    let found = false;
    for (const word of words) {
      if (this.keyword !== word) break;
      this.step();
      found = true;
    }
    return found;
  }

  symbol(text: string): boolean {
    if (this.#ahead?.kind !== 'symbol' || this.#ahead.text !== text) return false;
    this.step();
    return true;
  }

  /** A name, quoted or not. @returns null when the next token is none. */
  name(): string | null {
    const kind = this.#ahead?.kind;
    if (kind !== 'word' && kind !== 'name' && kind !== 'double') return null;
    return this.step()?.text ?? null;
  }

  /** `t`, `db.t`, `.t` */
  table(): TableName | null {
    this.symbol('.');
    const first = this.name();
    if (first === null) return null;
    if (!this.symbol('.')) return { schema: this.schema, table: first };
    const second = this.name();
    return second === null ? null : { schema: first, table: second };
  }

  /** Goes past the next keyword `word` that is not in parentheses. @returns false when the statement has none. */
  seek(word: string): boolean {
    let depth = 0;
    for (let token = this.step(); token !== null; token = this.step()) {
      if (token.kind === 'symbol') depth += depthOf(token.text);
      else if (depth === 0 && token.upper === word) return true;
    }
    return false;
  }
}

export function depthOf(symbol: string): number {
  if (symbol === '(') return 1;
  return symbol === ')' ? -1 : 0;
}
