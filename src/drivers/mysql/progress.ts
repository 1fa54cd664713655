/** How far the log was read: what is done, what is half done, and what a position says. */
import type { Heartbeat } from '../../replication/change.ts';
import type { ResumePoint } from '../../replication/driver.ts';
import { partialGone } from './assemble-errors.ts';
import type { GtidSet } from './binlog/gtid-set.ts';
import type { Executed } from './executed.ts';
import { parseExecuted } from './executed.ts';
import { Group } from './group.ts';
import type { LogEvent } from './log-event.ts';
import type { LogPlace } from './log-place.ts';
import type { GroupGtid } from './resume.ts';
import { Resume } from './resume.ts';
import type { ServerFacts } from './server-facts.ts';

export class Progress {
  readonly #facts: ServerFacts;
  readonly #resume: Resume;
  /** null: GTIDs are off, or do not tell where the log is. */
  #executed: Executed | null;
  #met = false;

  constructor(from: ResumePoint, facts: ServerFacts) {
    this.#facts = facts;
    this.#resume = new Resume(from, facts);
    const { gtid } = this.#resume.position;
    this.#executed = facts.gtids ? this.#parse(gtid) : null;
  }

  /** A group has begun since the log is read. */
  get met(): boolean {
    return this.#met;
  }

  /**
   * A group begins.
   * @param gtid null: it has none, and from here on the place alone says what is done
   * @throws WatcherError `source_replaced`: a half-written transaction does not come again.
   */
  begin(first: LogEvent, gtid: GroupGtid | null, committedAtMicros: number | null): Group {
    this.#met = true;
    const gtidBefore = this.#executed?.text ?? null;
    if (gtid === null) this.#executed = null;
    const place = { file: first.file, offset: first.start };
    const { state, skip } = this.#resume.judge(gtid, place, this.#isDone(gtid, place));
    return new Group(
      {
        xid: gtid === null ? `${first.file}:${first.start}` : xidOf(gtid),
        gtid: this.#executed?.text ?? null,
        gtidBefore,
        committedAtMicros,
        state,
        skip,
      },
      first,
    );
  }

  /** By GTID, if it is not done it will be. MariaDB: by place, on the server that the position is of (server.ts). */
  #isDone(gtid: GroupGtid | null, place: LogPlace): boolean {
    if (this.#executed === null || gtid === null) return false;
    if (gtid.type === 'mariadb_gtid' && this.#resume.isBefore(place)) return true;
    return !this.#executed.add(gtid);
  }

  /** The group never committed: its GTID is free again. */
  takeBack({ start }: Group): void {
    this.#executed = this.#parse(start.gtidBefore);
  }

  /** A file begins; GTIDs may have been switched on, or on again, since the position was taken. */
  previously(set: GtidSet): void {
    if (this.#executed === null && this.#facts.gtids) this.#executed = this.#parse(set.format());
  }

  /** No group is open here, and the server says so. @returns null: the position must not move there. */
  heartbeat(file: string, offset: number): Heartbeat | null {
    // A server that begins by GTID names places that are behind those GTIDs, while it looks for them.
    return this.#resume.isBefore({ file, offset }) ? null : this.passed(file, offset);
  }

  /** A group of no rows ends here. @returns null: a half-written transaction must come before the position moves. */
  passed(file: string, offset: number): Heartbeat | null {
    if (this.#resume.expects !== null) return null;
    const gtid = this.#executed?.text ?? null;
    return { type: 'heartbeat', position: { kind: 'mysql', gtid, file, offset } };
  }

  /** @throws WatcherError `source_replaced` when a half-written transaction must come before anything else. */
  mayHandOut(): void {
    const expected = this.#resume.expects;
    if (expected !== null) throw partialGone(expected);
  }

  #parse(gtid: string | null): Executed | null {
    return gtid === null ? null : parseExecuted(gtid, this.#facts.flavour);
  }
}

function xidOf(gtid: GroupGtid): string {
  if (gtid.type === 'mariadb_gtid') return `${gtid.domain}-${gtid.serverId}-${gtid.sequence}`;
  const { uuid, tag, gno } = gtid;
  return tag === '' ? `${uuid}:${gno}` : `${uuid}:${tag}:${gno}`;
}
