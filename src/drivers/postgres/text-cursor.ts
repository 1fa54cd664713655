/** Reads the text forms of arrays, composites and hstore from left to right. */

const quote = 0x22; // "
const backslash = 0x5c; // \

export class TextCursor {
  readonly #text: string;
  #at: number;

  constructor(text: string, start = 0) {
    this.#text = text;
    this.#at = start;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** Goes past `expected` if it stands here. */
  skip(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  get atQuote(): boolean {
    return this.#text.charCodeAt(this.#at) === quote;
  }

  /**
   * The text between the quotes, without its escapes. A backslash escapes the next character; in composites a
   * doubled quote stands for one. `null` when the closing quote is missing.
   */
  quoted(doubledQuotes: boolean): string | null {
    const text = this.#text;
    let value = '';
    let start = this.#at + 1;
    let at = start;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === backslash) {
        value += text.substring(start, at);
        start = at + 1;
        at += 2;
      } else if (code !== quote) {
        at += 1;
      } else if (doubledQuotes && text.charCodeAt(at + 1) === quote) {
        value += text.substring(start, at + 1);
        at += 2;
        start = at;
      } else {
        this.#at = at + 1;
        return value + text.substring(start, at);
      }
    }
    return null;
  }

  /** What the pattern, a sticky one, matches here; maybe nothing. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}
