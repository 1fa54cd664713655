/**
 * Sets of MySQL GTIDs: `uuid:1-5:7,uuid:tag:1-3`. A value: every operation gives a new set.
 * Source: MySQL Reference Manual, "GTID Sets".
 */

/** Both ends belong to it. */
export interface GtidInterval {
  readonly first: bigint;
  readonly last: bigint;
}

/** Where GTIDs are counted: a server, and a tag of it ('' is none). */
export interface GtidSource {
  readonly uuid: string;
  readonly tag: string;
}

/** `uuid` or `uuid:tag` → intervals in order, apart by at least one. */
type Intervals = ReadonlyMap<string, readonly GtidInterval[]>;

export class GtidSet {
  static readonly empty = new GtidSet(new Map());

  readonly #intervals: Intervals;

  private constructor(intervals: Intervals) {
    this.#intervals = intervals;
  }

  /** White space and upper case are accepted, as the server does. @throws RangeError when the text is no GTID set. */
  static parse(text: string): GtidSet {
    const intervals = new Map<string, GtidInterval[]>();
    for (const part of text.split(',')) {
      if (part.trim() !== '') parseSource(part, intervals);
    }
    return GtidSet.of(intervals);
  }

  /** Intervals in any order, also overlapping. */
  static of(intervals: ReadonlyMap<string, readonly GtidInterval[]>): GtidSet {
    const normal = new Map<string, readonly GtidInterval[]>();
    for (const key of [...intervals.keys()].sort()) {
      const merged = merge(intervals.get(key) ?? []);
      if (merged.length > 0) normal.set(key, merged);
    }
    return new GtidSet(normal);
  }

  get isEmpty(): boolean {
    return this.#intervals.size === 0;
  }

  /** As the server writes it: sorted, tags under their UUID. */
  format(): string {
    const parts: string[] = [];
    let previous = '';
    for (const [key, intervals] of this.#intervals) {
      const { uuid, tag } = sourceOf(key);
      const list = intervals.map(formatInterval).join(':');
      const text = tag === '' ? list : `${tag}:${list}`;
      if (uuid === previous) parts.push(`${parts.pop()}:${text}`);
      else parts.push(`${uuid}:${text}`);
      previous = uuid;
    }
    return parts.join(',');
  }

  add(source: GtidSource, gno: bigint): GtidSet {
    const key = keyOf(source);
    const old = this.#intervals.get(key);
    const last = old?.at(-1);
    if (old !== undefined && last !== undefined && last.last + 1n === gno) {
      const next = new Map(this.#intervals);
      next.set(key, [...old.slice(0, -1), { first: last.first, last: gno }]);
      return new GtidSet(next);
    }
    if (this.contains(source, gno)) return this;
    const next = new Map(this.#intervals);
    next.set(key, [...(old ?? []), { first: gno, last: gno }]);
    return GtidSet.of(next);
  }

  contains(source: GtidSource, gno: bigint): boolean {
    const intervals = this.#intervals.get(keyOf(source)) ?? [];
    return intervals.some(({ first, last }) => first <= gno && gno <= last);
  }

  isSubsetOf(other: GtidSet): boolean {
    for (const [key, intervals] of this.#intervals) {
      const theirs = other.#intervals.get(key) ?? [];
      const covered = ({ first, last }: GtidInterval) =>
        theirs.some((their) => their.first <= first && last <= their.last);
      if (!intervals.every(covered)) return false;
    }
    return true;
  }

  union(other: GtidSet): GtidSet {
    const all = new Map(this.#intervals);
    for (const [key, intervals] of other.#intervals) {
      all.set(key, [...(all.get(key) ?? []), ...intervals]);
    }
    return GtidSet.of(all);
  }

  /** In the order of the server: by UUID, then by tag. */
  entries(): readonly { source: GtidSource; intervals: readonly GtidInterval[] }[] {
    return [...this.#intervals].map(([key, intervals]) => ({ source: sourceOf(key), intervals }));
  }
}

const uuidPattern = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/;
const tagPattern = /^[a-z_][a-z0-9_]{0,31}$/;
const intervalPattern = /^([0-9]{1,19})(?:-([0-9]{1,19}))?$/;
const largest = (1n << 63n) - 1n;

/** `uuid:1-5:7:tag:1-3`: a tag holds for the intervals after it. */
function parseSource(text: string, intervals: Map<string, GtidInterval[]>): void {
  const [first = '', ...parts] = text.split(':').map((part) => part.trim().toLowerCase());
  if (!uuidPattern.test(first) || parts.length === 0) throw notASet(text);
  const uuid = withHyphens(first);
  let tag = '';
  for (const part of parts) {
    if (tagPattern.test(part)) {
      tag = part;
      continue;
    }
    const key = keyOf({ uuid, tag });
    const list = intervals.get(key) ?? [];
    intervals.set(key, list);
    const interval = parseInterval(part, text);
    if (interval !== null) list.push(interval);
  }
}

/** null: it is empty (`5-3`), which the server accepts. */
function parseInterval(part: string, text: string): GtidInterval | null {
  const match = intervalPattern.exec(part);
  if (match === null) throw notASet(text);
  const first = BigInt(match[1] ?? '');
  const last = BigInt(match[2] ?? match[1] ?? '');
  if (first < 1n || last >= largest) throw notASet(text);
  return first <= last ? { first, last } : null;
}

function withHyphens(uuid: string): string {
  const hex = uuid.replaceAll('-', '');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function merge(intervals: readonly GtidInterval[]): readonly GtidInterval[] {
  const sorted = [...intervals].sort((a, b) => (a.first < b.first ? -1 : 1));
  const merged: GtidInterval[] = [];
  for (const interval of sorted) {
    const last = merged.at(-1);
    if (last === undefined || interval.first > last.last + 1n) merged.push(interval);
    else if (interval.last > last.last) {
      merged[merged.length - 1] = { first: last.first, last: interval.last };
    }
  }
  return merged;
}

function formatInterval({ first, last }: GtidInterval): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function keyOf({ uuid, tag }: GtidSource): string {
  return tag === '' ? uuid : `${uuid}:${tag}`;
}

function sourceOf(key: string): GtidSource {
  const [uuid = '', tag = ''] = key.split(':');
  return { uuid, tag };
}

function notASet(text: string): RangeError {
  return new RangeError(`not a GTID set: ${text}`);
}
