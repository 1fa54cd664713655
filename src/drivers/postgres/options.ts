import type { TlsSettings } from './tls.ts';

/** What the PostgreSQL driver needs of a sync's configuration, and nothing more. */
export interface PostgresDriverOptions {
  /** The name of the sync. */
  readonly sync: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Empty: none. */
  readonly password: string;
  readonly tls: TlsSettings;
  readonly publication: string;
  readonly slot: string;
  readonly managePublication: boolean;
  /** Ask for a slot that standbys keep too (PostgreSQL 17 and later). */
  readonly failover: boolean;
  /** Globs of what may belong to the sync, asked of the server; all without it. `matches` decides. */
  readonly include?: readonly { readonly schema: string; readonly table: string }[];
  /** Whether a table belongs to the sync. */
  matches(schema: string, table: string): boolean;
  excludesColumn(schema: string, table: string, column: string): boolean;
  /** `schema.table` → the columns of its key, in order. */
  readonly keyColumns: Readonly<Record<string, readonly string[]>>;
  readonly numbers: 'number' | 'string';
  /** Connections that read a dump. */
  readonly parallel: number;
  /** How often the server is told the durable position. */
  readonly statusIntervalMs: number;
  /** How often the catalog is compared; 10 s unless a test asks for less. */
  readonly pollIntervalMs?: number;
  readonly connectTimeoutMs?: number;
  /** How long the making of a slot may wait for running transactions; 30 s. */
  readonly slotTimeoutMs?: number;
  readonly logger: Logger;
}

/** The part of pino that the driver uses. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
