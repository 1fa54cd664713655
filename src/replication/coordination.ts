/**
 * What instances agree on through the store: who leads a sync, and what people asked for. Implemented over etcd.
 */
import type { Sink } from './sink.ts';
import type { Desired } from './status.ts';

export interface DumpRequest {
  readonly id: string;
  /** `schema.table`; null: all. */
  readonly tables: readonly string[] | null;
}

export interface Lead {
  readonly sink: Sink;
  /** Aborted when the leadership may have ended; its reason is a WatcherError `fenced`. */
  readonly lost: AbortSignal;
  /** Publishes the leader's status, the newest at most every few seconds; it goes with the leadership. */
  publish(status: string): void;
  /** Gives the leadership up, so that another instance may lead at once; harmless when it is lost already. */
  release(): Promise<void>;
}

/** What the store holds for a sync. */
export interface SyncOrders {
  readonly desired: Desired | null;
  /** Grows each time that `desired` is written, also with the value that it had: an order to try at once. */
  readonly desiredRevision: bigint;
  readonly request: DumpRequest | null;
  /** The leader's published status; null: nobody leads. */
  readonly published: string | null;
}

/** Every call throws WatcherError `etcd_unavailable` and the like. */
export interface Coordination {
  /**
   * Resolves once this instance leads.
   * @param onStandby called when another instance leads, with its name if it is known.
   */
  campaign(signal: AbortSignal, onStandby: (leader: string | null) => void): Promise<Lead>;
  /** The orders now, and then whenever they change. Never ends but by throwing. */
  orders(signal: AbortSignal): AsyncIterable<SyncOrders>;
  setDesired(desired: Desired): Promise<void>;
  putRequest(request: DumpRequest): Promise<void>;
  /** Removes the request if it is still this one. */
  clearRequest(id: string): Promise<void>;
}
