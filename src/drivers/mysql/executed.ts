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
  /** @returns false: it was done before. */
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
}

/** Text around the last interval of the source. */
interface Frame {
  readonly source: Source;
  readonly last: Interval;
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
    }));
    this.#text = set.format();
  }

  get text(): string {
    if (this.#text !== null) return this.#text;
    const frame = this.#frame as Frame;
    this.#text = frame.before + formatInterval(frame.last) + frame.after;
    return this.#text;
  }

  add({ uuid, tag, gno }: Gtid): boolean {
    const frame = this.#frame;
    if (frame !== null && frame.source.uuid === uuid && frame.source.tag === tag) {
      if (gno === frame.last.last + 1n) {
        frame.last.last = gno;
        this.#text = null;
        return true;
      }
    }
    const source = this.#source(uuid, tag);
    if (!insert(source.intervals, gno)) return false;
    this.#frame = frameOf(this.#sources, source);
    this.#text = null;
    return true;
  }

  #source(uuid: string, tag: string): Source {
    const at = this.#sources.findIndex(
      (source) => source.uuid > uuid || (source.uuid === uuid && source.tag >= tag),
    );
    const found = this.#sources[at];
    if (found !== undefined && found.uuid === uuid && found.tag === tag) return found;
    const source = { uuid, tag, intervals: [] };
    this.#sources.splice(at < 0 ? this.#sources.length : at, 0, source);
    return source;
  }
}

/** @returns false: it is there. */
function insert(intervals: Interval[], gno: bigint): boolean {
  let at = intervals.length;
  while (at > 0 && (intervals[at - 1] as Interval).first > gno) at -= 1;
  const before = intervals[at - 1];
  const after = intervals[at];
  if (before !== undefined && gno <= before.last) return false;
  const joinsBefore = before !== undefined && before.last + 1n === gno;
  const joinsAfter = after !== undefined && after.first - 1n === gno;
  if (joinsBefore && joinsAfter) {
    before.last = after.last;
    intervals.splice(at, 1);
  } else if (joinsBefore) before.last = gno;
  else if (joinsAfter) after.first = gno;
  else intervals.splice(at, 0, { first: gno, last: gno });
  return true;
}

function frameOf(sources: readonly Source[], source: Source): Frame {
  const texts = ['', ''];
  let side = 0;
  let previous = '';
  for (const { uuid, tag, intervals } of sources) {
    const separator = uuid === previous ? ':' : `${previous === '' ? '' : ','}${uuid}:`;
    const list = intervals.map(formatInterval);
    const grows = intervals === source.intervals;
    if (grows) list.pop();
    texts[side] += separator + (tag === '' ? '' : `${tag}:`) + list.join(':');
    if (grows && list.length > 0) texts[side] += ':';
    if (grows) side = 1;
    previous = uuid;
  }
  const [before = '', after = ''] = texts;
  return { source, last: source.intervals.at(-1) as Interval, before, after };
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
   * Without gtid_strict_mode numbers of several servers do not grow in the order of the log, and those of one server
   * do. The server itself begins behind the GTIDs that it was given: what cannot be told to be done is not.
   */
  add({ domain, serverId, sequence }: MariadbGtid): boolean {
    const at = this.#last.findIndex((gtid) => gtid.domain === domain);
    const last = this.#last[at];
    if (last !== undefined && last.serverId === serverId && sequence <= last.sequence) return false;
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
