/**
 * What instances agree on through the store: who leads a sync, and what people asked for. Implemented over etcd.
 */
import type { Sink, StoredState, TableRecords } from './sink.ts';
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

/** A leadership of a moment, to remove what a sync left in the store. */
export interface Claim {
  readonly sink: Sink;
  /** As that of a lead. */
  readonly lost: AbortSignal;
  /** Watcher's own keys of the sync but `desired`; one that ends with `/` stands for all keys under it. */
  stateKeys(signal: AbortSignal): Promise<readonly string[]>;
  /** Removes them, in one transaction. Nothing can be written by the sink afterwards. */
  removeState(signal: AbortSignal): Promise<void>;
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
  /** Names of the instances that take part with another configuration of the sync than this one. */
  readonly differing: readonly string[];
}

/** Every call throws WatcherError `etcd_unavailable` and the like. */
export interface Coordination {
  /**
   * Resolves once this instance leads.
   * @param onStandby called when another instance leads, with its name if it is known.
   */
  campaign(signal: AbortSignal, onStandby: (leader: string | null) => void): Promise<Lead>;
  /**
   * Leads at once or not at all, and so that this process cannot lead it otherwise meanwhile.
   * @throws WatcherError `sync_not_stopped` when somebody leads.
   */
  claim(signal: AbortSignal): Promise<Claim>;
  /** The orders now, and then whenever they change. Never ends but by throwing. */
  orders(signal: AbortSignal): AsyncIterable<SyncOrders>;
  /** What the last leader has written; for those who do not lead. */
  checkpoint(signal: AbortSignal): Promise<Pick<StoredState, 'checkpoint' | 'revision'>>;
  /** The tables that the last leader knew; empty: the sync has never written. */
  tables(): Promise<TableRecords>;
  setDesired(desired: Desired): Promise<void>;
  /** Tells the other instances which configuration of the sync this one has. Returns at once. */
  configure(digest: string): void;
  putRequest(request: DumpRequest): Promise<void>;
  /** Removes the request if it is still this one. */
  clearRequest(id: string): Promise<void>;
}
