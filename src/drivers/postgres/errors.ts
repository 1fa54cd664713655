/**
 * What the server and the network say → WatcherError, by SQLSTATE and errno.
 * Source: PostgreSQL documentation, appendix "PostgreSQL Error Codes". DETAIL, HINT and WHERE of a server's
 * error are left out of every text: they may hold values of rows.
 */
import type { ErrorCode } from '../../errors.ts';
import { toWatcherError, WatcherError } from '../../errors.ts';

/** What was being talked to; part of the texts. */
export interface SourceContext {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** A walsender: some SQLSTATEs mean another thing there. */
  readonly replication?: boolean;
  readonly table?: string;
}

interface ServerError extends Error {
  readonly severity: string;
  readonly code: string;
  /** The C function that raised it. */
  readonly routine?: string;
}

/** @returns the error itself when it is classified already. */
export function toSourceError(error: unknown, context: SourceContext): WatcherError {
  if (error instanceof WatcherError) return error;
  if (!(error instanceof Error)) return toWatcherError(error);
  if (isServerError(error)) return fromServer(error, context);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (networkCodes.has(code)) return unreachable(error, code, context);
  if (isTlsFailure(error, code)) return tlsFailure(error, context);
  return fromClient(error, context);
}

/** Whether libpq, with sslmode=prefer, would go on without TLS after this error. */
export function mayConnectPlain(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return isServerError(error) ? code === '28000' : isTlsFailure(error, code);
}

function isServerError(error: Error): error is ServerError {
  return 'severity' in error && 'code' in error && typeof error.code === 'string';
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
]);

function unreachable(error: Error, code: string, context: SourceContext): WatcherError {
  const unknownHost = code === 'ENOTFOUND' || code.startsWith('EAI_');
  return new WatcherError('source_unavailable', {
    message: unknownHost
      ? `The host ${context.host} is not known (${code})`
      : `${address(context)} cannot be reached (${code})`,
    ...(unknownHost && { remedy: 'Check database.host, and the name service of this machine.' }),
    cause: error,
  });
}

// Of the library `pg`, which gives its own errors no code.
const noTls = 'The server does not support SSL connections';
const clientTexts: readonly RegExp[] = [
  /^Connection terminated/,
  /^timeout expired$/,
  /^Query read timeout$/,
  /^Client (?:has encountered a connection error|was closed)/,
  /^There was an error establishing an SSL connection$/,
];

function isTlsFailure(error: Error, code: string): boolean {
  return (
    error.message === noTls ||
    code === 'EPROTO' ||
    /^ERR_(?:TLS|SSL|OSSL)/.test(code) ||
    // OpenSSL's verification errors, as Node names them: SELF_SIGNED_CERT_IN_CHAIN, CERT_HAS_EXPIRED, …
    /^(?:CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CRL_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/.test(
      code,
    ) ||
    /(?:CERT|ISSUER)/.test(code)
  );
}

function tlsFailure(error: Error, context: SourceContext): WatcherError {
  if (error.message === noTls) {
    return new WatcherError('source_tls_failed', {
      message: `${address(context)} does not offer TLS`,
      remedy: 'Set ssl = on with a certificate on the server, or database.tls.mode: prefer.',
      cause: error,
    });
  }
  return new WatcherError('source_tls_failed', {
    message: `TLS with ${address(context)} failed: ${error.message}`,
    cause: error,
  });
}

function fromClient(error: Error, context: SourceContext): WatcherError {
  if (clientTexts.some((text) => text.test(error.message))) {
    return new WatcherError('source_unavailable', {
      message: `The connection to ${address(context)} ended: ${error.message}`,
      cause: error,
    });
  }
  if (error.message.startsWith('SASL')) {
    return new WatcherError('source_auth_failed', {
      message: `The password for ${context.user} at ${address(context)} does not serve: ${error.message}`,
      cause: error,
    });
  }
  return toWatcherError(error);
}

/** Exact SQLSTATEs first, then their classes (two characters). */
const sqlstates: Readonly<Record<string, ErrorCode>> = {
  '28000': 'source_auth_failed',
  '28P01': 'source_auth_failed',
  '3D000': 'database_missing',
  '57P04': 'database_missing',
  '42501': 'privilege_missing',
  '53300': 'source_unavailable',
  '53400': 'slots_exhausted',
  '55P03': 'source_busy',
  // What was just read in the catalog is gone or there already: someone else changed it meanwhile.
  '42P01': 'source_busy',
  '42703': 'source_busy',
  '42710': 'source_busy',
  '57014': 'source_busy',
  '40': 'source_busy',
  '08': 'source_unavailable',
  '53': 'source_unavailable',
  '57': 'source_unavailable',
  '58': 'source_unavailable',
  '25P03': 'source_unavailable',
  '25P04': 'source_unavailable',
};

/** On a walsender, where the same SQLSTATE says something narrower. */
const walsenderStates: Readonly<Record<string, ErrorCode>> = {
  '53300': 'slots_exhausted',
  '55006': 'slot_in_use',
  // "requested WAL segment … has already been removed"
  '58P01': 'slot_lost',
  // "cannot read from logical replication slot", "can no longer get changes from replication slot"
  '55000': 'slot_lost',
};

const remedies: Readonly<Record<string, (context: SourceContext) => string>> = {
  '28000': (context) =>
    `Add to pg_hba.conf: host ${context.database} ${context.user} ADDRESS/32 scram-sha-256 — then SELECT pg_reload_conf(); and check that the role exists and may log in.`,
  '3D000': (context) => `CREATE DATABASE "${context.database}"; or correct database.name.`,
  '53300': () =>
    'Raise max_connections (or max_wal_senders) and restart the server, or close connections.',
};

function fromServer(error: ServerError, context: SourceContext): WatcherError {
  const code = codeOf(error, context);
  const remedy = remedies[error.code]?.(context);
  const where = context.table === undefined ? '' : ` (table ${context.table})`;
  return new WatcherError(code, {
    message: `${address(context)}, database ${context.database}: ${error.message}${where} (SQLSTATE ${error.code})`,
    ...(remedy !== undefined && code !== 'slots_exhausted' && { remedy }),
    ...(context.table !== undefined && { table: context.table }),
    cause: withoutDetail(error),
  });
}

/**
 * A relation, or what belongs to one, was dropped while a query about the catalog was at it: the server has no SQLSTATE of
 * its own for that ("could not open relation with OID 20029", "cache lookup failed for attribute 2 of relation 20029").
 */
function isCatalogRace({ code, routine, message }: ServerError): boolean {
  if (code !== 'XX000') return false;
  return routine === 'relation_open' || /^cache lookup failed/.test(message);
}

function codeOf(error: ServerError, context: SourceContext): ErrorCode {
  if (isCatalogRace(error)) return 'source_busy';
  if (context.replication === true) {
    const undefinedObject = undefinedInStream(error);
    if (undefinedObject !== null) return undefinedObject;
    const narrow = walsenderStates[error.code];
    if (narrow !== undefined) return narrow;
  }
  return sqlstates[error.code] ?? sqlstates[error.code.slice(0, 2)] ?? 'source_error';
}

/** 42704 is raised for a missing slot and for a missing publication alike; the C function tells them apart. */
function undefinedInStream(error: ServerError): ErrorCode | null {
  if (error.code !== '42704') return null;
  return error.routine?.startsWith('ReplicationSlot') ? 'slot_missing' : 'publication_replaced';
}

/** The cause goes to the log: only what cannot hold a value of a row. */
function withoutDetail(error: ServerError): Error {
  const cause = new Error(error.message);
  return Object.assign(cause, { code: error.code, routine: error.routine });
}

function address(context: SourceContext): string {
  return `${context.host}:${context.port}`;
}
