/** Names of Watcher's own keys (SPEC §7). */

export interface StateKeys {
  /** Under which every key of the sync is; ends with `/`. */
  readonly prefix: string;
  readonly checkpoint: string;
  readonly tables: string;
  readonly desired: string;
  readonly request: string;
  readonly status: string;
  /** Under which the candidates' keys are; ends with `/`. */
  readonly leader: string;
  /** Under which content of prepared transactions is kept; ends with `/`. */
  readonly staged: string;
}

/** @param statePrefix `etcd.state_prefix`, with or without a slash at its end. */
export function stateKeys(statePrefix: string, sync: string): StateKeys {
  const prefix = `${syncsPrefix(statePrefix)}${sync}/`;
  return {
    prefix,
    checkpoint: `${prefix}checkpoint`,
    tables: `${prefix}tables`,
    desired: `${prefix}desired`,
    request: `${prefix}request`,
    status: `${prefix}status`,
    leader: `${prefix}leader/`,
    staged: `${prefix}staged/`,
  };
}

/** Under which the keys of all syncs are; ends with `/`. */
export function syncsPrefix(statePrefix: string): string {
  return `${statePrefix.replace(/\/+$/, '')}/syncs/`;
}

/**
 * The first key after all keys that begin with `prefix`. Keys are UTF-8, whose byte order is that of code points:
 * it is the prefix with its last code point raised by one.
 * @throws RangeError when there is no such key: the prefix is empty, or only of the highest code point.
 */
export function prefixEnd(prefix: string): string {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    // U+D800 to U+DFFF are not characters.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  throw new RangeError('every key has this prefix: it has no end');
}

/** The first key after `key`. */
export function keyAfter(key: string): string {
  return `${key}\0`;
}
