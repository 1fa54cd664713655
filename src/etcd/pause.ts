/** Waiting that ends early with the reason of an aborted signal. */
import { setTimeout as delay } from 'node:timers/promises';

/** @throws the reason of the signal, once it is aborted. */
export async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(delayMs, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
