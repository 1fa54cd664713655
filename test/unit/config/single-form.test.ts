import { expect, test } from 'vitest';
import { makePem } from '../../support/pem.ts';
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
      names: ['contrail_test'],
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
  ['type: mysql\ndialect: mariadb', null],
  ['storage: json', null],
  [
    'storage: nested',
    expect.stringMatching(/^database\.storage: nested is not supported: remove it/),
  ],
  ['storage: other', 'database.storage: must be one of json, nested'],
])('%j in the older form', (lines, refusal) => {
  const text = single(`host: a\nname: b\n${lines}`);
  const driver = lines.includes('mysql') ? 'mysql' : 'pgx';
  if (refusal === null) expect(configOf(text).syncs[0]?.driver).toBe(driver);
  else expect(refusals(text)).toEqual([refusal]);
});

const pem = (await makePem()).ca.trimEnd();

test('a connection string fills what the other keys leave open', () => {
  const text = single(
    `connection: "host=db1 port=6432 dbname=one user='us er' password='p\\\\'w' sslmode=verify-full sslrootcert=ca.pem"\nname: two`,
  );
  expect(configOf(text, { files: { '/etc/ca.pem': pem } }).syncs[0]?.database).toMatchObject({
    host: 'db1',
    port: 6432,
    names: ['two'],
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
    { host: 'h', names: ['d'] },
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

test('a DSN of MySQL, for the driver mysql', () => {
  const dsn = (text: string) =>
    configOf(single(`driver: mysql\nconnection: ${JSON.stringify(text)}`)).syncs[0]?.database;
  const tcp = dsn('root:contr@il/1:2@tcp(db:3307)/shop?tls=true');
  const rest = { user: 'root', password: 'contr@il/1:2', tls: { mode: 'verify-full' } };
  expect(tcp).toMatchObject({ host: 'db', port: 3307, names: ['shop'], ...rest });
  const socket = dsn('root@unix(/run/mysqld/mysqld.sock)/shop');
  expect(socket).toMatchObject({ host: '/run/mysqld/mysqld.sock', port: 3306, password: '' });
  const url = dsn('mysql://me:p%40ss@[::1]:3308/shop?ssl-mode=VERIFY_CA');
  const secure = { password: 'p@ss', tls: { mode: 'verify-ca' } };
  expect(url).toMatchObject({ host: '::1', port: 3308, user: 'me', names: ['shop'], ...secure });
});

test.each([
  ['hunter2', 'is neither a DSN (user:password@tcp(host:port)/name) nor a mysql:// URL'],
  ['u:hunter2@tcp(h:1)/d?parseTime=true', 'has a parameter that is not tls: remove it'],
  [
    'u:hunter2@tcp(h:1:2)/d',
    'is neither a DSN (user:password@tcp(host:port)/name) nor a mysql:// URL',
  ],
  [
    'mysql://u:hunter2%@h/d',
    'is neither a DSN (user:password@tcp(host:port)/name) nor a mysql:// URL',
  ],
  [
    'u:hunter2@tcp(h)/d?tls=custom',
    'has a tls that is not one of true, skip-verify, preferred, false',
  ],
])('the DSN %s is refused without quoting it', (text, message) => {
  expect(refusals(single(`driver: mysql\nconnection: ${JSON.stringify(text)}`))).toEqual([
    `database.connection: ${message}`,
  ]);
});
