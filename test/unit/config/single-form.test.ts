import { expect, test } from 'vitest';
import { configOf, refusals, violationsOf } from './loading.ts';

function single(database: string, rest = ''): string {
  return `etcd: { endpoints: [localhost:2379] }\ndatabase:\n${database.replaceAll(/^/gm, '  ')}\n${rest}`;
}

test('the older form is one sync called default', () => {
  const config =
    configOf(`database: { driver: pgx, host: localhost, user: root, password: contrail123, name: contrail_test }
etcd: { endpoints: [localhost:2379], username: "", password: "" }
`);
  expect(config.syncs).toHaveLength(1);
  expect(config.syncs[0]).toMatchObject({
    name: 'default',
    driver: 'pgx',
    database: {
      host: 'localhost',
      port: 5432,
      name: 'contrail_test',
      user: 'root',
      password: 'contrail123',
    },
    postgres: { publication: 'watcherpub', slot: 'watchersub' },
    keys: { template: '/{sync}/{schema}/{table}/{key}' },
  });
});

test('the other blocks of a sync stand beside the database', () => {
  const config = configOf(
    single('host: a\nname: b\nconnection_retries: 3', 'keys: { template: "json/{table}/{key}" }\n'),
  );
  expect(config.syncs[0]).toMatchObject({
    keys: { template: 'json/{table}/{key}' },
    database: { connectionRetries: 3 },
  });
});

test('its violations have the paths of the file', () => {
  expect(
    violationsOf(single('hots: a\nname: b', 'keys: { template: "/x/{key}" }\n')).map(
      ({ path, line }) => [path, line],
    ),
  ).toEqual([
    ['database.host', 2],
    ['database.hots', 3],
    ['keys.template', 5],
  ]);
});

test('both forms at once are refused', () => {
  expect(
    refusals(single('host: a\nname: b', 'syncs: { x: { database: { host: a, name: b } } }\n')),
  ).toEqual([
    'database: the older single form cannot stand beside syncs: move the database to syncs.<name>.database',
  ]);
});

test.each([
  ['driver: postgres', null],
  ['type: postgres\ndialect: pgx', null],
  ['driver: pgx\ntype: mysql', 'database.type: contradicts database.driver; one of them is enough'],
  [
    'type: mysql\ndialect: mariadb',
    'database.type: the driver mysql is not available in this version',
  ],
  ['storage: json', null],
  [
    'storage: nested',
    expect.stringMatching(/^database\.storage: nested is not supported: remove it/),
  ],
  ['storage: other', 'database.storage: must be one of json, nested'],
])('%j in the older form', (lines, refusal) => {
  const text = single(`host: a\nname: b\n${lines}`);
  if (refusal === null) expect(configOf(text).syncs[0]?.driver).toBe('pgx');
  else expect(refusals(text)).toEqual([refusal]);
});

const pem = '-----BEGIN CERTIFICATE-----';

test('a connection string fills what the other keys leave open', () => {
  const text = single(
    `connection: "host=db1 port=6432 dbname=one user='us er' password='p\\\\'w' sslmode=verify-full sslrootcert=ca.pem"\nname: two`,
  );
  expect(configOf(text, { files: { '/etc/ca.pem': pem } }).syncs[0]?.database).toMatchObject({
    host: 'db1',
    port: 6432,
    name: 'two',
    user: 'us er',
    password: "p'w",
    tls: { mode: 'verify-full', ca: pem },
  });
});

test('a file of a secret overrides the connection string too', () => {
  const text = single('connection: postgresql://u:old@h/d\npassword_file: /p');
  expect(configOf(text, { files: { '/p': 'new' } }).syncs[0]?.database.password).toBe('new');
});

test('a connection string may be in a file', () => {
  const text = single('connection_file: /c');
  expect(configOf(text, { files: { '/c': 'host=h dbname=d\n' } }).syncs[0]?.database).toMatchObject(
    { host: 'h', name: 'd' },
  );
});

test('what a connection string says is checked like any value, without quoting it', () => {
  expect(
    refusals(single('connection: "host=h:1 port=x dbname=d sslmode=allow password=hunter2"')),
  ).toEqual([
    'database.connection: must be a host name, an IP address or the folder of a Unix socket, without port',
    'database.connection: must be an integer from 1 to 65535',
    'database.connection: must be one of disable, prefer, require, verify-ca, verify-full',
  ]);
});

test('a malformed connection string is one violation, at its line', () => {
  expect(violationsOf(single('user: a\nconnection: hunter2'))).toEqual([
    {
      path: 'database.connection',
      line: 4,
      message: 'is neither keywords and values of libpq nor a postgresql:// URL',
    },
  ]);
});
