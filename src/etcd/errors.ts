/**
 * What etcd or gRPC said → WatcherError. The only file that looks at their codes and texts; etcd's are listed in
 * its rpctypes package, gRPC's codes in https://grpc.io/docs/guides/status-codes/
 */
import { status } from '@grpc/grpc-js';
import { type ErrorCode, WatcherError } from '../errors.ts';

/** Finer than an ErrorCode: what this folder itself acts on. */
export type Reason =
  | 'unavailable'
  | 'no_space'
  | 'too_large'
  | 'too_many_operations'
  | 'permission_denied'
  | 'wrong_password'
  | 'no_user'
  | 'invalid_token'
  | 'auth_not_enabled'
  | 'compacted'
  | 'lease_not_found'
  | 'unknown';

interface Rule {
  /** null: any. */
  readonly status: number | null;
  /** Part of the text; null: any. */
  readonly text: string | null;
  readonly reason: Reason;
}

/** The first that matches. */
const rules: readonly Rule[] = [
  { status: status.UNAVAILABLE, text: null, reason: 'unavailable' },
  { status: status.DEADLINE_EXCEEDED, text: null, reason: 'unavailable' },
  { status: status.CANCELLED, text: null, reason: 'unavailable' },
  { status: status.RESOURCE_EXHAUSTED, text: 'database space exceeded', reason: 'no_space' },
  { status: status.RESOURCE_EXHAUSTED, text: 'message larger than max', reason: 'too_large' },
  // "too many requests", and the GOAWAY of a server that counts pings
  { status: status.RESOURCE_EXHAUSTED, text: null, reason: 'unavailable' },
  { status: status.INVALID_ARGUMENT, text: 'request is too large', reason: 'too_large' },
  { status: status.INVALID_ARGUMENT, text: 'too many operations', reason: 'too_many_operations' },
  { status: status.INVALID_ARGUMENT, text: 'authentication failed', reason: 'wrong_password' },
  { status: status.INVALID_ARGUMENT, text: 'user name is empty', reason: 'no_user' },
  { status: status.INVALID_ARGUMENT, text: 'auth store is old', reason: 'invalid_token' },
  { status: status.FAILED_PRECONDITION, text: 'is not enabled', reason: 'auth_not_enabled' },
  { status: status.FAILED_PRECONDITION, text: 'user name not found', reason: 'wrong_password' },
  { status: status.PERMISSION_DENIED, text: null, reason: 'permission_denied' },
  { status: status.UNAUTHENTICATED, text: null, reason: 'invalid_token' },
  { status: status.OUT_OF_RANGE, text: 'compacted', reason: 'compacted' },
  { status: status.NOT_FOUND, text: 'lease not found', reason: 'lease_not_found' },
  // A connection that broke in mid-call, a proxy's or another server's answer, a member that shuts down
  { status: null, text: 'RST_STREAM', reason: 'unavailable' },
  { status: null, text: 'HTTP status code', reason: 'unavailable' },
  { status: status.UNKNOWN, text: 'context', reason: 'unavailable' },
];

const codes: Readonly<Record<Reason, ErrorCode>> = {
  unavailable: 'etcd_unavailable',
  no_space: 'etcd_no_space',
  too_large: 'request_too_large',
  too_many_operations: 'internal',
  permission_denied: 'etcd_permission_denied',
  wrong_password: 'etcd_auth_failed',
  no_user: 'etcd_auth_failed',
  invalid_token: 'etcd_auth_failed',
  auth_not_enabled: 'etcd_auth_failed',
  compacted: 'etcd_unavailable',
  lease_not_found: 'fenced',
  unknown: 'internal',
};

const messages: Readonly<Record<Reason, string>> = {
  unavailable: 'etcd cannot be reached',
  no_space: 'etcd is full (NOSPACE alarm)',
  too_large: 'etcd refused a request for its size',
  too_many_operations: 'etcd refused a transaction for the number of its operations',
  permission_denied: 'The etcd user may not read or write a key of Watcher',
  wrong_password: 'etcd refused the user or its password',
  no_user: 'etcd asks for a user, and none is configured',
  invalid_token: 'etcd refused the token that it gave to the user',
  auth_not_enabled: 'etcd has no authentication, but a user is configured',
  lease_not_found: 'The lease of this instance has expired',
  compacted: 'etcd has compacted the revision that was being read',
  unknown: 'etcd answered with an error that is not known',
};

interface StatusLike {
  readonly code: number;
  readonly details: string;
}

function hasStatus(error: unknown): error is StatusLike {
  if (typeof error !== 'object' || error === null) return false;
  return typeof Reflect.get(error, 'code') === 'number' && 'details' in error;
}

/** What an error of etcd means; that of a WatcherError is that of its cause. */
export function reasonOf(error: unknown): Reason {
  const source = error instanceof WatcherError ? error.cause : error;
  if (!hasStatus(source)) return 'unknown';
  const rule = rules.find(
    ({ status: wanted, text }) =>
      (wanted === null || wanted === source.code) &&
      (text === null || source.details.includes(text)),
  );
  return rule?.reason ?? 'unknown';
}

/**
 * What OpenSSL and Node say of a connection that came to no TLS, in what grpc-js makes of it. To everything here that
 * is one more member which cannot be reached; to a person it is another matter.
 */
const noTls =
  /^No connection established\b[\s\S]*?Last error: ((?:Error: )?.*?(?:certificate|issuer|SSL routines|secure TLS).*)/;
const verbose =
  /^(?:Error: )?(?:[0-9A-F]+:error:[0-9A-F]*:SSL routines:\w*:)?|\. Resolution note:.*|:\.\.\/.*/g;

function tlsFailure(error: StatusLike): WatcherError | null {
  const said = noTls.exec(error.details)?.[1];
  if (said === undefined) return null;
  return new WatcherError('etcd_tls_failed', {
    message: `The TLS connection to etcd could not be made: ${said.replaceAll(verbose, '')}`,
    cause: error,
  });
}

/** What grpc-js says around the reason why no connection was made, or says although it knows nothing. */
const unsaid = /^No connection established\. Last error: (?:Error: )?(?=.)|\. Resolution note: *$/g;

/** Wraps a gRPC error. A WatcherError stays what it is. */
export function etcdError(error: unknown): WatcherError {
  if (error instanceof WatcherError) return error;
  const reason = reasonOf(error);
  if (reason === 'unavailable' && hasStatus(error)) {
    const failure = tlsFailure(error);
    if (failure !== null) return failure;
  }
  const details = hasStatus(error) ? `: ${error.details.replaceAll(unsaid, '')}` : '';
  return new WatcherError(codes[reason], {
    message: `${messages[reason]}${details}`,
    cause: error,
  });
}

/**
 * Whether the error says for certain that nothing was written. Else the outcome is unknown: etcd answers also
 * NOSPACE although the write may have been applied (DESIGN §3).
 */
export function isRefusal(error: unknown): boolean {
  const reason = reasonOf(error);
  return reason !== 'unavailable' && reason !== 'no_space' && reason !== 'unknown';
}
