import { expect, test } from 'vitest';
import { configOf, load, refusals, withGlobal, withSync } from './loading.ts';

test.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost', 'LocalHost'])('%s is loopback', (host) => {
  expect(load(withGlobal(`api: { host: "${host}", port: 0 }`))).toHaveProperty('config');
});

test.each(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'localhost.example.com', 'node-1'])(
  'without authentication %s is not served',
  (host) => {
    expect(refusals(withGlobal(`api: { host: "${host}" }`))).toEqual([
      'api.host: is not a loopback address: without authentication only loopback is served',
    ]);
  },
);

const tokens = 'tokens: [{ name: ops, token: abcdefghijklmnop, role: admin }]';

test('tokens are not ignored in silence', () => {
  expect(refusals(withGlobal(`api: { ${tokens} }`))).toEqual([
    'api.tokens: tokens are not available in this version',
  ]);
  expect(refusals(withGlobal(`api: { host: 0.0.0.0, ${tokens} }`))).toEqual([
    'api.tokens: tokens are not available in this version',
    'api.host: authentication is not available in this version, so only loopback can be served',
  ]);
});

test('a token is whole', () => {
  expect(
    refusals(
      withGlobal(
        'api: { tokens: [{ name: x, token: short, role: root }, { name: x, token: short }] }',
      ),
    ),
  ).toEqual([
    'api.tokens[0].token: must have at least 16 characters',
    'api.tokens[0].role: must be one of read, admin',
    'api.tokens[1].token: must have at least 16 characters',
    'api.tokens[1].role: is required',
    'api.tokens[1].name: is the name of another token too',
    'api.tokens: tokens are not available in this version',
  ]);
  const text = withGlobal('api: { tokens: [{ name: x, token_file: /t, role: read }] }');
  expect(refusals(text, { files: { '/t': 'short' } })).toContain(
    'api.tokens[0].token_file: the content of the file must have at least 16 characters',
  );
});

test('TLS of the API needs both halves', () => {
  expect(refusals(withGlobal('api: { tls: { cert: "-----BEGIN X" } }'))).toEqual([
    'api.tls.key: is required',
    'api.tls: TLS of the API is not available in this version',
  ]);
});

test.each([
  ['[db:2379, "http://[::1]:1/"]', ['db:2379', '[::1]:1'], null],
  ['["https://a:1", b:2]', ['a:1', 'b:2'], { ca: null, cert: null, key: null }],
])('endpoints %s', (written, endpoints, tls) => {
  expect(configOf(withGlobal(`etcd: { endpoints: ${written} }`)).etcd).toMatchObject({
    endpoints,
    tls,
  });
});

test.each([
  'localhost',
  'db:',
  'ftp://a:1',
  'http://a:1/x',
  'http://u@a:1',
  '::1:2379',
  'a:b',
  'a:1,b:2',
])('%s is no endpoint', (endpoint) => {
  expect(refusals(withGlobal(`etcd: { endpoints: ["${endpoint}"] }`))).toEqual([
    'etcd.endpoints[0]: must be host:port, http://host:port or https://host:port',
  ]);
});

test.each([
  ['endpoints: [a:0]', 'etcd.endpoints[0]: must have a port from 1 to 65535'],
  ['endpoints: [a:65536]', 'etcd.endpoints[0]: must have a port from 1 to 65535'],
  ['endpoints: [a:1, a:1]', 'etcd.endpoints: must not repeat an item'],
  [
    'endpoints: ["https://a:1", "http://b:1"]',
    'etcd.endpoints[1]: must not be http://: the connection to etcd is by TLS',
  ],
  [
    'endpoints: ["http://a:1"], tls: {}',
    'etcd.endpoints[0]: must not be http://: the connection to etcd is by TLS',
  ],
  ['endpoints: [a:1], password: x', 'etcd.password: needs etcd.username'],
  [
    'endpoints: [a:1], tls: { cert: "-----BEGIN X" }',
    'etcd.tls: needs both cert and key, or neither',
  ],
])('etcd: { %s }', (etcd, refusal) => {
  expect(refusals(withGlobal(`etcd: { ${etcd} }`))).toEqual([refusal]);
});

test('an empty tls block is TLS with the authorities of the system', () => {
  expect(configOf(withGlobal('etcd: { endpoints: [a:1], tls: {} }')).etcd.tls).toEqual({
    ca: null,
    cert: null,
    key: null,
  });
});

test('an instance has a name that can be shown', () => {
  expect(configOf(withGlobal('instance: node-1')).instance).toBe('node-1');
  expect(refusals(withGlobal('instance: ""'))).toHaveLength(1);
  expect(refusals(withGlobal('instance: "a\\nb"'))).toHaveLength(1);
});

test.each(['mysql', 'mariadb'])('the driver %s is not available', (driver) => {
  expect(refusals(withSync(`driver: ${driver}`))).toEqual([
    'syncs.a.driver: the driver mysql is not available in this version',
  ]);
});
