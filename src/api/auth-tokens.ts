/**
 * Bearer tokens (RFC 6750 §2.1). A token is compared by its SHA-256, so that texts of any length take the same time,
 * and with every token that there is, so that the time does not say which one was nearly met.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { TokenConfig } from '../config/config.ts';

const credentials = /^Bearer +([\x21-\x7e]{1,1024}) *$/i;

/** The token of a header `Authorization`; null: there is none, or it is none that could be right. */
export function bearerToken(authorization: string | undefined): string | null {
  return credentials.exec(authorization ?? '')?.[1] ?? null;
}

interface Known {
  readonly token: TokenConfig;
  readonly digest: Buffer;
}

/** By the list, which a reload replaces as a whole. */
const digests = new WeakMap<readonly TokenConfig[], readonly Known[]>();

/** @returns the token of the configuration that has this text. */
export function findToken(tokens: readonly TokenConfig[], text: string): TokenConfig | null {
  const digest = sha256(text);
  let found: TokenConfig | null = null;
  for (const known of knownOf(tokens)) {
    if (timingSafeEqual(known.digest, digest)) found = known.token;
  }
  return found;
}

function knownOf(tokens: readonly TokenConfig[]): readonly Known[] {
  let known = digests.get(tokens);
  if (known === undefined) {
    known = tokens.map((token) => ({ token, digest: sha256(token.token) }));
    digests.set(tokens, known);
  }
  return known;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
