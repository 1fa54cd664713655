import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import { etcdError, isRefusal, reasonOf } from '../../../src/etcd/errors.ts';

const grpc = (code: number, details: string) =>
  Object.assign(new Error(details), { code, details });

test.each([
  [status.UNAVAILABLE, 'connect ECONNREFUSED', 'etcd_unavailable', false],
  [status.DEADLINE_EXCEEDED, 'Deadline exceeded after 5s', 'etcd_unavailable', false],
  [status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded', 'etcd_no_space', false],
  [status.RESOURCE_EXHAUSTED, 'grpc: received message larger than max', 'request_too_large', true],
  [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests', 'etcd_unavailable', false],
  [status.INVALID_ARGUMENT, 'etcdserver: request is too large', 'request_too_large', true],
  [status.PERMISSION_DENIED, 'etcdserver: permission denied', 'etcd_permission_denied', true],
  [
    status.INVALID_ARGUMENT,
    'etcdserver: authentication failed, invalid user ID or password',
    'etcd_auth_failed',
    true,
  ],
  [status.INVALID_ARGUMENT, 'etcdserver: user name is empty', 'etcd_auth_failed', true],
  [status.UNAUTHENTICATED, 'etcdserver: invalid auth token', 'etcd_auth_failed', true],
  [status.INTERNAL, 'Received RST_STREAM with code 2', 'etcd_unavailable', false],
  [status.INTERNAL, 'something new', 'internal', false],
])('code %i, %s → %s', (code, details, expected, refusal) => {
  const error = etcdError(grpc(code, details));
  expect(error.code).toBe(expected);
  expect(error.message).toContain(details);
  expect(isRefusal(error)).toBe(refusal);
});

test.each([
  ['Error: certificate signature failure. Resolution note: ', 'certificate signature failure'],
  [
    "Error: Hostname/IP does not match certificate's altnames: Host: etcd-9. is not in the cert's altnames: DNS:localhost. Resolution note: ",
    "Hostname/IP does not match certificate's altnames: Host: etcd-9. is not in the cert's altnames: DNS:localhost",
  ],
  [
    '802C04E5D07F0000:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:../deps/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 42\n (2026-11-23T00:01:24.999Z). Resolution note: ',
    'sslv3 alert bad certificate',
  ],
])('TLS that fails has a code of its own, and is an etcd that is away: %s', (said, told) => {
  const error = etcdError(
    grpc(status.UNAVAILABLE, `No connection established. Last error: ${said}`),
  );
  expect(error.code).toBe('etcd_tls_failed');
  expect(error.message).toBe(`The TLS connection to etcd could not be made: ${told}`);
  expect(reasonOf(error)).toBe('unavailable');
  expect(isRefusal(error)).toBe(false);
});

test('what grpc-js says around the reason is left out', () => {
  const said =
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ';
  const { message } = etcdError(grpc(status.UNAVAILABLE, said));
  expect(message).toBe('etcd cannot be reached: connect ECONNREFUSED 127.0.0.1:1');
});

test('what is no answer of etcd is internal, and a WatcherError stays what it is', () => {
  expect(etcdError(new TypeError('x')).code).toBe('internal');
  const own = new WatcherError('fenced');
  expect(etcdError(own)).toBe(own);
  expect(reasonOf(own)).toBe('unknown');
});
