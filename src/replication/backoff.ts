/** Delays between attempts: exponential with jitter, so that a fleet does not return in step. */
export interface BackoffPolicy {
  /** The first delay. */
  readonly initialMs: number;
  readonly maxMs: number;
}

/**
 * @param attempt failures in a row so far, from 1.
 * @param random in [0, 1).
 * @returns between half of the full delay and the full delay.
 */
export function nextDelayMs(policy: BackoffPolicy, attempt: number, random: number): number {
  const exponent = Math.min(attempt - 1, 30);
  const full = Math.min(policy.maxMs, policy.initialMs * 2 ** exponent);
  return Math.round(full / 2 + (full / 2) * random);
}
