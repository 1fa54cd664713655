/** What the driver mysql asks of a configuration. */
import { expect, test } from 'vitest';
import { redact } from '../../../src/config/redact.ts';
import { configOf, refusals } from './loading.ts';

const file = (name: string, more = '') =>
  `etcd: { endpoints: [a:1] }\nsyncs: { a: { driver: mariadb, database: { host: db, name: ${name} }${more} } }`;

test('one database, or a list of them, and every table of them', () => {
  const one = configOf(file('shop'));
  expect(one.syncs[0]).toMatchObject({
    driver: 'mysql',
    database: { port: 3306, names: ['shop'] },
    tables: { include: ['shop.*'], exclude: [] },
  });
  const several = configOf(file('[shop, mall]'));
  expect(several.syncs[0]).toMatchObject({
    database: { names: ['shop', 'mall'] },
    tables: { include: ['shop.*', 'mall.*'] },
  });
  expect(redact(one)).toMatchObject({ syncs: { a: { database: { name: 'shop' } } } });
  expect(redact(several)).toMatchObject({ syncs: { a: { database: { name: ['shop', 'mall'] } } } });
});

test('options of its own', () => {
  const more =
    ', mysql: { server_id: 9, on_unlogged_cascade: redump }, dump: { method: mysqldump, program: /opt/mysqldump }';
  expect(configOf(file('shop', more)).syncs[0]).toMatchObject({
    mysql: { serverId: 9, charset: 'utf8mb4', onUnloggedCascade: 'redump' },
    dump: { method: 'mysqldump', program: '/opt/mysqldump' },
  });
});

test.each([
  ['[]', '', 'syncs.a.database.name: must not be empty'],
  ['[shop, shop]', '', 'syncs.a.database.name: must not repeat an item'],
  ['x'.repeat(65), '', 'syncs.a.database.name: must not have more than 64 characters'],
  [
    '[shop, mall]',
    ', keys: { template: "/{database}/{schema}/{table}/{key}" }',
    'syncs.a.keys.template: has {database}, and database.name has several: write {schema}',
  ],
  [
    'shop',
    ', tables: { include: ["shop.*", "mall.*"] }',
    'syncs.a.tables.include[1]: is of a database that is not in database.name',
  ],
  ['shop', ', mysql: { charset: latin1 }', 'syncs.a.mysql.charset: must be utf8mb4'],
])('%s%s', (name, more, refusal) => {
  expect(refusals(file(name, more))).toEqual([refusal]);
});

test('a sync of PostgreSQL has one database', () => {
  const text = (name: string) =>
    `etcd: { endpoints: [a:1] }\nsyncs: { a: { database: { host: db, name: ${name} } } }`;
  expect(refusals(text('[shop, mall]'))).toEqual([
    'syncs.a.database.name: must be one database: a sync of PostgreSQL has one',
  ]);
  expect(refusals(text('é'.repeat(32)))).toEqual([
    'syncs.a.database.name: must not be longer than 63 bytes',
  ]);
  expect(configOf(text('[shop]')).syncs[0]?.database.names).toEqual(['shop']);
});
