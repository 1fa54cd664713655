/**
 * GTIDs that are done, as a set that grows with each transaction. Its text is in every position, so it must cost
 * little: what lies before and after the interval that grows is kept as text. The values of binlog/gtid-set.ts are for
 * everything else.
 */
import type { Gtid } from './binlog/gtid.ts';
import { GtidSet } from './binlog/gtid-set.ts';
import type { MariadbGtid } from './binlog/mariadb-gtid.ts';
import { MariadbGtidSet } from './binlog/mariadb-gtid-set.ts';
import type { Flavour } from './server-facts.ts';

export interface Executed {
  /** As the server writes it. */
  readonly text: string;
  /** @returns false: it was done before. MariaDB's GTIDs do not tell: always true. */
  add(gtid: Gtid | MariadbGtid): boolean;
}

/** @throws RangeError when the text is no GTID set of this kind of server. */
export function parseExecuted(text: string, flavour: Flavour): Executed {
  return flavour === 'mariadb' ? new ExecutedPlaces(text) : new ExecutedGtids(text);
}

interface Interval {
  first: bigint;
  last: bigint;
}

interface Source {
  readonly uuid: string;
  readonly tag: string;
  /** In order, apart by at least one; never empty. */
  readonly intervals: Interval[];
  /** Their text; null: not known. */
  list: string | null;
}

/** Text around the interval that grows: the server gives out the lowest free number, so it need not be the last. */
interface Frame {
  readonly source: Source;
  readonly interval: Interval;
  /** The next number that belongs to the set already. */
  readonly limit: bigint | null;
  readonly before: string;
  readonly after: string;
}

/** Of MySQL: sources in the order of the server, by UUID, then by tag. */
export class ExecutedGtids implements Executed {
  readonly #sources: Source[];
  #frame: Frame | null = null;
  #text: string | null;

  constructor(text: string) {
    const set = GtidSet.parse(text);
    this.#sources = set.entries().map(({ source, intervals }) => ({
      ...source,
      intervals: intervals.map((interval) => ({ ...interval })),
      list: null,
    }));
    this.#text = set.format();
  }

  get text(): string {
    if (this.#text !== null) return this.#text;
    const { before, interval, after } = this.#frame as Frame;
    this.#text = before + formatInterval(interval) + after;
    return this.#text;
  }

  add(gtid: Gtid): boolean {
    if (!this.#grow(gtid)) {
      const source = this.#source(gtid);
      const interval = insert(source.intervals, gtid.gno);
      if (interval === null) return false;
      this.#frame = frameOf(this.#sources, source, interval);
    }
    this.#text = null;
    return true;
  }

  /** The usual case: it is the next one after the one before. */
  #grow({ uuid, tag, gno }: Gtid): boolean {
    const frame = this.#frame;
    if (frame === null) return false;
    const { source, interval, limit } = frame;
    if (source.uuid !== uuid || source.tag !== tag) return false;
    const next = interval.last + 1n;
    if (gno !== next || next + 1n === limit) return false;
    interval.last = next;
    return true;
  }

  #source({ uuid, tag }: Gtid): Source {
    const at = this.#sources.findIndex(
      (source) => source.uuid > uuid || (source.uuid === uuid && source.tag >= tag),
    );
    const found = this.#sources[at];
    if (found !== undefined && found.uuid === uuid && found.tag === tag) return found;
    const source = { uuid, tag, intervals: [], list: null };
    this.#sources.splice(at < 0 ? this.#sources.length : at, 0, source);
    return source;
  }
}

/** @returns the interval that it is in now; null: it was in one before. */
function insert(intervals: Interval[], gno: bigint): Interval | null {
  let at = intervals.length;
  while (at > 0 && (intervals[at - 1] as Interval).first > gno) at -= 1;
  const before = intervals[at - 1];
  const after = intervals[at];
  if (before !== undefined && gno <= before.last) return null;
  const joinsBefore = before !== undefined && before.last + 1n === gno;
  const joinsAfter = after !== undefined && after.first - 1n === gno;
  if (joinsBefore) {
    before.last = joinsAfter ? after.last : gno;
    if (joinsAfter) intervals.splice(at, 1);
    return before;
  }
  if (joinsAfter) {
    after.first = gno;
    return after;
  }
  const interval = { first: gno, last: gno };
  intervals.splice(at, 0, interval);
  return interval;
}

function frameOf(sources: readonly Source[], source: Source, interval: Interval): Frame {
  const mark = '|';
  let text = '';
  let previous = '';
  source.list = null;
  for (const each of sources) {
    const { uuid, tag } = each;
    if (uuid === previous) text += ':';
    else text += `${previous === '' ? '' : ','}${uuid}:`;
    if (tag !== '') text += `${tag}:`;
    if (each === source) {
      text += source.intervals
        .map((its) => (its === interval ? mark : formatInterval(its)))
        .join(':');
    } else {
      each.list ??= each.intervals.map(formatInterval).join(':');
      text += each.list;
    }
    previous = uuid;
  }
  const [before = '', after = ''] = text.split(mark);
  const next = source.intervals[source.intervals.indexOf(interval) + 1];
  return { source, interval, limit: next?.first ?? null, before, after };
}

function formatInterval({ first, last }: Interval): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/** Of MariaDB: the last GTID of each domain, which is the last in the log, whatever its number. */
export class ExecutedPlaces implements Executed {
  readonly #last: MariadbGtid[];
  #text: string;

  constructor(text: string) {
    this.#last = [...MariadbGtidSet.parse(text).entries()].sort(byDomain);
    this.#text = this.#format();
  }

  get text(): string {
    return this.#text;
  }

  /**
   * Without gtid_strict_mode numbers do not grow in the order of the log, not even those of one server (SET gtid_seq_no).
   * The server itself begins behind the GTIDs that it was given, in each domain: what it sends is not done.
   */
  add({ domain, serverId, sequence }: MariadbGtid): true {
    const at = this.#last.findIndex((gtid) => gtid.domain === domain);
    this.#last[at < 0 ? this.#last.length : at] = { domain, serverId, sequence };
    if (at < 0) this.#last.sort(byDomain);
    this.#text = this.#format();
    return true;
  }

  #format(): string {
    return this.#last
      .map(({ domain, serverId, sequence }) => `${domain}-${serverId}-${sequence}`)
      .join(',');
  }
}

function byDomain(a: MariadbGtid, b: MariadbGtid): number {
  return a.domain - b.domain;
}
