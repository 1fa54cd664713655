/**
 * How often an address may be wrong: a bucket of tries for each, filled again one by one.
 *
 * 1. Who has no try left is not compared at all, so guessing goes no faster than the bucket fills.
 * 2. But tokens that were right from this address before still are: behind a proxy that many share, one who
 *    guesses does not lock the others out.
 */
import { isIPv6 } from 'node:net';

/** More than a script needs that calls every route of the API once with one wrong token. */
const capacity = 30;
const refillMs = 3_000;
/** Addresses that are remembered: the ones that were wrong, or right, last. */
const maxAddresses = 1_000;
/** As many as a configuration may have tokens. */
const maxNames = 100;

interface Bucket {
  tries: number;
  filledAtMs: number;
  /** Names of the tokens that were right. */
  readonly names: Set<string>;
}

export class Failures {
  readonly #now: () => number;
  /** In the order of use: the first was not used for longest. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param now Milliseconds of a clock that is never set. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Seconds until the address may try again; 0: now. */
  waitSeconds(address: string): number {
    const bucket = this.#buckets.get(groupOf(address));
    if (bucket === undefined || this.#fill(bucket).tries >= 1) return 0;
    return Math.ceil((bucket.filledAtMs + refillMs - this.#now()) / 1_000);
  }

  failed(address: string): void {
    const bucket = this.#use(address);
    bucket.tries = Math.max(0, bucket.tries - 1);
  }

  succeeded(address: string, name: string): void {
    const { names } = this.#use(address);
    if (names.size < maxNames) names.add(name);
  }

  /** The names of tokens that were right from this address. */
  knownNames(address: string): ReadonlySet<string> {
    return this.#buckets.get(groupOf(address))?.names ?? new Set();
  }

  get size(): number {
    return this.#buckets.size;
  }

  #use(address: string): Bucket {
    const group = groupOf(address);
    const bucket = this.#buckets.get(group) ?? {
      tries: capacity,
      filledAtMs: this.#now(),
      names: new Set(),
    };
    this.#buckets.delete(group);
    this.#buckets.set(group, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > maxAddresses && oldest !== undefined) this.#buckets.delete(oldest);
    return this.#fill(bucket);
  }

  #fill(bucket: Bucket): Bucket {
    const gained = Math.floor((this.#now() - bucket.filledAtMs) / refillMs);
    bucket.tries = Math.min(capacity, bucket.tries + gained);
    bucket.filledAtMs += gained * refillMs;
    return bucket;
  }
}

/** Whoever has one address of IPv6 has its whole network of 64 bits (RFC 6177). */
function groupOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const mapped = /(?:^|:)ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(tail ?? '');
  if (head === '' && mapped?.[1] !== undefined) return mapped[1];
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...rest];
  return `${all.slice(0, 4).join(':')}::/64`;
}
