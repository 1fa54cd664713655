/**
 * The tokens of a statement, one at a time: a statement may hold megabytes, and its first words decide nearly always.
 * Every character is looked at once. Any text has tokens: what is not closed ends with the text.
 * Source: MySQL, "Language Structure"; `sql_lex.cc` of MySQL and of MariaDB.
 */

export interface Token {
  /**
   * `name` is quoted by backticks, `double` by double quotes (a name or a string, as sql_mode says); `bits` is X'…',
   * as its hexadecimal digits. A number is a `word`.
   */
  readonly kind: 'word' | 'name' | 'double' | 'string' | 'bits' | 'symbol';
  readonly text: string;
  /** Of a word: in upper case. Else empty. */
  readonly upper: string;
}

export interface TokenOptions {
  /** "a\"b" is a name, and a backslash in it is none of its affair. */
  readonly ansiQuotes: boolean;
  /** A backslash in a string is a backslash. */
  readonly plainBackslashes: boolean;
}

const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  n: '\n',
  r: '\r',
  t: '\t',
  Z: '\x1a',
};

const maxVersionDigits = 6;

export class Tokens {
  readonly #sql: string;
  readonly #options: TokenOptions;
  #at = 0;
  /** Inside `/*! …`, whose text counts: its end is no token. */
  #versioned = false;

  constructor(sql: string, options: TokenOptions) {
    this.#sql = sql;
    this.#options = options;
  }

  /** @returns null at the end of the text. */
  next(): Token | null {
    this.#skip();
    const first = this.#sql[this.#at];
    if (first === undefined) return null;
    if (first === '`') return this.#named('name');
    if (first === '"')
      return this.#options.ansiQuotes ? this.#named('double') : this.#string('double');
    if (first === "'") return this.#string('string');
    if ((first === 'x' || first === 'X') && this.#sql[this.#at + 1] === "'") {
      this.#at += 1;
      return { ...this.#string('string'), kind: 'bits' };
    }
    if (isWordCode(this.#sql.charCodeAt(this.#at))) return this.#word();
    this.#at += 1;
    return { kind: 'symbol', text: first, upper: '' };
  }

  /** Spaces and comments. */
  #skip(): void {
    for (;;) {
      const code = this.#sql.charCodeAt(this.#at);
      if (code <= 0x20) this.#at += 1;
      else if (code === 0x23) this.#skipLine();
      else if (code === 0x2d && this.#isDashes()) this.#skipLine();
      else if (code === 0x2f && this.#sql[this.#at + 1] === '*') this.#comment();
      else if (code === 0x2a && this.#versioned && this.#sql[this.#at + 1] === '/') {
        this.#versioned = false;
        this.#at += 2;
      } else return;
    }
  }

  /** `--` is a comment when a space, or nothing, follows. */
  #isDashes(): boolean {
    if (this.#sql[this.#at + 1] !== '-') return false;
    const after = this.#sql.charCodeAt(this.#at + 2);
    return Number.isNaN(after) || after <= 0x20;
  }

  #skipLine(): void {
    this.#at = this.#past('\n', this.#at);
  }

  /**
   * A server puts a space in the place of the `!` of what it does not execute before it writes the statement to the
   * log: what is in the log with a `!` was executed, whatever the version is. One within another ends both.
   */
  #comment(): void {
    const mark = this.#sql[this.#at + 2];
    const marked = mark === '!' ? 3 : mark === 'M' && this.#sql[this.#at + 3] === '!' ? 4 : 0;
    if (marked === 0) {
      this.#at = this.#past('*/', this.#at + 2);
      return;
    }
    this.#versioned = true;
    this.#at += marked;
    for (let digits = 0; digits < maxVersionDigits && this.#isDigit(); digits += 1) this.#at += 1;
  }

  #isDigit(): boolean {
    const code = this.#sql.charCodeAt(this.#at);
    return code >= 0x30 && code <= 0x39;
  }

  /** Where the text goes on after `end`; its own end when there is none. */
  #past(end: string, from: number): number {
    const found = this.#sql.indexOf(end, from);
    return found < 0 ? this.#sql.length : found + end.length;
  }

  #word(): Token {
    const start = this.#at;
    while (isWordCode(this.#sql.charCodeAt(this.#at))) this.#at += 1;
    const text = this.#sql.slice(start, this.#at);
    return { kind: 'word', text, upper: text.toUpperCase() };
  }

  /** A quote in a name is doubled. */
  #named(kind: Token['kind']): Token {
    const quote = this.#sql[this.#at] ?? '';
    let text = '';
    this.#at += 1;
    for (;;) {
      const end = this.#sql.indexOf(quote, this.#at);
      const stop = end < 0 ? this.#sql.length : end;
      text += this.#sql.slice(this.#at, stop);
      this.#at = stop + 1;
      if (end < 0 || this.#sql[this.#at] !== quote) return { kind, text, upper: '' };
      text += quote;
      this.#at += 1;
    }
  }

  #string(kind: Token['kind']): Token {
    const quote = this.#sql[this.#at] ?? '';
    const parts: string[] = [];
    let from = this.#at + 1;
    let at = from;
    for (; at < this.#sql.length; at += 1) {
      const character = this.#sql[at];
      if (character === '\\' && !this.#options.plainBackslashes) {
        const escaped = this.#sql[at + 1] ?? '';
        parts.push(this.#sql.slice(from, at), escapes[escaped] ?? escaped);
      } else if (character === quote) {
        if (this.#sql[at + 1] !== quote) break;
        parts.push(this.#sql.slice(from, at), quote);
      } else continue;
      at += 1;
      from = at + 1;
    }
    parts.push(this.#sql.slice(from, at));
    this.#at = at + 1;
    return { kind, text: parts.join(''), upper: '' };
  }
}

/** Letters, digits, `_`, `$`, and all that is not ASCII. */
function isWordCode(code: number): boolean {
  if (code >= 0x80) return true;
  if (code >= 0x61) return code <= 0x7a;
  if (code >= 0x41) return code <= 0x5a || code === 0x5f;
  return (code >= 0x30 && code <= 0x39) || code === 0x24;
}
