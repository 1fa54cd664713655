/** Tokens of the API that somebody could guess. */
import type { ApiConfig } from './config.ts';

/** Fewer characters than this are few even where each is chosen at random. */
export const shortBelow = 16;

/** Names of the short ones, never the tokens. */
export function shortTokens({ tokens }: Pick<ApiConfig, 'tokens'>): readonly string[] {
  return tokens.filter(({ token }) => token.length < shortBelow).map(({ name }) => name);
}
