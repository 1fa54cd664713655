/** What people want of a sync, as the store tells it; a store that is out of reach is asked again. */
import { toWatcherError, type WatcherError } from '../errors.ts';
import type { Coordination, SyncOrders } from './coordination.ts';
import type { Log } from './log.ts';
import type { Wakeup } from './wakeup.ts';

export interface OrderFollower {
  readonly coordination: Pick<Coordination, 'orders'>;
  readonly wakeup: Wakeup;
  readonly log: Log;
  /** null: the store has answered. */
  onEtcdContact(error: WatcherError | null): void;
  obey(orders: SyncOrders): void;
  /** @param retryMs after which it is asked again */
  hindered(error: WatcherError, retryMs: number): void;
}

const retryMs = 1_000;

/** Ends when the signal is aborted; never throws. */
export async function followOrders(follower: OrderFollower, signal: AbortSignal): Promise<void> {
  const { coordination, wakeup, log } = follower;
  while (!signal.aborted) {
    try {
      for await (const orders of coordination.orders(signal)) {
        follower.onEtcdContact(null);
        follower.obey(orders);
      }
    } catch (error) {
      if (signal.aborted) return;
      const known = toWatcherError(error);
      follower.onEtcdContact(known);
      log.warn({ err: known }, 'the orders cannot be read from etcd');
      follower.hindered(known, retryMs);
      await wakeup.sleep(retryMs, signal).catch(() => undefined);
    }
  }
}
