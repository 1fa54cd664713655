/**
 * Which transactions a table that was dumped beside the stream contains: those up to a place in the log, exactly (see
 * snapshot.ts). Pure.
 */
import type { TransactionPart } from '../../replication/change.ts';
import type { SnapshotMark } from '../../replication/driver.ts';
import type { MysqlPosition, Position } from '../../replication/position.ts';
import { GtidSet } from './binlog/gtid-set.ts';
import { MariadbGtidSet } from './binlog/mariadb-gtid-set.ts';
import { comparePlaces, fileNumber } from './log-place.ts';

/** The text of a mark is the place, as JSON, and the server that it is of (`serverOf`). */
export function markOf({ gtid, file, offset }: MysqlPosition, server: string): string {
  return JSON.stringify({ gtid, file, offset, server });
}

/**
 * By GTID where both have them: the server may be another one by now. Else by where the transaction begins; so also on
 * the MariaDB that the mark is of (server.ts). Marks of earlier versions do not say of which they are.
 * @param server that the transaction was read from; null: not known
 * @throws RangeError when the mark is none.
 */
export function snapshotContains(
  mark: string,
  part: TransactionPart,
  server: string | null,
): boolean {
  const place = parseMark(mark);
  const gtid = parseGtid(part.xid);
  if (gtid?.kind === 'mariadb' && place.server === server && server !== null) {
    return comparePlaces(mysqlPosition(part.commit), place.position) < 0;
  }
  if (gtid !== null && place.contains !== null) return place.contains(gtid);
  return comparePlaces(mysqlPosition(part.commit), place.position) < 0;
}

/** Whether a stream at the position has read everything that the marked snapshot contains. @param server as above */
export function isPassed(
  { snapshot, until }: SnapshotMark,
  position: Position,
  server: string | null,
): boolean {
  const byPlace = server !== null && parseMark(snapshot).server === server;
  return comparePositions(position, until, byPlace) >= 0;
}

type Gtid =
  | { readonly kind: 'mysql'; readonly uuid: string; readonly tag: string; readonly gno: bigint }
  | {
      readonly kind: 'mariadb';
      readonly domain: number;
      readonly server: number;
      readonly sequence: bigint;
    };

/** `uuid:5`, `uuid:tag:5`, `0-1-5`; null: a place, for servers without GTIDs. */
function parseGtid(xid: string): Gtid | null {
  const mysql = /^([0-9a-f-]{36}):(?:([a-z_][a-z0-9_]*):)?(\d+)$/.exec(xid);
  if (mysql !== null) {
    return { kind: 'mysql', uuid: mysql[1] ?? '', tag: mysql[2] ?? '', gno: BigInt(mysql[3] ?? 0) };
  }
  const mariadb = /^(\d+)-(\d+)-(\d+)$/.exec(xid);
  if (mariadb === null) return null;
  const [, domain, server, sequence] = mariadb;
  return {
    kind: 'mariadb',
    domain: Number(domain),
    server: Number(server),
    sequence: BigInt(sequence ?? 0),
  };
}

interface ParsedMark {
  readonly position: MysqlPosition;
  /** null: not known. */
  readonly server: string | null;
  /** null: the place has no GTIDs. */
  readonly contains: ((gtid: Gtid) => boolean) | null;
}

type MarkText = Omit<MysqlPosition, 'kind'> & { readonly server?: string };

let lastMark = '';
let lastParsed: ParsedMark | null = null;

/** The same mark is asked for again and again, for each transaction until the stream has passed it. */
function parseMark(mark: string): ParsedMark {
  if (lastParsed !== null && mark === lastMark) return lastParsed;
  const { gtid, file, offset, server = null } = JSON.parse(mark) as MarkText;
  if (typeof file !== 'string') throw new RangeError(`not a mark: ${mark}`);
  const position: MysqlPosition = { kind: 'mysql', gtid, file, offset };
  lastParsed = { position, server, contains: gtid === null ? null : containment(gtid) };
  lastMark = mark;
  return lastParsed;
}

function containment(text: string): (gtid: Gtid) => boolean {
  if (isMariadb(text)) {
    const set = MariadbGtidSet.parse(text);
    return (gtid) => {
      if (gtid.kind !== 'mariadb') return false;
      return set.contains({ domain: gtid.domain, serverId: gtid.server, sequence: gtid.sequence });
    };
  }
  const set = GtidSet.parse(text);
  return (gtid) =>
    gtid.kind === 'mysql' && set.contains({ uuid: gtid.uuid, tag: gtid.tag }, gtid.gno);
}

export function isMariadb(text: string): boolean {
  return /^\d+-\d+-\d+(?:,|$)/.test(text);
}

/**
 * Negative, zero or positive as `a` is before, at or after `b`. GTIDs decide where both have them and one contains the
 * other; else the places, which are then of one server.
 * @param byPlace they are of one server, where MariaDB's places decide (server.ts)
 */
export function comparePositions(a: Position, b: Position, byPlace = false): number {
  const one = mysqlPosition(a);
  const other = mysqlPosition(b);
  if (byPlace && (isMariadb(one.gtid ?? '') || isMariadb(other.gtid ?? ''))) {
    return Math.sign(comparePlaces(one, other));
  }
  if (one.gtid !== null && other.gtid !== null && one.gtid !== other.gtid) {
    const back = includes(other.gtid, one.gtid);
    const forth = includes(one.gtid, other.gtid);
    if (back !== forth) return back ? -1 : 1;
  }
  return Math.sign(comparePlaces(one, other));
}

/** Whether the GTIDs of `a` contain those of `b`. */
export function includes(a: string, b: string): boolean {
  if (isMariadb(a) || isMariadb(b))
    return MariadbGtidSet.parse(b).isSubsetOf(MariadbGtidSet.parse(a));
  return GtidSet.parse(b).isSubsetOf(GtidSet.parse(a));
}

export function mysqlPosition(position: Position): MysqlPosition {
  if (
    position.kind === 'mysql' &&
    (position.file === '' || !Number.isNaN(fileNumber(position.file)))
  ) {
    return position;
  }
  throw new RangeError('not a position of MySQL or MariaDB');
}
