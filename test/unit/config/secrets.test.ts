// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'vitest';
import { redact } from '../../../src/config/redact.ts';
import { makePem } from '../../support/pem.ts';
import { configOf, load, refusals, violationsOf, withGlobal, withSync } from './loading.ts';

const texts = await makePem();
const ca = texts.ca.trimEnd();
const cert = texts.cert.trimEnd();
const key = texts.key.trimEnd();

test('a secret may be in a file; one newline at its end is dropped', () => {
  const read = (content: string) =>
    configOf(withSync('', 'password_file: /run/db'), { files: { '/run/db': content } }).syncs[0]
      ?.database.password;
  expect(read('s3cret')).toBe('s3cret');
  expect(read('s3cret\n')).toBe('s3cret');
  expect(read('s3cret\r\n')).toBe('s3cret');
  expect(read('s3cret\n\n')).toBe('s3cret\n');
  expect(read(' ${X} $$ ')).toBe(' ${X} $$ ');
});

test('the path of a file is expanded, and is relative to the configuration', () => {
  const text = withSync('', 'password_file: "${DIR}/db"');
  expect(
    configOf(text, { env: { DIR: 'keys' }, files: { '/etc/keys/db': 'x' } }).syncs[0]?.database
      .password,
  ).toBe('x');
});

test('a secret and its file at once are refused', () => {
  expect(
    violationsOf(withSync('', 'password: x, password_file: /run/db'), {
      files: { '/run/db': 'y' },
    }),
  ).toEqual([
    {
      path: 'syncs.a.database.password_file',
      line: 4,
      message: 'cannot be given beside "password"',
    },
  ]);
});

test('a file that cannot be read is a violation that does not name it', () => {
  expect(violationsOf(withSync('', 'password_file: hunter2'))).toEqual([
    { path: 'syncs.a.database.password_file', line: 4, message: 'the file cannot be read: ENOENT' },
  ]);
});

test('only secrets and certificates may be in a file', () => {
  expect(refusals(withSync('', 'user_file: x'))[0]).toMatch(/user_file: unknown key/);
});

test('certificates and keys are PEM text, or the path of a file that holds it', () => {
  const files = { '/etc/ca.pem': ca, '/run/k.pem': `${key}\n` };
  const text = withGlobal(`etcd:
  endpoints: ["https://etcd:2379"]
  tls:
    ca: ca.pem
    cert: |-
      ${cert.replaceAll('\n', '\n      ')}
    key_file: /run/k.pem`);
  const config = configOf(text, { files });
  expect(config.etcd.tls).toEqual({ ca, cert, key });
  expect(refusals(text, { files: { ...files, '/etc/ca.pem': 'hunter2' } })).toEqual([
    'etcd.tls.ca: the file holds no PEM text',
  ]);
  expect(refusals(text)).toContain('etcd.tls.key_file: the file cannot be read: ENOENT');
});

const secrets = {
  etcd: 'etcd-s3cret',
  database: 'database-s3cret',
  token: 'token-s3cret-of-some-length',
};

const full = `etcd:
  endpoints: [localhost:2379]
  username: u
  password: ${secrets.etcd}
  tls: { ca: ca.pem, cert: cert.pem, key: key.pem }
syncs:
  a:
    database: { host: db, name: shop, password: ${secrets.database}, retry_period: 90s }
    keys: { columns: { public.logs: [id, day] } }
`;

test('redacted, a configuration has the form of the file, all defaults and no secret', () => {
  const redacted = redact(
    configOf(full, { files: { '/etc/ca.pem': ca, '/etc/cert.pem': cert, '/etc/key.pem': key } }),
  );
  expect(redacted).toEqual({
    log_level: 'info',
    instance: 'host-7',
    api: { host: '127.0.0.1', port: 8080, tokens: [], tls: null },
    etcd: {
      endpoints: ['localhost:2379'],
      username: 'u',
      password: '***',
      dial_timeout: '1m',
      tls: { ca, cert, key: '***' },
      state_prefix: '/watcher',
    },
    syncs: {
      a: {
        driver: 'pgx',
        autostart: true,
        database: {
          host: 'db',
          port: 5432,
          name: 'shop',
          user: 'watcher',
          password: '***',
          tls: { mode: 'prefer', ca: null },
          retry_period: '90s',
          connection_retries: 0,
          replication_status_timeout: '10s',
        },
        tables: { include: ['public.*'], exclude: [] },
        columns: { exclude: [] },
        keys: {
          template: '/{sync}/{schema}/{table}/{key}',
          columns: { 'public.logs': ['id', 'day'] },
          adopt: false,
        },
        values: { numbers: 'number' },
        dump: { mode: 'initial', method: 'native', parallel: 2, program: null },
        postgres: {
          publication: 'watcherpub_a',
          slot: 'watchersub_a',
          manage_publication: true,
          failover: true,
        },
        mysql: { server_id: 'auto', charset: 'utf8mb4', on_unlogged_cascade: 'refuse' },
      },
    },
  });
});

test('tokens are redacted', () => {
  const config = configOf(withSync(''));
  const token = { name: 'ops', token: secrets.token, role: 'admin' } as const;
  expect(redact({ ...config, api: { ...config.api, tokens: [token] } })).toMatchObject({
    api: { tokens: [{ name: 'ops', token: '***', role: 'admin' }] },
  });
});

test('no violation holds a secret, wherever it was misplaced', () => {
  const values = ['{ hunter2: 1 }', '[hunter2]', '"${hunter2"', '"hunter2\\0"'];
  const keys = [
    'port',
    'retry_period',
    'host',
    'name',
    'tls',
    'connection_retries',
    'password',
    'password_file',
  ];
  for (const key of keys) {
    for (const value of [...values, 'hunter2 hunter2:x']) {
      const result = load(withSync('', `x: 1, ${key}: ${value}`));
      if (value.startsWith('{') && key === 'tls') continue; // an unknown key is named
      expect(JSON.stringify(result)).not.toMatch(/hunter2/);
    }
  }
});
