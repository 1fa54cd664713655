import { createHash } from 'node:crypto';
import type { TlsSettings } from './tls.ts';

/** What the MySQL and MariaDB driver needs of a sync's configuration, and nothing more. */
export interface MysqlDriverOptions {
  /** The name of the sync. */
  readonly sync: string;
  /** A name, an address, or the folder of a Unix socket, which starts with `/`. */
  readonly host: string;
  readonly port: number;
  /** One or more. */
  readonly databases: readonly string[];
  readonly user: string;
  /** Empty: none. */
  readonly password: string;
  readonly tls: TlsSettings;
  /** By which the server knows this reader among its replicas; see `autoServerId`. */
  readonly serverId: number;
  /** Tells this installation from another one with a sync of the same name: see `installationName`. */
  readonly installation?: string;
  /** Whether a table belongs to the sync. */
  matches(schema: string, table: string): boolean;
  excludesColumn(schema: string, table: string, column: string): boolean;
  /** `schema.table` → the columns of its key, in order. */
  readonly keyColumns: Readonly<Record<string, readonly string[]>>;
  readonly numbers: 'number' | 'string';
  /** Connections that read a dump. */
  readonly parallel: number;
  readonly dumpMethod: 'native' | 'mysqldump';
  /** Path of mysqldump or mariadb-dump; null: the one on `path`. */
  readonly dumpProgram: string | null;
  /** Where programs are looked for: PATH. */
  readonly path: string;
  /** What becomes of tables that foreign keys change without the log saying so (DESIGN §5). */
  readonly onUnloggedCascade: 'refuse' | 'redump';
  readonly logger: Logger;
  readonly connectTimeoutMs?: number;
  /** How long a dump waits for prepared XA transactions to end; 30 s. */
  readonly xaTimeoutMs?: number;
  /** How often position and binlogs are looked up; 3 s. */
  readonly sampleIntervalMs?: number;
}

/** The part of pino that the driver uses. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const lowestAutoId = 0x8000_0000;

/**
 * `mysql.server_id: auto`: always the same for one reader, so that the server ends a connection of its own past that
 * still hangs; in the upper half, where servers seldom have theirs.
 * @param seed what tells this reader from all others: its sync, source and store.
 */
export function autoServerId(seed: string): number {
  const hash = createHash('sha256').update(seed).digest().readUInt32BE(0);
  return (lowestAutoId | (hash >>> 1)) >>> 0;
}

/**
 * Short, and always the same for one seed: two installations that were given one server id must not take each other
 * for their own past, and end each other's connections for ever.
 */
export function installationName(seed: string): string {
  return createHash('sha256').update(seed).digest('hex').slice(0, 8);
}

/** For a second reader of the log beside the stream of the same sync. */
export function secondServerId(serverId: number): number {
  return autoServerId(`${serverId}, beside the stream`);
}
