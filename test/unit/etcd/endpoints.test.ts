import { expect, test } from 'vitest';
import { parseEndpoint } from '../../../src/etcd/endpoints.ts';

test.each([
  ['localhost:2379', false, 'dns:localhost:2379', false],
  ['etcd.example.org', true, 'dns:etcd.example.org:2379', true],
  ['http://10.0.0.1:23790/', true, 'dns:10.0.0.1:23790', false],
  ['https://10.0.0.1', false, 'dns:10.0.0.1:2379', true],
  ['[::1]:2379', false, 'dns:[::1]:2379', false],
])('%s with tls %s', (text, tls, target, secure) => {
  expect(parseEndpoint(text, tls)).toEqual({ target, tls: secure });
});

test.each(['', 'a b:1', 'host:0', 'host:65536', 'ftp://host', '::1:2379', 'host:1/path'])(
  '%j is refused',
  (text) => {
    expect(() => parseEndpoint(text, false)).toThrow(/is not host:port/);
  },
);
