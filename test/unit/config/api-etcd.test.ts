import { createPrivateKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { shortTokens } from '../../../src/config/short-tokens.ts';
import { makeWeakPair } from '../../../tools/testenv/certificates.ts';
import { makePem } from '../../support/pem.ts';
import { configOf, load, refusals, violationsOf, withGlobal, withSync } from './loading.ts';

test.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost', 'LocalHost'])('%s is loopback', (host) => {
  expect(load(withGlobal(`api: { host: "${host}", port: 0 }`))).toHaveProperty('config');
});

test.each(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'localhost.example.com', 'node-1'])(
  'without authentication %s is not served',
  (host) => {
    expect(refusals(withGlobal(`api: { host: "${host}" }`))).toEqual([
      'api.host: is not a loopback address: without authentication only loopback is served; set api.tokens',
    ]);
  },
);

const tokens = 'tokens: [{ name: ops, token: abcdefghijklmnop, role: admin }]';

test('with a token every address may be served', () => {
  const { api } = configOf(withGlobal(`api: { host: 0.0.0.0, ${tokens} }`));
  expect(api).toMatchObject({
    host: '0.0.0.0',
    tokens: [{ name: 'ops', token: 'abcdefghijklmnop', role: 'admin' }],
  });
});

test('a token is whole', () => {
  expect(
    refusals(
      withGlobal('api: { tokens: [{ name: x, token: "", role: root }, { name: x, token: "" }] }'),
    ),
  ).toEqual([
    'api.tokens[0].token: must not be empty',
    'api.tokens[0].role: must be one of read, admin',
    'api.tokens[1].token: must not be empty',
    'api.tokens[1].role: is required',
    'api.tokens[1].name: is that of api.tokens[0] too; each token needs its own',
  ]);
  const text = withGlobal('api: { tokens: [{ name: x, token_file: /t, role: read }] }');
  expect(refusals(text, { files: { '/t': '\n' } })).toEqual([
    'api.tokens[0].token_file: the content of the file must not be empty',
  ]);
});

test('a short token is taken, and told of by its name', () => {
  const { api } = configOf(
    withGlobal(
      'api: { tokens: [{ name: a, token: x, role: read }, { name: b, token: fifteen-letters, role: read }, { name: c, token: sixteen-letters-, role: admin }] }',
    ),
  );
  expect(shortTokens(api)).toEqual(['a', 'b']);
});

test('a header can carry a token', () => {
  for (const token of ['with a blank in it', 'ümlaut-of-many-letters', '"a\\nb-of-many-letters"']) {
    expect(
      refusals(withGlobal(`api: { tokens: [{ name: x, token: ${token}, role: read }] }`)),
    ).toEqual([
      'api.tokens[0].token: must be printable ASCII without blanks, as a header can carry it',
    ]);
  }
});

test('two tokens of one text are refused, without the text', () => {
  const text = withGlobal(`api:
  tokens:
    - { name: a, token: abcdefghijklmnop, role: read }
    - { name: b, token_file: /t, role: admin }`);
  expect(violationsOf(text, { files: { '/t': 'abcdefghijklmnop\n' } })).toEqual([
    {
      path: 'api.tokens[1].token_file',
      line: 6,
      message: 'is that of api.tokens[0] too; each token needs its own',
    },
  ]);
});

const own = await makePem();
const other = await makePem();

function apiTls(cert: string, key: string) {
  const text = withGlobal('api:\n  tls:\n    cert: cert.pem\n    key_file: key.pem');
  return load(text, { files: { '/etc/cert.pem': cert, '/etc/key.pem': key } });
}

function encrypted(key: string): string {
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  return createPrivateKey(key).export(options).toString();
}

test('TLS of the API: a certificate, with its chain, and its key', () => {
  const chain = `${own.cert}${own.ca}`;
  expect(apiTls(chain, own.key)).toHaveProperty('config.api.tls', {
    cert: chain.trimEnd(),
    key: own.key.trimEnd(),
  });
});

test.each([
  ['a certificate that is cut', own.cert.slice(0, 200), own.key, 5, 'cert'],
  [
    'a chain that is cut',
    `${own.cert}${own.ca.replace(/[A-Za-z0-9]{40}/, 'x')}`,
    own.key,
    5,
    'cert',
  ],
  ['a key for a certificate', own.key, own.key, 5, 'cert'],
  ['a certificate for a key', own.cert, own.cert, 6, 'key_file'],
  ['the key of another', own.cert, other.key, 6, 'key_file'],
  ['an encrypted key', own.cert, encrypted(own.key), 6, 'key_file'],
])('%s is refused at its line', (_, cert, key, line, name) => {
  const result = apiTls(cert, key);
  expect(result).toMatchObject({ violations: [{ path: `api.tls.${name}`, line }] });
  expect(JSON.stringify(result)).not.toContain(key.slice(60, 90));
});

test('what can be parsed and OpenSSL does not serve with is refused, with the reason', () => {
  const weak = makeWeakPair();
  const message = 'is refused by OpenSSL: ee key too small';
  expect(apiTls(weak.cert, weak.key)).toEqual({
    violations: [{ path: 'api.tls.cert', line: 5, message }],
  });
  const text = withGlobal(
    'etcd:\n  endpoints: [a:1]\n  tls:\n    cert_file: cert.pem\n    key_file: key.pem',
  );
  const files = { '/etc/cert.pem': weak.cert, '/etc/key.pem': weak.key };
  expect(violationsOf(text, { files })).toEqual([{ path: 'etcd.tls.cert_file', line: 5, message }]);
});

test('TLS of the API needs both halves', () => {
  const tls = `cert: ${JSON.stringify(own.cert)}`;
  expect(refusals(withGlobal(`api: { tls: { ${tls} } }`))).toEqual(['api.tls.key: is required']);
});

test('certificates of etcd and of a database are looked at too', () => {
  const broken = '"-----BEGIN CERTIFICATE-----"';
  expect(refusals(withGlobal(`etcd: { endpoints: [a:1], tls: { ca: ${broken} } }`))).toEqual([
    'etcd.tls.ca: holds no certificate that can be read',
  ]);
  expect(refusals(withSync('', `tls: { ca: ${broken} }`))).toEqual([
    'syncs.a.database.tls.ca: holds no certificate that can be read',
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
    `endpoints: [a:1], tls: { cert: ${JSON.stringify(own.cert)} }`,
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
