/** What identifies the server and its log, and what judgeContinuity needs to know of them. */

import { WatcherError } from '../../errors.ts';
import type { ResumePoint } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import type { Continuity, MysqlIdentity } from './continuity.ts';
import { judgeContinuity } from './continuity.ts';
import { readFileCreated } from './log-file-header.ts';
import type { LogFile } from './log-place.ts';
import { readLogEnd, readLogFiles, withoutSpace } from './log-place.ts';
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
  const here = files.some(({ name }) => name === position?.file) ? position?.file : undefined;
  const identity = await identityOf(facts, here ?? end.file, createdAt);
  const continuity = judgeContinuity({
    identity,
    gtids: facts.gtids,
    end,
    files,
    purged: await readPurged(connection, facts, files),
    created: known === null ? null : await createdAt(known.file),
    resume: position === null ? null : { position, identity: resume?.identity ?? {} },
  });
  return { identity, continuity };
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
    server: facts.variables.get('server_uuid') ?? `server_id ${facts.variables.get('server_id')}`,
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
