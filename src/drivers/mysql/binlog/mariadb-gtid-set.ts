/**
 * A place in MariaDB's replication, the last GTID of each domain: `0-1-100,1-2-5`. A value.
 * Source: MariaDB Knowledge Base, "Global Transaction ID"; `@slave_connect_state`.
 */
import type { MariadbGtid } from './mariadb-gtid.ts';

export class MariadbGtidSet {
  static readonly empty = new MariadbGtidSet(new Map());

  readonly #byDomain: ReadonlyMap<number, MariadbGtid>;

  private constructor(byDomain: ReadonlyMap<number, MariadbGtid>) {
    this.#byDomain = byDomain;
  }

  /** @throws RangeError when the text is no list of GTIDs, or names a domain twice. */
  static parse(text: string): MariadbGtidSet {
    const byDomain = new Map<number, MariadbGtid>();
    for (const part of text.split(',')) {
      if (part.trim() === '') continue;
      const gtid = parseGtid(part.trim());
      if (byDomain.has(gtid.domain))
        throw new RangeError(`domain ${gtid.domain} stands twice: ${text}`);
      byDomain.set(gtid.domain, gtid);
    }
    return new MariadbGtidSet(byDomain);
  }

  get isEmpty(): boolean {
    return this.#byDomain.size === 0;
  }

  /** By domain. */
  format(): string {
    return [...this.#byDomain.values()]
      .sort((a, b) => a.domain - b.domain)
      .map(({ domain, serverId, sequence }) => `${domain}-${serverId}-${sequence}`)
      .join(',');
  }

  /** `gtid` is the last of its domain from now on. */
  add(gtid: MariadbGtid): MariadbGtidSet {
    const { domain, serverId, sequence } = gtid;
    return new MariadbGtidSet(new Map(this.#byDomain).set(domain, { domain, serverId, sequence }));
  }

  /** Everything up to here in its domain is done; by sequence number, as in gtid_strict_mode. */
  contains({ domain, sequence }: MariadbGtid): boolean {
    const last = this.#byDomain.get(domain);
    return last !== undefined && sequence <= last.sequence;
  }

  isSubsetOf(other: MariadbGtidSet): boolean {
    return [...this.#byDomain.values()].every((gtid) => other.contains(gtid));
  }

  /** The later of each domain. */
  union(other: MariadbGtidSet): MariadbGtidSet {
    const byDomain = new Map(this.#byDomain);
    for (const gtid of other.#byDomain.values()) {
      if (!this.contains(gtid)) byDomain.set(gtid.domain, gtid);
    }
    return new MariadbGtidSet(byDomain);
  }

  entries(): readonly MariadbGtid[] {
    return [...this.#byDomain.values()];
  }
}

const gtidPattern = /^([0-9]{1,10})-([0-9]{1,10})-([0-9]{1,20})$/;
const largestId = 0xffff_ffff;

function parseGtid(text: string): MariadbGtid {
  const match = gtidPattern.exec(text);
  const domain = Number(match?.[1]);
  const serverId = Number(match?.[2]);
  const sequence = BigInt(match?.[3] ?? 0);
  if (match === null || domain > largestId || serverId > largestId || sequence >= 1n << 64n) {
    throw new RangeError(`not a MariaDB GTID: ${text}`);
  }
  return { domain, serverId, sequence };
}
