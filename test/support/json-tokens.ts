/**
 * Exact comparison of JSON texts: numbers digit by digit, which JSON.parse would round; strings without regard to
 * how they are escaped; members in their order. Whitespace between tokens does not count.
 */
const token =
  /\s*(?:("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[[\]{}:,]))\s*/sy;

/** @throws SyntaxError when the text is not JSON. */
export function jsonTokens(json: string): string[] {
  JSON.parse(json);
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < json.length) {
    const match = token.exec(json);
    if (match === null) throw new SyntaxError(`no JSON token after ${tokens.length}`);
    tokens.push(match[1] === undefined ? String(match[2]) : `"${JSON.parse(match[1])}`);
  }
  return tokens;
}
