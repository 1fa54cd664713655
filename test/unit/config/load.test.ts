import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readConfigFile } from '../../../src/config/load.ts';
import { configOf, load, refusals, violationsOf, withGlobal, withSync } from './loading.ts';

const minimal = withSync('');

test('everything but hosts and names has a default', () => {
  expect(configOf(minimal)).toEqual({
    logLevel: 'info',
    instance: 'host-7',
    api: { host: '127.0.0.1', port: 8080, tokens: [], tls: null },
    etcd: {
      endpoints: ['localhost:2379'],
      username: '',
      password: '',
      dialTimeoutMs: 60_000,
      tls: null,
      statePrefix: '/watcher',
    },
    syncs: [
      {
        name: 'a',
        driver: 'pgx',
        autostart: true,
        database: {
          host: 'db',
          port: 5432,
          names: ['shop'],
          user: 'watcher',
          password: '',
          tls: { mode: 'prefer', ca: null },
          retryPeriodMs: 1000,
          connectionRetries: 0,
          replicationStatusTimeoutMs: 10_000,
        },
        tables: { include: ['public.*'], exclude: [] },
        columns: { exclude: [] },
        keys: { template: '/{sync}/{schema}/{table}/{key}', columns: {}, adopt: false },
        values: { numbers: 'number' },
        dump: { mode: 'initial', method: 'native', parallel: 2, program: null },
        postgres: {
          publication: 'watcherpub_a',
          slot: 'watchersub_a',
          managePublication: true,
          failover: true,
        },
        mysql: { serverId: 'auto', charset: 'utf8mb4', onUnloggedCascade: 'refuse' },
      },
    ],
  });
});

test('what must be given is asked for, all at once', () => {
  expect(refusals('log_level: info')).toEqual(['etcd.endpoints: is required']);
  expect(refusals('etcd: { endpoints: [] }')).toEqual(['etcd.endpoints: must not be empty']);
  expect(refusals('etcd: { endpoints: [a:1] }\nsyncs: { a: }')).toEqual([
    'syncs.a.database.host: is required',
    'syncs.a.database.name: is required',
  ]);
});

test('an empty file is refused', () => {
  expect(violationsOf('')).toEqual([{ path: 'etcd.endpoints', line: 1, message: 'is required' }]);
});

test.each(['', 'syncs:', 'syncs: {}'])('no sync at all: %j', (syncs) => {
  expect(configOf(`etcd: { endpoints: [a:1] }\n${syncs}`).syncs).toEqual([]);
});

test('all violations come at once, each with path and line, in the order of the file', () => {
  const text = `log_level: loud
api:
  port: 70000
etcd:
  endpoints:
    - localhost:2379
    - nonsense
  dial_timeout: 5
syncs:
  Inventory:
    database:
      host: db:5432
      name: shop
      pasword: x
    tables:
      include:
        - "public.*"
        - orders
  b:
    database: { host: db }
    dump: { parallel: 17 }
`;
  expect(violationsOf(text).map(({ path, line }) => [path, line])).toEqual([
    ['log_level', 1],
    ['api.port', 3],
    ['etcd.endpoints[1]', 7],
    ['etcd.dial_timeout', 8],
    ['syncs.Inventory', 10],
    ['syncs.Inventory.database.host', 12],
    ['syncs.Inventory.database.pasword', 14],
    ['syncs.Inventory.tables.include[1]', 18],
    ['syncs.b.database.name', 20],
    ['syncs.b.dump.parallel', 21],
  ]);
});

test('an unknown key is named with the nearest known one', () => {
  expect(refusals(withSync('tabels: { include: ["a.b"] }'))).toEqual([
    'syncs.a.tabels: unknown key; the nearest known key is "tables"',
  ]);
  expect(refusals(withSync('', 'pasword_file: x'))).toEqual([
    'syncs.a.database.pasword_file: unknown key; the nearest known key is "password_file"',
  ]);
  expect(refusals('databse: { host: a, name: b }\netcd: { endpoints: [a:1] }')).toContain(
    'databse: unknown key; the nearest known key is "database"',
  );
  expect(refusals(withGlobal('"a.b": 1'))[0]).toMatch(/^\["a\.b"\]: unknown key/);
  expect(refusals(withGlobal('<<: { log_level: info }'))[0]).toMatch(/^\["<<"\]: unknown key/);
});

test.each([
  ['two keys', 'a: 1\nb: [', 2, /^YAML: /],
  ['a tab', 'etcd:\n\tendpoints: []', 2, /^YAML: a tab/],
  ['an unclosed quote', 'etcd: "x', 1, /^YAML: a character is missing/],
  ['two documents', 'a: 1\n---\nb: 2', 2, /^YAML: more than one document/],
  ['an unknown tag', 'etcd:\n  password: !vault x', 2, /^YAML: a tag/],
  ['an alias without anchor', 'etcd:\n  password: *nowhere', 2, /^YAML: an alias/],
  ['an alias before its anchor', 'a: *b\nc: &b 1', 1, /^YAML: an alias/],
])('YAML that is malformed is a violation with its line: %s', (_name, text, line, message) => {
  const violations = violationsOf(text);
  expect(violations[0]).toEqual({ path: '', line, message: expect.stringMatching(message) });
});

test('a syntax error does not quote the file', () => {
  expect(JSON.stringify(violationsOf('password: "hunter2" hunter3\n'))).not.toMatch(/hunter/);
});

test('a key that stands twice is a violation at the second', () => {
  expect(violationsOf(withGlobal('log_level: info\nlog_level: warn'))).toEqual([
    { path: 'log_level', line: 4, message: 'stands there twice, first on line 3' },
  ]);
});

test('files that would exhaust the parser are refused', () => {
  expect(refusals(`# ${'x'.repeat(300_000)}`)[0]).toMatch(/is larger than/);
  expect(refusals('- '.repeat(5000))[0]).toMatch(/nested too deeply/);
  expect(refusals('['.repeat(5000))[0]).toMatch(/nested too deeply/);
  const aliases = `a: &a 1\nb: [${'*a, '.repeat(200)}]`;
  expect(refusals(aliases)).toEqual([': the file has more than 100 aliases']);
});

test('anchors and aliases are followed', () => {
  const config = configOf(`etcd: { endpoints: [&here "localhost:2379"] }
syncs:
  a: { database: &db { host: one, name: shop } }
  b: { database: *db, postgres: { slot: other, publication: other } }
`);
  expect(config.syncs.map((sync) => sync.database.host)).toEqual(['one', 'one']);
});

test('a block or value that is left empty counts as not given', () => {
  const config = configOf(withSync('tables:\n  exclude:\nautostart:\nvalues: ~'));
  expect(config.syncs[0]).toMatchObject({ autostart: true, tables: { include: ['public.*'] } });
});

test.each([
  ['a text for a block', 'dump: native', 'syncs.a.dump: must be a mapping of keys to values'],
  ['a text for a list', 'tables: { include: public.a }', 'syncs.a.tables.include: must be a list'],
  [
    'a list for a text',
    'values: { numbers: [number] }',
    'syncs.a.values.numbers: must be a single value',
  ],
  [
    'a mapping for a list item',
    'tables: { include: [{ a: b }] }',
    'syncs.a.tables.include[0]: must be a single value',
  ],
  ['an empty item', 'tables: { include: [~] }', 'syncs.a.tables.include[0]: must not be empty'],
  [
    'another word',
    'driver: oracle',
    'syncs.a.driver: must be one of pgx, postgres, mysql, mariadb',
  ],
  ['yes for true', 'autostart: yes', 'syncs.a.autostart: must be true or false'],
  [
    'a fraction',
    'dump: { parallel: 1.5 }',
    'syncs.a.dump.parallel: must be an integer from 1 to 16',
  ],
  ['zero', 'dump: { parallel: 0 }', 'syncs.a.dump.parallel: must be an integer from 1 to 16'],
  [
    'hexadecimal',
    'dump: { parallel: 0x2 }',
    'syncs.a.dump.parallel: must be an integer from 1 to 16',
  ],
  [
    'a slot with capitals',
    'postgres: { slot: Slot }',
    'syncs.a.postgres.slot: must be 1 to 63 lower-case letters, digits and underscores',
  ],
  [
    'a publication of 64 bytes',
    `postgres: { publication: ${'é'.repeat(32)} }`,
    'syncs.a.postgres.publication: must not have more than 63 bytes',
  ],
  [
    'mysqldump',
    'dump: { method: mysqldump }',
    'syncs.a.dump.method: mysqldump is for the driver mysql; use native',
  ],
  [
    'a mode that is none',
    'dump: { mode: always }',
    'syncs.a.dump.mode: must be one of initial, never',
  ],
  [
    'a server id',
    'mysql: { server_id: 0 }',
    'syncs.a.mysql.server_id: must be auto, or an integer from 1 to 4294967295',
  ],
  [
    'a glob of one part',
    'tables: { exclude: ["*"] }',
    'syncs.a.tables.exclude[0]: must be schema.table, where * and ? are wildcards',
  ],
  [
    'a column of two parts',
    'columns: { exclude: ["a.b"] }',
    'syncs.a.columns.exclude[0]: must be schema.table.column, where * and ? are wildcards',
  ],
  [
    'a key table of one part',
    'keys: { columns: { logs: [id] } }',
    'syncs.a.keys.columns.logs: the name must be schema.table',
  ],
  [
    'a key of no columns',
    'keys: { columns: { a.b: [] } }',
    'syncs.a.keys.columns["a.b"]: must not be empty',
  ],
  [
    'a key column twice',
    'keys: { columns: { a.b: [x, x] } }',
    'syncs.a.keys.columns["a.b"]: must not repeat an item',
  ],
  [
    'an excluded key column',
    'keys: { columns: { a.b: [x, y] } }\ncolumns: { exclude: ["*.*.y"] }',
    'syncs.a.keys.columns["a.b"][1]: a key column cannot be excluded (columns.exclude)',
  ],
])('a wrong value of a sync: %s', (_name, block, refusal) => {
  expect(refusals(withSync(block))).toEqual([refusal]);
});

test.each([
  ['port: 0', 'port: must be an integer from 1 to 65535'],
  ['port: 65536', 'port: must be an integer from 1 to 65535'],
  ['retry_period: 1', 'retry_period: must be a duration: <integer>ms, s, m or h, for example 10s'],
  [
    'retry_period: 1.5s',
    'retry_period: must be a duration: <integer>ms, s, m or h, for example 10s',
  ],
  ['retry_period: 0s', 'retry_period: must be a duration from 1ms to 24h'],
  ['connection_retries: -1', 'connection_retries: must be an integer from 0 to 1000000000'],
  [
    'tls: { mode: on }',
    'tls.mode: must be one of disable, prefer, require, verify-ca, verify-full',
  ],
  ['user: "a\\0b"', 'user: must not hold a NUL or half a surrogate pair'],
])('a wrong value of a database: %s', (database, refusal) => {
  expect(refusals(withSync('', database))).toEqual([`syncs.a.database.${refusal}`]);
});

test.each([
  ['localhost:5432', false],
  ['postgresql://db', false],
  ['user@db', false],
  ['a,b', false],
  ['"[::1]"', false],
  ['"::1"', true],
  ['fe80::1%eth0', true],
  ['10.0.0.1', true],
  ['/var/run/postgresql', true],
])('a host has no port: %s', (host, accepted) => {
  const text = `etcd: { endpoints: [a:1] }\nsyncs:\n  a:\n    database:\n      host: ${host}\n      name: x\n`;
  expect('config' in load(text)).toBe(accepted);
});

test.each(['A', 'a.b', 'ä', '', 'a'.repeat(49)])('a sync cannot be called %j', (name) => {
  const text = `etcd: { endpoints: [a:1] }\nsyncs: { ${JSON.stringify(name)}: { database: { host: a, name: b } } }`;
  expect(refusals(text)).toEqual([
    expect.stringMatching(/: the name must be 1 to 48 lower-case letters, digits, "_" and "-"$/),
  ]);
});

test.each(['a', '__proto__', '0', '1_a-b', 'a'.repeat(48)])('a sync can be called %j', (name) => {
  const text = `etcd: { endpoints: [a:1] }\nsyncs: { ${name}: { database: { host: a, name: b } } }`;
  expect(configOf(text).syncs.map((sync) => sync.name)).toEqual([name]);
});

test('slot and publication are named after the sync, "-" written "_"', () => {
  const text = 'etcd: { endpoints: [a:1] }\nsyncs: { my-shop: { database: { host: a, name: b } } }';
  expect(configOf(text).syncs[0]?.postgres).toMatchObject({
    publication: 'watcherpub_my_shop',
    slot: 'watchersub_my_shop',
  });
});

test('postgres is another word for pgx', () => {
  expect(configOf(withSync('driver: postgres')).syncs[0]?.driver).toBe('pgx');
});

test('the whole configuration is frozen', () => {
  const config = configOf(withSync('keys: { columns: { a.b: [x] } }'));
  const thaw = (value: unknown): unknown[] =>
    typeof value !== 'object' || value === null
      ? []
      : [...(Object.isFrozen(value) ? [] : [value]), ...Object.values(value).flatMap(thaw)];
  expect(thaw(config)).toEqual([]);
  expect(() => Object.assign(config.api, { port: 1 })).toThrow(TypeError);
});

// What stands behind a # in it: samples.test.ts.
test('the sample loads as it is', () => {
  const sample = new URL('../../../sample/watcher.yml', import.meta.url);
  const text = readFileSync(sample, 'utf8');
  const config = configOf(text);
  expect(config.syncs[0]?.database).toMatchObject({
    host: 'localhost',
    names: ['inventory'],
    password: 'watcher',
  });
});

test('a file is read from disk, with what it names beside it', () => {
  const result = readConfigFile('/nowhere/watcher.yml', { env: {}, hostname: 'h' });
  expect(result).toEqual({
    violations: [{ path: '', line: null, message: 'cannot be read: ENOENT' }],
  });
  const sample = new URL('../../../sample/watcher.yml', import.meta.url).pathname;
  expect(readConfigFile(sample, { env: {}, hostname: 'h' })).toMatchObject({
    config: { instance: 'h' },
  });
});
