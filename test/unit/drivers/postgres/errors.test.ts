import { expect, test } from 'vitest';
import { mayConnectPlain, toSourceError } from '../../../../src/drivers/postgres/errors.ts';
import { type TlsMode, tlsAttempts } from '../../../../src/drivers/postgres/tls.ts';
import { recordEnd } from '../../../../src/drivers/postgres/wal-position.ts';
import type { WatcherError } from '../../../../src/errors.ts';

const context = { host: 'db', port: 5432, database: 'd', user: 'u' };
const server = (code: string, routine = '') =>
  Object.assign(new Error('server text'), {
    severity: 'ERROR',
    code,
    routine,
    detail: 'Key (id)=(secret) exists.',
  });
const node = (code: string) => Object.assign(new Error(code), { code });

test.each<[string, Error, boolean, string, WatcherError['recovery']]>([
  ['28P01', server('28P01'), false, 'source_auth_failed', 'operator'],
  ['28000', server('28000'), false, 'source_auth_failed', 'operator'],
  ['3D000', server('3D000'), false, 'database_missing', 'operator'],
  ['57P03 starting up', server('57P03'), false, 'source_unavailable', 'retry'],
  ['57P01 shutting down', server('57P01'), true, 'source_unavailable', 'retry'],
  ['53300', server('53300'), false, 'source_unavailable', 'retry'],
  ['53300 walsenders', server('53300'), true, 'slots_exhausted', 'retry'],
  ['53400 slots', server('53400'), true, 'slots_exhausted', 'retry'],
  ['42501', server('42501'), false, 'privilege_missing', 'operator'],
  ['55P03', server('55P03'), false, 'source_busy', 'retry'],
  ['40P01', server('40P01'), false, 'source_busy', 'retry'],
  ['55006', server('55006'), true, 'slot_in_use', 'retry'],
  ['58P01', server('58P01'), true, 'slot_lost', 'redump'],
  ['42704 slot', server('42704', 'ReplicationSlotAcquire'), true, 'slot_missing', 'redump'],
  [
    '42704 publication',
    server('42704', 'get_publication_oid'),
    true,
    'publication_replaced',
    'redump',
  ],
  ['XX000 a relation is gone', server('XX000', 'relation_open'), false, 'source_busy', 'retry'],
  ['XX000 else', server('XX000', 'elog_start'), false, 'source_error', 'operator'],
  ['an unknown SQLSTATE', server('XX001'), false, 'source_error', 'operator'],
  ['ECONNREFUSED', node('ECONNREFUSED'), false, 'source_unavailable', 'retry'],
  ['ENOTFOUND', node('ENOTFOUND'), false, 'source_unavailable', 'retry'],
  ['self-signed', node('SELF_SIGNED_CERT_IN_CHAIN'), false, 'source_tls_failed', 'operator'],
  ['altname', node('ERR_TLS_CERT_ALTNAME_INVALID'), false, 'source_tls_failed', 'operator'],
  [
    'terminated',
    new Error('Connection terminated unexpectedly'),
    false,
    'source_unavailable',
    'retry',
  ],
  [
    'no password',
    new Error('SASL: client password must be a string'),
    false,
    'source_auth_failed',
    'operator',
  ],
  ['a bug', new TypeError('x is not a function'), false, 'internal', 'bug'],
])('%s', (_, error, replication, code, recovery) => {
  expect(toSourceError(error, { ...context, replication })).toMatchObject({ code, recovery });
});

test('what belonged to a relation is gone from the catalog', () => {
  const error = server('XX000', 'build_attrmap');
  error.message = 'cache lookup failed for attribute 2 of relation 20029';
  expect(toSourceError(error, context).code).toBe('source_busy');
});

test('the text names the server and never a value of a row', () => {
  const error = toSourceError(server('23505'), context);
  expect(error.message).toBe('db:5432, database d: server text (SQLSTATE 23505)');
  expect(
    JSON.stringify([error, { ...(error.cause as object) }, String(error.cause)]),
  ).not.toContain('secret');
});

test('libpq goes on without TLS after these, with prefer', () => {
  expect(mayConnectPlain(new Error('The server does not support SSL connections'))).toBe(true);
  expect(mayConnectPlain(server('28000'))).toBe(true);
  expect(mayConnectPlain(server('28P01'))).toBe(false);
  expect(mayConnectPlain(node('ECONNREFUSED'))).toBe(false);
});

test.each<[TlsMode, string | null, object[]]>([
  ['disable', null, [{ tls: false }]],
  ['prefer', null, [{ tls: true, verify: false }, { tls: false }]],
  ['require', null, [{ tls: true, verify: false }]],
  ['require', 'CA', [{ tls: true, verify: true, host: false }]],
  ['verify-ca', 'CA', [{ tls: true, verify: true, host: false }]],
  ['verify-full', 'CA', [{ tls: true, verify: true, host: true }]],
])('TLS mode %s with authority %s', (mode, ca, expected) => {
  const attempts = tlsAttempts({ mode, ca }, 'db').map((attempt) => {
    if (attempt === false) return { tls: false };
    const verify = attempt.rejectUnauthorized !== false;
    const host = attempt.checkServerIdentity === undefined;
    return { tls: true, verify, ...(verify && { host }) };
  });
  expect(attempts).toEqual(expected);
});

test('a Unix socket has no TLS', () => {
  expect(tlsAttempts({ mode: 'verify-full', ca: null }, '/run/postgresql')).toEqual([false]);
});

test.each([
  ['within a page', 0x1000100n, 0x1000100n],
  ['behind the header of a page', 0x1002018n, 0x1002000n],
  ['behind the header of a segment', 0x2000028n, 0x2000000n],
  ['at the place of a short header in the first page', 0x2000018n, 0x2000018n],
])('the last record ends before an insert position %s', (_, insert, end) => {
  expect(recordEnd(insert, 8192n, 16n * 1024n * 1024n)).toBe(end);
});
