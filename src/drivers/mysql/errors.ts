/**
 * What the server and the network say → WatcherError, by errno, SQLSTATE and the codes of `mysql2`.
 * Source: MySQL "Server Error Message Reference"; MariaDB "Error Codes".
 */
import type { ErrorCode } from '../../errors.ts';
import { toWatcherError, WatcherError } from '../../errors.ts';
import { fromLogError } from './log-errors.ts';
import { quoteText } from './sql-text.ts';

/** What was being talked to; part of the texts. */
export interface SourceContext {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** `schema.table` */
  readonly table?: string;
}

/** As mysql2 raises what the server answers. */
export interface ServerError extends Error {
  readonly errno: number;
  readonly sqlState: string;
  readonly sqlMessage: string;
}

/** @returns the error itself when it is classified already. */
export function toSourceError(error: unknown, context: SourceContext): WatcherError {
  if (error instanceof WatcherError) return error;
  if (!(error instanceof Error)) return toWatcherError(error);
  if (isServerError(error)) return fromServer(error, context);
  const code = codeOf(error);
  if (networkCodes.has(code)) return unreachable(error, code, context);
  if (isTlsFailure(code)) return tlsFailure(error, code, context);
  if (authCodes.has(code) || unknownPlugin.test(error.message)) return authFailure(error, context);
  // What is asked of a connection that has ended already: mysql2 gives that no code.
  if (code === '' && 'fatal' in error && error.fatal === true) {
    return unreachable(error, error.message, context);
  }
  return toWatcherError(error);
}

export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'sqlState' in error && 'errno' in error;
}

/** Whether, with `tls.mode: prefer`, a connection without TLS is tried after this error. */
export function mayConnectPlain(error: unknown): boolean {
  return error instanceof Error && !isServerError(error) && isTlsFailure(codeOf(error));
}

/** errno of what the server answered; 0 for everything else. */
export function errnoOf(error: unknown): number {
  const source = error instanceof WatcherError ? error.cause : error;
  return isServerError(source) ? source.errno : 0;
}

/** Whether the server refused a statement because the account may not run it. */
export function isDenied(error: unknown): boolean {
  return deniedErrnos.has(errnoOf(error));
}

/** ER_LOCK_WAIT_TIMEOUT, and what else says that a lock did not come. */
export function isLockTimeout(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 1205 || errno === 3572;
}

/** ER_TABLE_DEF_CHANGED, ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR, ER_BAD_DB_ERROR: altered or dropped since the snapshot. */
export function isTableChanged(error: unknown): boolean {
  return [1412, 1146, 1054, 1049].includes(errnoOf(error));
}

const deniedErrnos: ReadonlySet<number> = new Set([1044, 1045, 1142, 1143, 1227, 1370, 1401]);

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ENOENT',
  'EACCES',
  'EMFILE',
  'ERR_SOCKET_CLOSED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_PACKETS_OUT_OF_ORDER',
]);

function unreachable(error: Error, code: string, context: SourceContext): WatcherError {
  const unknownHost = code === 'ENOTFOUND' || code.startsWith('EAI_');
  return new WatcherError('source_unavailable', {
    message: unknownHost
      ? `The host ${context.host} is not known (${code})`
      : `${address(context)} cannot be reached, or the connection ended (${code})`,
    ...(unknownHost && { remedy: 'Check database.host, and the name service of this machine.' }),
    cause: withoutSql(error),
  });
}

const noTls = 'HANDSHAKE_NO_SSL_SUPPORT';

function isTlsFailure(code: string): boolean {
  return (
    code === noTls ||
    code === 'HANDSHAKE_SSL_ERROR' ||
    code === 'EPROTO' ||
    /^ERR_(?:TLS|SSL|OSSL)/.test(code) ||
    // OpenSSL's verification errors, as Node names them: SELF_SIGNED_CERT_IN_CHAIN, CERT_HAS_EXPIRED, …
    /^(?:CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CRL_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/.test(
      code,
    ) ||
    /(?:CERT|ISSUER)/.test(code)
  );
}

function tlsFailure(error: Error, code: string, context: SourceContext): WatcherError {
  if (code === noTls) {
    return new WatcherError('source_tls_failed', {
      message: `${address(context)} does not offer TLS`,
      remedy:
        'Set ssl_ca, ssl_cert and ssl_key on the server and restart it, or database.tls.mode: prefer.',
      cause: error,
    });
  }
  return new WatcherError('source_tls_failed', {
    message: `TLS with ${address(context)} failed: ${error.message}`,
    cause: error,
  });
}

const authCodes: ReadonlySet<string> = new Set([
  'AUTH_SWITCH_PLUGIN_ERROR',
  'MYSQL_CLEAR_PASSWORD_NOT_ENABLED',
]);
const unknownPlugin = /^Server requests authentication using unknown plugin/;

function authFailure(error: Error, context: SourceContext): WatcherError {
  const user = quoteText(context.user);
  return new WatcherError('source_auth_failed', {
    message: `The user ${context.user} cannot log in at ${address(context)}: ${error.message}`,
    remedy: `ALTER USER ${user} IDENTIFIED WITH caching_sha2_password BY '…'; (MariaDB, and MySQL before 8.0: mysql_native_password)`,
    cause: error,
  });
}

/** By errno; then SQLSTATE, then its class (two characters). */
const errnos: Readonly<Record<number, ErrorCode>> = {
  1040: 'source_unavailable', // ER_CON_COUNT_ERROR
  1041: 'source_unavailable', // ER_OUT_OF_RESOURCES
  1044: 'privilege_missing', // ER_DBACCESS_DENIED_ERROR
  1045: 'source_auth_failed', // ER_ACCESS_DENIED_ERROR
  1049: 'database_missing', // ER_BAD_DB_ERROR
  1051: 'source_busy', // ER_BAD_TABLE_ERROR
  1053: 'source_unavailable', // ER_SERVER_SHUTDOWN
  1054: 'source_busy', // ER_BAD_FIELD_ERROR: the table was altered since the catalog was read
  1129: 'source_unavailable', // ER_HOST_IS_BLOCKED
  1130: 'source_auth_failed', // ER_HOST_NOT_PRIVILEGED
  1142: 'privilege_missing', // ER_TABLEACCESS_DENIED_ERROR
  1143: 'privilege_missing', // ER_COLUMNACCESS_DENIED_ERROR
  1146: 'source_busy', // ER_NO_SUCH_TABLE
  1152: 'source_unavailable', // ER_ABORTING_CONNECTION
  1158: 'source_unavailable', // ER_NET_READ_ERROR
  1159: 'source_unavailable', // ER_NET_READ_INTERRUPTED
  1160: 'source_unavailable', // ER_NET_ERROR_ON_WRITE
  1161: 'source_unavailable', // ER_NET_WRITE_INTERRUPTED
  1203: 'source_unavailable', // ER_TOO_MANY_USER_CONNECTIONS
  1205: 'source_busy', // ER_LOCK_WAIT_TIMEOUT
  1213: 'source_busy', // ER_LOCK_DEADLOCK
  1226: 'source_unavailable', // ER_USER_LIMIT_REACHED
  1227: 'privilege_missing', // ER_SPECIFIC_ACCESS_DENIED_ERROR
  1251: 'source_auth_failed', // ER_NOT_SUPPORTED_AUTH_MODE
  1317: 'source_unavailable', // ER_QUERY_INTERRUPTED
  1370: 'privilege_missing', // ER_PROCACCESS_DENIED_ERROR
  1381: 'binlog_setting', // ER_NO_BINARY_LOGGING
  1412: 'source_busy', // ER_TABLE_DEF_CHANGED
  1524: 'source_auth_failed', // ER_PLUGIN_IS_NOT_LOADED: of the account
  1698: 'source_auth_failed', // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
  1820: 'source_auth_failed', // ER_MUST_CHANGE_PASSWORD
  1862: 'source_auth_failed', // ER_MUST_CHANGE_PASSWORD_LOGIN
  1969: 'source_unavailable', // ER_STATEMENT_TIMEOUT (MariaDB)
  3024: 'source_unavailable', // ER_QUERY_TIMEOUT
  3118: 'source_auth_failed', // ER_ACCOUNT_HAS_BEEN_LOCKED
  3159: 'source_tls_failed', // ER_SECURE_TRANSPORT_REQUIRED
  3169: 'source_unavailable', // ER_SESSION_WAS_KILLED
  3572: 'source_busy', // ER_LOCK_NOWAIT
  4031: 'source_unavailable', // ER_CLIENT_INTERACTION_TIMEOUT
  4151: 'source_auth_failed', // ER_ACCOUNT_HAS_BEEN_LOCKED (MariaDB)
};

const sqlstates: Readonly<Record<string, ErrorCode>> = {
  '08': 'source_unavailable',
  '28': 'source_auth_failed',
  '40': 'source_busy',
  '70': 'source_unavailable',
};

const remedies: Readonly<Record<number, (context: SourceContext) => string>> = {
  1040: () =>
    'SET GLOBAL max_connections = …; or close connections, or lower dump.parallel of the syncs.',
  1129: () =>
    'FLUSH HOSTS; on the server (MySQL 8.0 and later: TRUNCATE performance_schema.host_cache;)',
  1130: (context) => `CREATE USER ${quoteText(context.user)}@'%' IDENTIFIED BY '…';`,
  1203: () => 'SET GLOBAL max_user_connections = 0; or lower dump.parallel of the syncs.',
  1820: (context) => `ALTER USER ${quoteText(context.user)} IDENTIFIED BY '…';`,
  1862: (context) => `ALTER USER ${quoteText(context.user)} IDENTIFIED BY '…';`,
  3118: (context) => `ALTER USER ${quoteText(context.user)} ACCOUNT UNLOCK;`,
  3159: () => 'Set database.tls.mode: require (or verify-full).',
};

function fromServer(error: ServerError, context: SourceContext): WatcherError {
  const read = fromLogError(error.errno, error.sqlMessage);
  if (read !== null) return read;
  const { errno, sqlState } = error;
  const code = errnos[errno] ?? sqlstates[sqlState.slice(0, 2)] ?? 'source_error';
  const remedy =
    remedies[errno]?.(context) ??
    (code === 'source_auth_failed'
      ? 'Check database.user and database.password, and the hosts that the account may come from: SELECT user, host, plugin FROM mysql.user;'
      : undefined);
  const where = context.table === undefined ? '' : ` (table ${context.table})`;
  return new WatcherError(code, {
    message: `${address(context)}: ${error.sqlMessage}${where} (error ${errno}, SQLSTATE ${sqlState})`,
    ...(remedy !== undefined && { remedy }),
    ...(context.table !== undefined && { table: context.table }),
    cause: withoutSql(error),
  });
}

/** The cause goes to the log: without the statement, which mysql2 adds. */
function withoutSql(error: Error): Error {
  const cause = new Error(error.message);
  const { code, errno, sqlState, sqlMessage } = error as Partial<ServerError> & { code?: string };
  return Object.assign(cause, { code, errno, sqlState, sqlMessage });
}

function address(context: SourceContext): string {
  return context.host.startsWith('/') ? context.host : `${context.host}:${context.port}`;
}
