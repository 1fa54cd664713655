/**
 * Connections to the server, for SQL and for replication, all with the same session settings: the text form of a
 * value depends on them, and ALTER DATABASE or ALTER ROLE … SET reach a walsender too (SPEC §2.4).
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import { WatcherError } from '../../errors.ts';
import type { SourceContext } from './errors.ts';
import { mayConnectPlain, toSourceError } from './errors.ts';
import type { TlsSettings } from './tls.ts';
import { tlsAttempts } from './tls.ts';

export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly tls: TlsSettings;
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
}

export type Row = Readonly<Record<string, unknown>>;

/** What `pg` asks of something that it is to run; see its lib/query.js. `handleError` is always the last call. */
export interface Submittable {
  submit(connection: unknown): void;
  handleError(error: Error): void;
  handleReadyForQuery(): void;
  handleCopyData(message: { readonly chunk: Buffer }): void;
  handleCommandComplete(): void;
  handleRowDescription(): void;
  handleDataRow(): void;
  handleEmptyQuery(): void;
  handlePortalSuspended(): void;
  handleCopyInResponse(): void;
}

export interface SourceConnection {
  /** Process id of the backend. */
  readonly pid: number;
  readonly socket: Socket;
  readonly context: SourceContext;
  /** One statement. With values it is prepared, which a walsender refuses. */
  query(sql: string, values?: readonly unknown[], timeoutMs?: number): Promise<readonly Row[]>;
  /** Takes the connection over until the submittable is done. */
  submit(submittable: Submittable): void;
  /** Writes CopyData while a COPY BOTH goes on. */
  sendCopyData(data: Buffer): void;
  /** The reason of the signal when it is aborted, else the classified error. */
  toError(error: unknown): unknown;
  /** Ends politely when idle; never throws. */
  close(): Promise<void>;
  /** Ends in the middle of a COPY BOTH, after what was written; never throws. */
  leave(): Promise<void>;
  /** Cuts the socket: whatever waits on this connection fails. */
  destroy(): void;
}

/** Source: DESIGN §4. The startup packet overrides what ALTER DATABASE and ALTER ROLE have set. */
const settings = [
  'TimeZone=UTC',
  'DateStyle=ISO',
  'IntervalStyle=postgres',
  'extra_float_digits=3',
  'bytea_output=hex',
  'search_path=pg_catalog',
  'client_encoding=UTF8',
  'row_security=off',
  'standard_conforming_strings=on',
  'statement_timeout=0',
  'lock_timeout=0',
  'idle_in_transaction_session_timeout=0',
  'default_transaction_read_only=off',
  'default_transaction_deferrable=off',
];

const startupOptions = settings.map((setting) => `-c ${setting}`).join(' ');

/** Settings that not every version knows: a startup packet with an unknown one is refused. */
const lateSettings = `
  SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
  WHERE name IN ('idle_session_timeout', 'transaction_timeout')`;

const queryTimeoutMs = 60_000;

const closeTimeoutMs = 1_000;

/**
 * @param kind `replication`: a walsender of the database, which runs replication commands and plain SQL.
 * @param signal ends the connection, at any time.
 * @throws WatcherError, classified; or the signal's reason.
 */
export async function connect(
  target: ConnectTarget,
  kind: 'sql' | 'replication',
  signal: AbortSignal,
): Promise<SourceConnection> {
  const attempts = tlsAttempts(target.tls, target.host);
  for (const [index, ssl] of attempts.entries()) {
    signal.throwIfAborted();
    try {
      const connection = await open(target, kind, ssl, signal);
      await connection.query(lateSettings, [], target.connectTimeoutMs);
      return connection;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (index + 1 < attempts.length && mayConnectPlain(error)) continue;
      throw toSourceError(error, contextOf(target, kind));
    }
  }
  throw new WatcherError('internal');
}

type PgConnection = pg.Connection & {
  readonly stream: Socket;
  sendCopyFromChunk(chunk: Buffer): void;
  end(): void;
};

type PgClient = pg.Client & { readonly connection: PgConnection; readonly processID: number };

async function open(
  target: ConnectTarget,
  kind: 'sql' | 'replication',
  ssl: ReturnType<typeof tlsAttempts>[number],
  signal: AbortSignal,
): Promise<SourceConnection> {
  const config = {
    host: target.host,
    port: target.port,
    database: target.database,
    user: target.user,
    // A function: an empty password must not fall back to PGPASSWORD or to ~/.pgpass.
    password: () => target.password,
    ssl,
    application_name: target.applicationName,
    options: startupOptions,
    connectionTimeoutMillis: target.connectTimeoutMs,
    keepAlive: true,
    ...(kind === 'replication' && { replication: 'database' }),
  };
  const client = new pg.Client(config as pg.ClientConfig) as PgClient;
  // An idle connection that breaks: what is done next on it fails, and says so.
  client.on('error', () => {});
  const cut = () => client.connection.stream.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    await client.connect();
  } catch (error) {
    signal.removeEventListener('abort', cut);
    cut();
    throw error;
  }
  client.once('end', () => signal.removeEventListener('abort', cut));
  return wrap(client, contextOf(target, kind), signal);
}

function wrap(client: PgClient, context: SourceContext, signal: AbortSignal): SourceConnection {
  const toError = (error: unknown) =>
    signal.aborted ? signal.reason : toSourceError(error, context);
  const destroy = () => {
    client.connection.stream.destroy();
  };
  return {
    pid: client.processID,
    get socket() {
      return client.connection.stream;
    },
    context,
    async query(sql, values = [], timeoutMs = queryTimeoutMs) {
      const timer = setTimeout(destroy, timeoutMs);
      try {
        const result = await (values.length === 0
          ? client.query<Row>(sql)
          : client.query<Row>(sql, [...values]));
        return result.rows;
      } catch (error) {
        throw toError(error);
      } finally {
        clearTimeout(timer);
      }
    },
    submit(submittable) {
      client.query(submittable as unknown as pg.Submittable);
    },
    sendCopyData(data) {
      client.connection.sendCopyFromChunk(data);
    },
    toError,
    async close() {
      const timer = setTimeout(destroy, closeTimeoutMs);
      await client.end().catch(destroy);
      clearTimeout(timer);
    },
    async leave() {
      const { connection } = client;
      if (connection.stream.destroyed) return;
      const timer = setTimeout(destroy, closeTimeoutMs);
      const ended = once(connection.stream, 'close').catch(destroy);
      connection.end();
      await ended;
      clearTimeout(timer);
    },
    destroy,
  };
}

function contextOf(target: ConnectTarget, kind: 'sql' | 'replication'): SourceContext {
  const { host, port, database, user } = target;
  return { host, port, database, user, replication: kind === 'replication' };
}
