/** Whether the log can be followed from a checkpoint: the numbered cases (DESIGN §5). Pure. */
import { isDeepStrictEqual } from 'node:util';
import { WatcherError } from '../../errors.ts';
import type { Preparation, SourceIdentity } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { MariadbGtidSet } from './binlog/mariadb-gtid-set.ts';
import type { LogEnd, LogFile } from './log-place.ts';
import { comparePlaces, fileNumber } from './log-place.ts';
import { isOfServer } from './server.ts';
import type { Flavour } from './server-facts.ts';
import { includes } from './snapshot-mark.ts';

/** What a checkpoint remembers of its source. */
export type MysqlIdentity = {
  readonly flavour: Flavour;
  /** `serverOf` */
  readonly server: string;
  /** A binlog file and when it was begun (seconds since 1970): after a reset the file of that name is another. */
  readonly log: { readonly file: string; readonly created: number } | null;
  /** A position that is of another server, by whose GTIDs the sync went over to this one; until the next position. */
  readonly foreign?: MysqlPosition;
};

export type Continuity = Preparation['continuity'];

export interface ContinuityFacts {
  readonly identity: MysqlIdentity;
  /** GTIDs identify every transaction now. */
  readonly gtids: boolean;
  readonly end: LogEnd;
  /** In order. */
  readonly files: readonly LogFile[];
  /** GTIDs whose transactions are not in the files any more (MySQL: gtid_purged; MariaDB: where the first begins). */
  readonly purged: string | null;
  /** When the file of the checkpoint's identity was begun, as it is now; null: there is no such file. */
  readonly created: number | null;
  /** What the log has at the position of the checkpoint, if that is of this server; null: it is not, or its file is gone. */
  readonly there: PlaceFound | null;
  readonly resume: { readonly position: MysqlPosition; readonly identity: SourceIdentity } | null;
}

export interface PlaceFound {
  /** An event begins or ends there. */
  readonly border: boolean;
  /** MariaDB: the last GTID of each domain up to there; null: not known. */
  readonly gtid: string | null;
}

/**
 *     server            checkpoint                                       what happens
 *  1. any               none                                             dump
 *  2. other flavour     any                                              source_replaced, dump
 *  3. the same          its file was begun at another time, or is newer
 *                       than the last: the binlogs were reset            source_replaced, dump
 *  4. the same          newer than the last file, past the end of its
 *                       file, or not where the log was written: the
 *                       server crashed and lost what was read, and may
 *                       have given its GTIDs to others                   source_replaced, dump
 *  5. the same MariaDB  its file is there: the place decides (server.ts) resume
 *  GTIDs on both sides: the server may be another one of the same replication.
 *  6. GTIDs             has GTIDs that the server has not executed       source_replaced, dump
 *  7. GTIDs             lacks GTIDs that are purged                      binlog_purged, dump
 *  8. GTIDs             else                                             resume
 *  File and offset, on a side without GTIDs:
 *  9. another           any                                              source_replaced, dump
 * 10. the same          file missing                                     binlog_purged, dump
 * 11. the same          else                                             resume
 */
export function judgeContinuity(facts: ContinuityFacts): Continuity {
  if (facts.resume === null) return { kind: 'dump', cause: null };
  const cause = gap(facts, facts.resume);
  return cause === null ? { kind: 'resume' } : { kind: 'dump', cause };
}

type Resume = NonNullable<ContinuityFacts['resume']>;

function gap(facts: ContinuityFacts, resume: Resume): WatcherError | null {
  const then = resume.identity as Partial<MysqlIdentity>;
  const now = facts.identity;
  if (then.flavour !== undefined && then.flavour !== now.flavour) {
    return replaced(`The server is ${now.flavour}; the checkpoint is of ${then.flavour}`);
  }
  const reset = then.server === now.server ? wasReset(facts, then) : null;
  if (reset !== null) return reset;
  const { position } = resume;
  const here = isOfServer(resume, now.server);
  const cut = here ? wasCut(facts, position) : null;
  if (cut !== null) return cut;
  if (here && now.flavour === 'mariadb' && facts.there !== null) return null;
  const { gtid } = position;
  if (facts.gtids && gtid !== null && gtid !== '' && facts.end.gtid !== null) {
    return gtidGap(facts, gtid, facts.end.gtid);
  }
  if (!here) {
    return replaced(`The server is ${now.server}; the checkpoint is of ${then.server}`);
  }
  return placeGap(facts, position);
}

/** GTIDs are counted from 1 again after a reset: those of the checkpoint come to be there once more. */
function wasReset(facts: ContinuityFacts, then: Partial<MysqlIdentity>): WatcherError | null {
  const log = then.log ?? null;
  if (log === null) return null;
  const other = facts.created !== null && facts.created !== log.created;
  if (!other && fileNumber(log.file) <= fileNumber(facts.end.file)) return null;
  return replaced(
    `The binlog ${log.file} is not the one of that name that the checkpoint knows: the binlogs were reset`,
  );
}

function gtidGap(facts: ContinuityFacts, gtid: string, executed: string): WatcherError | null {
  if (!includes(executed, gtid)) {
    return replaced(
      `The checkpoint has GTIDs that the server has not executed: it was set back, or is another one (checkpoint ${gtid}, server ${executed})`,
    );
  }
  if (facts.purged !== null && !includes(gtid, facts.purged)) {
    return new WatcherError('binlog_purged', {
      message: `The server has purged binlogs that are not read yet (checkpoint ${gtid}, purged ${facts.purged})`,
    });
  }
  return null;
}

/**
 * A server that does not sync its log with each commit loses the end of it with its host. What was read of that end is in
 * etcd, and the GTIDs are given out again: only the place tells. After a crash the log goes on in a new file.
 */
function wasCut(facts: ContinuityFacts, position: MysqlPosition): WatcherError | null {
  const { files, end, there } = facts;
  const { file, offset } = position;
  const found = files.find(({ name }) => name === file);
  if (found === undefined) {
    if (fileNumber(file) <= fileNumber(end.file)) return null;
    return replaced(`There is no binlog ${file}, where the checkpoint is; the last is ${end.file}`);
  }
  if (
    comparePlaces(position, end) > 0 ||
    offset > Math.max(found.sizeBytes, endOffset(end, file))
  ) {
    return replaced(
      `The binlog ${file} ends before the checkpoint at ${offset}: the server was set back`,
    );
  }
  if (there?.border === false) {
    return replaced(`The binlog ${file} has no event at ${offset}, where the checkpoint is`);
  }
  if (there !== null && !hasGtids(there, position)) {
    return replaced(
      `The binlog ${file} has other GTIDs at ${offset} than the checkpoint: the server was set back (checkpoint ${position.gtid}, binlog ${there.gtid})`,
    );
  }
  return null;
}

/** Domains that the server has deleted from its log may stand in the checkpoint, and those of a server before it. */
function hasGtids({ gtid }: PlaceFound, position: MysqlPosition): boolean {
  if (gtid === null || position.gtid === null) return true;
  const known = MariadbGtidSet.parse(position.gtid).entries();
  return MariadbGtidSet.parse(gtid)
    .entries()
    .every((last) => known.some((one) => isDeepStrictEqual(one, last)));
}

function placeGap({ files, end }: ContinuityFacts, position: MysqlPosition): WatcherError | null {
  const { file } = position;
  if (files.some(({ name }) => name === file)) return null;
  return new WatcherError('binlog_purged', {
    message: `The binlog ${file} of the checkpoint is purged; the first is ${files[0]?.name ?? end.file}`,
  });
}

/** The sizes may have been looked up before the end. */
function endOffset(end: LogEnd, file: string): number {
  return end.file === file ? end.offset : 0;
}

function replaced(message: string): WatcherError {
  return new WatcherError('source_replaced', { message });
}
