import { expect, test } from 'vitest';
import { decodeStatus, encodeStatus } from '../../../src/api/published-status.ts';
import { at, statusOf, unknownStatusOf } from './stub-control.ts';

const failed = statusOf('inventory', {
  driver: 'mysql',
  state: 'backing_off',
  stalled: true,
  position: { gtid: null, file: 'binlog.000001', offset: 4 },
  lastError: { code: 'source_unavailable', message: 'm', remedy: 'r', at, retryAt: at },
});

test.each([statusOf('a'), unknownStatusOf('b'), failed])(
  'what a leader publishes is what another instance reads (%#)',
  (status) => {
    // These are the reader's own to say.
    const own = { leading: false, leaderState: null, safeLogBytes: null };
    expect(decodeStatus(encodeStatus(status))).toEqual({ ...status, ...own });
  },
);

test.each([
  '',
  'null',
  '{}',
  '[1]',
  JSON.stringify({ ...JSON.parse(encodeStatus(failed)), more: 1 }),
  JSON.stringify({ ...JSON.parse(encodeStatus(failed)), stalled: undefined }),
  JSON.stringify({ ...JSON.parse(encodeStatus(failed)), state: 'sleeping' }),
])('%s is not understood', (text) => {
  expect(decodeStatus(text)).toBeNull();
});
