/** Where the server's log ends, what files it has, and the order of places in it. */
import type { MysqlPosition } from '../../replication/position.ts';
import type { SourceConnection } from './connection.ts';
import type { ServerFacts } from './server-facts.ts';

/** A place in a binlog file. Offsets of events of more than 4 GiB files are exact. */
export interface LogPlace {
  readonly file: string;
  readonly offset: number;
}

export interface LogEnd extends LogPlace {
  /** Executed GTIDs (MySQL), or the last of each domain (MariaDB); null where GTIDs are off. */
  readonly gtid: string | null;
  readonly doDb: string;
  readonly ignoreDb: string;
}

export interface LogFile {
  readonly name: string;
  readonly sizeBytes: number;
}

type Server = Pick<ServerFacts, 'flavour' | 'version' | 'gtids'>;

/** SHOW MASTER STATUS, which MySQL 8.4 has no longer. */
export function logEndStatement({ flavour, version }: Omit<Server, 'gtids'>): string {
  return flavour === 'mysql' && version >= 80200 ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
}

/** @returns null when the server writes no binlog. */
export async function readLogEnd(
  connection: SourceConnection,
  server: Server,
): Promise<LogEnd | null> {
  const [row] = await connection.query(logEndStatement(server));
  if (row === undefined) return null;
  return {
    file: row.File ?? '',
    offset: Number(row.Position),
    gtid: server.gtids ? await readGtid(connection, server, row.Executed_Gtid_Set ?? '') : null,
    doDb: row.Binlog_Do_DB ?? '',
    ignoreDb: row.Binlog_Ignore_DB ?? '',
  };
}

async function readGtid(
  connection: SourceConnection,
  { flavour }: Server,
  executed: string,
): Promise<string> {
  if (flavour === 'mysql') return withoutSpace(executed);
  const [row] = await connection.query('SELECT @@gtid_binlog_pos AS gtid');
  return row?.gtid ?? '';
}

/** Executed GTIDs, without the privilege that SHOW BINARY LOG STATUS needs. */
export async function readExecutedGtids(connection: SourceConnection): Promise<string> {
  const [row] = await connection.query('SELECT @@GLOBAL.gtid_executed AS gtid');
  return withoutSpace(row?.gtid ?? '');
}

/** The server breaks long sets into lines. */
export function withoutSpace(gtid: string): string {
  return gtid.replaceAll(/\s/g, '');
}

/** In order. Sizes are those of now: the last file grows. */
export async function readLogFiles(connection: SourceConnection): Promise<readonly LogFile[]> {
  const rows = await connection.query('SHOW BINARY LOGS');
  return rows.map((row) => ({ name: row.Log_name ?? '', sizeBytes: Number(row.File_size) }));
}

export function positionOf({ gtid, file, offset }: LogEnd): MysqlPosition {
  return { kind: 'mysql', gtid, file, offset };
}

/** `binlog.000012` → 12. Beyond 999999 the names grow, so they cannot be compared as texts. */
export function fileNumber(file: string): number {
  const known = fileNumbers.get(file);
  if (known !== undefined) return known;
  const number = Number(/\.(\d+)$/.exec(file)?.[1] ?? Number.NaN);
  if (fileNumbers.size >= maxFileNumbers) fileNumbers.clear();
  fileNumbers.set(file, number);
  return number;
}

/** Places are compared for each transaction, and nearly all are in two files: where the log is read, and where it ends. */
const fileNumbers = new Map<string, number>();
const maxFileNumbers = 100;

/** Negative, zero or positive as `a` is before, at or after `b`; both are of one server. */
export function comparePlaces(a: LogPlace, b: LogPlace): number {
  if (a.file === b.file) return a.offset - b.offset;
  return fileNumber(a.file) - fileNumber(b.file);
}

/** Bytes of log from one place to a later one; null when the files do not say. */
export function bytesBetween(
  files: readonly LogFile[],
  from: LogPlace,
  to: LogPlace,
): number | null {
  if (from.file === to.file) return Math.max(0, to.offset - from.offset);
  const first = files.findIndex(({ name }) => name === from.file);
  const last = files.findIndex(({ name }) => name === to.file);
  if (first < 0 || last < 0) return null;
  if (first > last) return 0;
  const between = files.slice(first + 1, last).reduce((sum, file) => sum + file.sizeBytes, 0);
  return Math.max(0, (files[first]?.sizeBytes ?? 0) - from.offset) + between + to.offset;
}
