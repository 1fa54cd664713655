import { expect, test } from 'vitest';
import {
  isDenied,
  isLockTimeout,
  mayConnectPlain,
  toSourceError,
} from '../../../../src/drivers/mysql/errors.ts';
import { WatcherError } from '../../../../src/errors.ts';

const context = { host: 'db', port: 3306, user: "o'hara" };

function answered(errno: number, sqlState: string, sqlMessage: string): Error {
  return Object.assign(new Error(sqlMessage), {
    errno,
    sqlState,
    sqlMessage,
    sql: 'SELECT secret',
    code: 'ER_X',
  });
}

test.each([
  [1045, '28000', 'source_auth_failed'],
  [1040, '08004', 'source_unavailable'],
  [1049, '42000', 'database_missing'],
  [1053, '08S01', 'source_unavailable'],
  [1142, '42000', 'privilege_missing'],
  [1205, 'HY000', 'source_busy'],
  [1227, '42000', 'privilege_missing'],
  [1412, 'HY000', 'source_busy'],
  [3159, 'HY000', 'source_tls_failed'],
  [1236, 'HY000', 'source_error'],
  [9999, '40001', 'source_busy'],
  [9999, 'HY000', 'source_error'],
])('error %i, SQLSTATE %s: %s', (errno, state, code) => {
  const error = toSourceError(answered(errno, state, 'text'), context);
  expect(error.code).toBe(code);
  expect(error.message).toContain(String(errno));
});

test.each([
  ['ECONNREFUSED', 'source_unavailable'],
  ['ENOTFOUND', 'source_unavailable'],
  ['PROTOCOL_CONNECTION_LOST', 'source_unavailable'],
  ['HANDSHAKE_NO_SSL_SUPPORT', 'source_tls_failed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'source_tls_failed'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'source_tls_failed'],
  ['AUTH_SWITCH_PLUGIN_ERROR', 'source_auth_failed'],
  ['SOMETHING_ELSE', 'internal'],
])('%s: %s', (code, expected) => {
  expect(toSourceError(Object.assign(new Error('text'), { code }), context).code).toBe(expected);
});

test('what is asked of a connection that has ended is not answered by a server that is away', () => {
  const message = "Can't add new command when connection is in closed state";
  const closed = Object.assign(new Error(message), { fatal: true });
  expect(toSourceError(closed, context).code).toBe('source_unavailable');
  expect(toSourceError(new Error(message), context).code).toBe('internal');
});

test('the statement is in no text and in no cause', () => {
  const error = toSourceError(answered(1064, '42000', 'You have an error'), context);
  expect(JSON.stringify([error.message, error.remedy, error.cause])).not.toContain('secret');
});

test('prefer goes on without TLS only where TLS is not offered or fails', () => {
  const withCode = (code: string) => Object.assign(new Error('text'), { code });
  expect(mayConnectPlain(withCode('HANDSHAKE_NO_SSL_SUPPORT'))).toBe(true);
  expect(mayConnectPlain(withCode('EPROTO'))).toBe(true);
  expect(mayConnectPlain(withCode('ECONNREFUSED'))).toBe(false);
  expect(mayConnectPlain(answered(1045, '28000', 'denied'))).toBe(false);
});

test('what was refused is known after it was classified', () => {
  const denied = toSourceError(answered(1227, '42000', 'denied'), context);
  expect([isDenied(denied), isLockTimeout(denied)]).toEqual([true, false]);
  const late = toSourceError(answered(1205, 'HY000', 'timeout'), context);
  expect([isDenied(late), isLockTimeout(late)]).toEqual([false, true]);
  expect(isDenied(new WatcherError('internal'))).toBe(false);
});

test('a table is named', () => {
  const error = toSourceError(answered(1146, '42S02', 'no table'), { ...context, table: 'a.b' });
  expect(error.table).toBe('a.b');
  expect(error.message).toContain('a.b');
});
