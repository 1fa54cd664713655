/** Which groups of the log are done already, from where it is resumed. */
import type { ResumePoint } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { partialGone } from './assemble-errors.ts';
import type { Gtid } from './binlog/gtid.ts';
import { GtidSet } from './binlog/gtid-set.ts';
import type { MariadbGtidEvent } from './binlog/mariadb-gtid.ts';
import { MariadbGtidSet } from './binlog/mariadb-gtid-set.ts';
import type { GroupStart } from './group.ts';
import type { LogPlace } from './log-place.ts';
import { comparePlaces } from './log-place.ts';
import { isOfServer, serverOf } from './server.ts';
import type { ServerFacts } from './server-facts.ts';
import { mysqlPosition } from './snapshot-mark.ts';

const isDone = { state: 'done', skip: 0 } as const;
const isNew = { state: 'new', skip: 0 } as const;

export type GroupGtid = Gtid | MariadbGtidEvent;

interface HalfWritten {
  readonly commit: MysqlPosition;
  readonly messages: number;
  /** Whether it may be the one, by its GTID; null: it has none. */
  readonly matches: ((gtid: GroupGtid) => boolean) | null;
}

export class Resume {
  readonly position: MysqlPosition;
  /** A checkpoint of this very server: a transaction has one place in its files, and keeps it. */
  readonly #sameServer: boolean;
  /** Half written; null: there is none, or it has come. */
  #partial: HalfWritten | null;

  constructor({ position, identity, partial }: ResumePoint, facts: ServerFacts) {
    this.position = mysqlPosition(position);
    this.#sameServer = isOfServer({ position, identity }, serverOf(facts));
    this.#partial = partial === null ? null : this.#expect(partial, facts);
  }

  /** A half-written transaction must come before anything else is handed out, and before the position moves. */
  get expects(): MysqlPosition | null {
    return this.#partial?.commit ?? null;
  }

  /** In the files of the server that the position is of. */
  isBefore(place: LogPlace): boolean {
    return this.#sameServer && comparePlaces(place, this.position) < 0;
  }

  /**
   * @param done its GTID is among those that are done
   * @throws WatcherError `source_replaced`: the half-written transaction does not come again.
   */
  judge(
    gtid: GroupGtid | null,
    place: LogPlace,
    done: boolean,
  ): Pick<GroupStart, 'state' | 'skip'> {
    if (done) return isDone;
    const partial = this.#partial;
    if (partial === null) return isNew;
    if (!this.#isPartial(partial, gtid, place)) return { state: 'early', skip: 0 };
    this.#partial = null;
    return { state: 'partial', skip: partial.messages };
  }

  /**
   * The position behind which it was half written is that of the transaction before it. So of its commit's GTIDs it is
   * the one that the position lacks, in whatever order another server has committed. On the same server its place must
   * be the same, too: a server that crashed may have lost it, and given its GTID to another.
   */
  #isPartial(partial: HalfWritten, gtid: GroupGtid | null, place: LogPlace): boolean {
    const { commit, matches } = partial;
    if (matches === null || gtid === null) {
      const order = comparePlaces(place, commit);
      if (order > 0) throw partialGone(commit);
      return order === 0;
    }
    if (!matches(gtid)) return false;
    if (this.#sameServer && comparePlaces(place, commit) !== 0) throw partialGone(commit);
    return true;
  }

  #expect(
    { commit, messages }: NonNullable<ResumePoint['partial']>,
    facts: ServerFacts,
  ): HalfWritten {
    const place = mysqlPosition(commit);
    const known = facts.gtids && this.position.gtid !== null && place.gtid !== null;
    return { commit: place, messages, matches: known ? matcher(place.gtid, facts) : null };
  }
}

function matcher(text: string, { flavour }: ServerFacts): (gtid: GroupGtid) => boolean {
  if (flavour === 'mariadb') {
    const set = MariadbGtidSet.parse(text);
    return (gtid) =>
      gtid.type === 'mariadb_gtid' &&
      set
        .entries()
        .some(
          ({ domain, serverId, sequence }) =>
            domain === gtid.domain && serverId === gtid.serverId && sequence === gtid.sequence,
        );
  }
  const set = GtidSet.parse(text);
  return (gtid) => gtid.type === 'gtid' && set.contains(gtid, gtid.gno);
}
