/** Connections to the server, all with the same session settings: the text form of a value depends on them (SPEC §2.4). */
import type { Socket } from 'node:net';
import { connect as connectSocket } from 'node:net';
import mysql from 'mysql2';
import { WatcherError } from '../../errors.ts';
import type { SourceContext } from './errors.ts';
import { mayConnectPlain, toSourceError } from './errors.ts';
import type { ClientTls, TlsSettings } from './tls.ts';
import { tlsAttempts } from './tls.ts';

export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly tls: TlsSettings;
  /** Shown by the server beside its connections. */
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
}

/** Every value as the text that the server sends, in UTF-8. */
export type Row = Readonly<Record<string, string | null>>;

export interface SourceConnection {
  /** CONNECTION_ID() */
  readonly threadId: number;
  readonly context: SourceContext;
  /** mysql2's own, for what needs its commands: the log, and rows of a dump. */
  readonly client: mysql.Connection;
  /** One statement. Values are escaped into it. */
  query(sql: string, values?: readonly unknown[], timeoutMs?: number): Promise<readonly Row[]>;
  /** The reason of the signal when it is aborted, else the classified error. */
  toError(error: unknown, table?: string): unknown;
  /** Ends politely when idle; never throws. */
  close(): Promise<void>;
  /** Cuts the socket: whatever waits on this connection fails. */
  destroy(): void;
}

/** A year: whoever reads a dump or the log slowly is not cut off. */
const longSeconds = 31_536_000;

/** Of sql_select_limit and max_join_size. */
export const noLimit = '18446744073709551615';

/**
 * Whatever the server's global variables are, which DEFAULT would take:
 * - `character_set_results = NULL`: texts come as they are stored, and are decoded as those in the log are. Statements are
 *   UTF-8: `init_connect` and `skip_character_set_client_handshake` may say otherwise.
 * - `sql_mode = ''`: no PAD_CHAR_TO_FULL_LENGTH, no ANSI_QUOTES; backslashes escape.
 * - `max_join_size` before `sql_big_selects`: each assignment of it sets that one as well.
 * - `sql_buffer_result = 0`: the server copies no table before it sends it.
 * - `lc_messages`: what the server says is read by operators, and some of it here.
 * - `system_versioning_asof` has no other value for now, and its DEFAULT is that.
 * - `show_gipk_in_create_table_and_information_schema`: the log has the generated key as well.
 * The comments are read by MySQL from 5.7.8 and 8.0.30 and by MariaDB from 10.1 and 10.3 on.
 */
const sessionSettings = `SET SESSION sql_mode = '', character_set_client = utf8mb4,
 collation_connection = utf8mb4_general_ci, character_set_results = NULL, time_zone = '+00:00', lc_messages = 'en_US',
 autocommit = 1, completion_type = 0, max_join_size = ${noLimit}, sql_big_selects = 1, sql_select_limit = ${noLimit},
 sql_buffer_result = 0, sql_quote_show_create = 1, group_concat_max_len = 1048576, lock_wait_timeout = 5,
 wait_timeout = ${longSeconds}, net_write_timeout = ${longSeconds}
 /*!50708 , max_execution_time = 0 */ /*!80030 , show_gipk_in_create_table_and_information_schema = 1 */
 /*M!100101 , max_statement_time = 0 */
 /*M!100300 , idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0, system_versioning_asof = DEFAULT */`;

const isolation = 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ';

const queryTimeoutMs = 60_000;

const closeTimeoutMs = 1_000;

/** Of TCP's own: a server that is gone without a word is noticed. */
const keepAliveDelayMs = 10_000;

/**
 * @param signal ends the connection, at any time.
 * @throws WatcherError, classified; or the signal's reason.
 */
export async function connect(
  target: ConnectTarget,
  signal: AbortSignal,
): Promise<SourceConnection> {
  const attempts = tlsAttempts(target.tls, target.host);
  for (const [index, tls] of attempts.entries()) {
    signal.throwIfAborted();
    try {
      const connection = wrap(await open(target, tls, signal), contextOf(target), signal);
      await prepareSession(connection, target.connectTimeoutMs);
      return connection;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (index + 1 < attempts.length && mayConnectPlain(error)) continue;
      throw toSourceError(error, contextOf(target));
    }
  }
  throw new WatcherError('internal');
}

async function prepareSession(connection: SourceConnection, timeoutMs: number): Promise<void> {
  try {
    await connection.query(sessionSettings, [], timeoutMs);
    await connection.query(isolation, [], timeoutMs);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

interface Opened {
  readonly client: mysql.Connection;
  /** TCP's, below TLS. */
  readonly socket: Socket;
}

async function open(
  target: ConnectTarget,
  tls: ClientTls | false,
  signal: AbortSignal,
): Promise<Opened> {
  const socket = openSocket(target);
  const cut = () => socket.destroy();
  const client = mysql.createConnection({
    host: target.host,
    user: target.user,
    password: target.password,
    stream: () => socket,
    ...(tls !== false && { ssl: { ...tls } }),
    charset: 'UTF8MB4_GENERAL_CI',
    connectTimeout: target.connectTimeoutMs,
    connectAttributes: { program_name: target.applicationName },
    flags: ['-LOCAL_FILES'],
    // None is prepared; mysql2 makes room for so many at once, by default half a megabyte for each connection.
    maxPreparedStatements: 1,
    typeCast: false,
  } as mysql.ConnectionOptions);
  // An idle connection that breaks: what is done next on it fails, and says so.
  client.on('error', () => {});
  signal.addEventListener('abort', cut, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', cut));
  try {
    await connected(client);
    return { client, socket };
  } catch (error) {
    cut();
    throw error;
  }
}

function connected(client: mysql.Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    client.connect((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/**
 * mysql2 names no host to Node's TLS when it is an IP address, and Node then compares the certificate with what the
 * socket was made for, which it only keeps for names.
 */
function openSocket(target: ConnectTarget): Socket {
  if (target.host.startsWith('/')) return connectSocket({ path: target.host });
  const { host, port } = target;
  const socket = connectSocket({ host, port });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveDelayMs);
  return Object.assign(socket, { _host: host });
}

function wrap(
  { client, socket }: Opened,
  context: SourceContext,
  signal: AbortSignal,
): SourceConnection {
  const toError = (error: unknown, table?: string) => {
    if (signal.aborted) return signal.reason;
    return toSourceError(error, table === undefined ? context : { ...context, table });
  };
  // That of mysql2 only ends its own side, and then does not fail what waits for an answer.
  const destroy = () => socket.destroy();
  return {
    threadId: client.threadId ?? 0,
    context,
    client,
    async query(sql, values = [], timeoutMs = queryTimeoutMs) {
      const timer = setTimeout(destroy, timeoutMs);
      try {
        return await run(client, sql, values);
      } catch (error) {
        throw toError(error);
      } finally {
        clearTimeout(timer);
      }
    },
    toError,
    async close() {
      const timer = setTimeout(destroy, closeTimeoutMs);
      await new Promise<void>((resolve) => {
        client.end(() => resolve());
        client.once('end', resolve);
        client.once('error', () => resolve());
      });
      clearTimeout(timer);
      destroy();
    },
    destroy,
  };
}

/** The server describes itself in UTF-8. */
function asText(field: { buffer(): Buffer | null }): string | null {
  return field.buffer()?.toString('utf8') ?? null;
}

function run(
  client: mysql.Connection,
  sql: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    client.query({ sql, values: [...values], typeCast: asText }, (error, rows) => {
      if (error !== null) reject(error);
      else resolve(Array.isArray(rows) ? (rows as unknown as readonly Row[]) : []);
    });
  });
}

function contextOf(target: ConnectTarget): SourceContext {
  const { host, port, user } = target;
  return { host, port, user };
}
