/** What identifies the server and its log, and what judgeContinuity needs to know of them. */

import { WatcherError } from '../../errors.ts';
import type { ResumePoint } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import type { Continuity, MysqlIdentity, PlaceFound } from './continuity.ts';
import { judgeContinuity } from './continuity.ts';
import { errnoOf, isDenied } from './errors.ts';
import { readFileCreated } from './log-file-header.ts';
import type { LogFile } from './log-place.ts';
import { readLogEnd, readLogFiles, withoutSpace } from './log-place.ts';
import { isOfServer, serverOf } from './server.ts';
import type { ServerFacts } from './server-facts.ts';
import { mysqlPosition } from './snapshot-mark.ts';

export interface Identified {
  readonly identity: MysqlIdentity;
  readonly continuity: Continuity;
}

/** The identity remembers the file of the checkpoint: it is there as long as the checkpoint means anything. */
export async function identify(
  connection: SourceConnection,
  target: ConnectTarget,
  facts: ServerFacts,
  resume: ResumePoint | null,
  signal: AbortSignal,
): Promise<Identified> {
  const files = await readLogFiles(connection);
  const end = await readLogEnd(connection, facts);
  if (end === null) throw new WatcherError('binlog_setting');
  const position = resume === null ? null : mysqlPosition(resume.position);
  const known = (resume?.identity as Partial<MysqlIdentity> | undefined)?.log ?? null;
  const created = new Map<string, number>();
  const createdAt = async (file: string): Promise<number | null> => {
    if (!files.some(({ name }) => name === file)) return null;
    const timestamp = created.get(file) ?? (await readFileCreated(target, file, signal));
    created.set(file, timestamp);
    return timestamp;
  };
  const own = resume !== null && isOfServer(resume, serverOf(facts));
  const place = files.some(({ name }) => name === position?.file) ? position : null;
  const identity = await identityOf(facts, place?.file ?? end.file, createdAt);
  const continuity = judgeContinuity({
    identity,
    gtids: facts.gtids,
    end,
    files,
    purged: await readPurged(connection, facts, files),
    created: known === null ? null : await createdAt(known.file),
    there: own && place !== null ? await findPlace(connection, facts, place) : null,
    resume: position === null ? null : { position, identity: resume?.identity ?? {} },
  });
  const foreign = resume === null || own || position === null ? {} : { foreign: position };
  return { identity: { ...identity, ...foreign }, continuity };
}

/** Of the file where a dump begins. */
export async function identityAt(
  position: MysqlPosition,
  target: ConnectTarget,
  facts: ServerFacts,
  signal: AbortSignal,
): Promise<MysqlIdentity> {
  return identityOf(facts, position.file, (file) => readFileCreated(target, file, signal));
}

async function identityOf(
  facts: ServerFacts,
  file: string,
  createdAt: (file: string) => Promise<number | null>,
): Promise<MysqlIdentity> {
  const created = await createdAt(file);
  return {
    flavour: facts.flavour,
    server: serverOf(facts),
    log: created === null ? null : { file, created },
  };
}

async function readPurged(
  connection: SourceConnection,
  facts: ServerFacts,
  files: readonly LogFile[],
): Promise<string | null> {
  if (!facts.gtids) return null;
  if (facts.flavour === 'mysql') {
    const [row] = await connection.query('SELECT @@GLOBAL.gtid_purged AS gtid');
    return withoutSpace(row?.gtid ?? '');
  }
  const [first] = files;
  if (first === undefined) return null;
  const [row] = await connection.query('SELECT BINLOG_GTID_POS(?, 4) AS gtid', [first.name]);
  return row?.gtid ?? '';
}

/** ER_ERROR_WHEN_EXECUTING_COMMAND: no event there, or past the end. */
const wrongPlace = 1220;

async function findPlace(
  connection: SourceConnection,
  { flavour }: ServerFacts,
  { file, offset }: MysqlPosition,
): Promise<PlaceFound> {
  try {
    await connection.query(`SHOW BINLOG EVENTS IN ? FROM ${offset} LIMIT 1`, [file]);
  } catch (error) {
    if (errnoOf(error) === wrongPlace) return { border: false, gtid: null };
    if (!isDenied(error)) throw error;
  }
  if (flavour !== 'mariadb') return { border: true, gtid: null };
  const [row] = await connection.query('SELECT BINLOG_GTID_POS(?, ?) AS gtid', [file, offset]);
  return { border: true, gtid: row?.gtid ?? null };
}
