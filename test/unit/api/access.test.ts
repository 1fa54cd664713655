import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { checkSite } from '../../../src/api/access.ts';

const cameIn = (localAddress: string | undefined) =>
  ({ method: 'GET', headers: { host: 'localhost' }, socket: { localAddress } }) as FastifyRequest;

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  [undefined, true],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['2001:db8::1', false],
])('without authentication what came in at %s is served: %s', (address, served) => {
  const check = () => checkSite(cameIn(address), true);
  if (served) expect(check).not.toThrow();
  else expect(check).toThrow(/only loopback is served/);
  expect(() => checkSite(cameIn(address), false)).not.toThrow();
});
