/**
 * A lease that is kept alive. It counts as lost by our own clock, TTL after the last keepalive *sent* that was
 * answered: etcd counts from when it received that keepalive, so it never expires before we say so.
 */
import { WatcherError } from '../errors.ts';
import type { EtcdClient } from './client.ts';
import { reasonOf } from './errors.ts';
import { pause } from './pause.ts';

export interface Lease {
  readonly id: bigint;
  readonly ttlMs: number;
  /** False once etcd may have expired it, or it was revoked. */
  isValid(): boolean;
  /** Aborted, with a WatcherError, once the lease is not valid any more. */
  readonly lost: AbortSignal;
  /** Ends it at once, with the keys that are under it. @throws WatcherError when etcd does not answer. */
  revoke(): Promise<void>;
}

export interface LeaseOptions {
  readonly client: EtcdClient;
  /** etcd's minimum is 2 with its default timings; it may grant a longer one than asked for. */
  readonly ttlSeconds: number;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** A process that ends has 10 s for everything; a lease that etcd does not end by then expires by itself. */
const revokeMs = 2_000;

/** @throws WatcherError when etcd does not grant it. */
export async function grantLease(options: LeaseOptions): Promise<Lease> {
  const { client, ttlSeconds, signal, now = () => performance.now() } = options;
  const sentAt = now();
  const granted = await client.leaseGrant(ttlSeconds, { signal });
  return new KeptLease(client, granted.id, granted.ttlSeconds * 1_000, sentAt, now);
}

class KeptLease implements Lease {
  readonly id: bigint;
  readonly ttlMs: number;
  readonly #client: EtcdClient;
  readonly #now: () => number;
  readonly #lost = new AbortController();
  #validUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: EtcdClient, id: bigint, ttlMs: number, sentAt: number, now: () => number) {
    this.#client = client;
    this.id = id;
    this.ttlMs = ttlMs;
    this.#now = now;
    this.#renew(sentAt + ttlMs);
    void this.#keepAlive();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  isValid(): boolean {
    return !this.lost.aborted && this.#now() < this.#validUntil;
  }

  async revoke(): Promise<void> {
    this.#lose('The lease was given up');
    try {
      await this.#client.leaseRevoke(this.id, { timeoutMs: revokeMs });
    } catch (error) {
      if (reasonOf(error) !== 'lease_not_found') throw error;
    }
  }

  #renew(validUntil: number): void {
    this.#validUntil = validUntil;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#lose('The lease was not renewed in time: etcd did not answer');
    }, validUntil - this.#now());
  }

  #lose(message: string, cause?: unknown): void {
    clearTimeout(this.#timer);
    if (this.lost.aborted) return;
    this.#lost.abort(new WatcherError('fenced', { message, cause }));
  }

  /** Until the lease is lost. */
  async #keepAlive(): Promise<void> {
    const intervalMs = this.ttlMs / 3;
    let delayMs = intervalMs;
    try {
      for (;;) {
        await pause(delayMs, this.lost);
        delayMs = (await this.#sendKeepAlive(intervalMs)) ? intervalMs : intervalMs / 10;
      }
    } catch (error) {
      this.#lose('etcd does not keep the lease', error);
    }
  }

  /** @returns whether it was answered. */
  async #sendKeepAlive(timeoutMs: number): Promise<boolean> {
    const sentAt = this.#now();
    try {
      const call = { signal: this.lost, timeoutMs };
      const { ttlSeconds } = await this.#client.leaseKeepAlive(this.id, call);
      if (ttlSeconds <= 0) this.#lose('The lease has expired');
      else this.#renew(sentAt + ttlSeconds * 1_000);
      return true;
    } catch (error) {
      if (reasonOf(error) !== 'unavailable') throw error;
      return false;
    }
  }
}
