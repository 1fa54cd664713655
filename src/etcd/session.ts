/**
 * The lease under which this process leads its syncs: one for all of them. A lost one is replaced by the next
 * campaign.
 */
import type { EtcdClient } from './client.ts';
import { grantLease, type Lease } from './lease.ts';

/** Long enough for an election of etcd's own members, short enough for a standby to take over. */
const ttlSeconds = 10;

export class Session {
  readonly #client: EtcdClient;
  #lease: Promise<Lease> | null = null;

  constructor(client: EtcdClient) {
    this.#client = client;
  }

  /** @throws WatcherError `etcd_unavailable`. */
  async lease(signal: AbortSignal): Promise<Lease> {
    const current = this.#lease;
    if (current !== null) {
      const lease = await current.catch(() => null);
      if (lease?.isValid()) return lease;
      // Another campaign may have replaced it while this one waited.
      if (this.#lease !== current) return this.lease(signal);
    }
    this.#lease = grantLease({ client: this.#client, ttlSeconds, signal });
    return this.#lease;
  }

  /** Gives up whatever is led. @throws WatcherError when etcd does not answer. */
  async end(): Promise<void> {
    const lease = await this.#lease?.catch(() => null);
    this.#lease = null;
    await lease?.revoke();
  }
}
