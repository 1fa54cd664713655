/** How long to wait before the next attempt to connect. */

const firstMs = 1_000;
const longestMs = 30_000;

/**
 * Doubles from one second up to thirty, and is up to a fifth shorter, so that pages do not come back all at once.
 *
 * @param failures attempts in a row that failed, from 1 on
 * @param random from 0 to 1
 */
export function backoffMs(failures: number, random: number): number {
  const doubled = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 10));
  return Math.round(doubled * (1 - 0.2 * random));
}
