import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyShapes, mayMeet, prefixShape } from '../../../src/config/overlap.ts';
import { configOf, load, refusals, violationsOf } from './loading.ts';

interface Side {
  readonly sync?: string;
  readonly database?: string;
  readonly template?: string;
  readonly include?: readonly string[];
}

function shapesOf({
  sync = 'a',
  database = 'd',
  template = '/{sync}/{schema}/{table}/{key}',
  include = ['*.*'],
}: Side) {
  return keyShapes({ sync, database, template, include });
}

const same = '/rows/{schema}/{table}/{key}';

const pairs: [string, Side, Side, boolean][] = [
  ['two names', { sync: 'a' }, { sync: 'b' }, false],
  [
    'one template without the name',
    { sync: 'a', template: same },
    { sync: 'b', template: same },
    true,
  ],
  [
    'two databases',
    { database: 'd', template: '/{database}/{schema}/{table}/{key}' },
    { database: 'e', template: '/{database}/{schema}/{table}/{key}' },
    false,
  ],
  ['a name that is a prefix of the other', { sync: 'a' }, { sync: 'ab' }, false],
  [
    'a key that may hold the rest',
    { template: '/x/{key}', include: ['p.t'] },
    { template: '/x/y/z/{key}', include: ['p.u'] },
    true,
  ],
  [
    'a key below another name',
    { template: '/x/{key}', include: ['p.t'] },
    { template: '/y/{key}', include: ['p.u'] },
    false,
  ],
  [
    'no slash at the start',
    { template: 'x/{key}', include: ['p.t'] },
    { template: '/x/{key}', include: ['p.t'] },
    false,
  ],
  [
    'other schemas',
    { template: same, include: ['a.*'] },
    { template: same, include: ['b.*'] },
    false,
  ],
  [
    'schemas that may be one',
    { template: same, include: ['a*.*'] },
    { template: same, include: ['*b.*'] },
    true,
  ],
  [
    'other tables',
    { template: same, include: ['p.a'] },
    { template: same, include: ['p.b', 'p.c'] },
    false,
  ],
  [
    'one table in common',
    { template: same, include: ['p.a', 'p.b'] },
    { template: same, include: ['p.c', 'p.b'] },
    true,
  ],
  [
    'tables that begin differently',
    { template: same, include: ['p.a_*'] },
    { template: same, include: ['p.b_*'] },
    false,
  ],
  [
    'one character',
    { template: same, include: ['p.a?'] },
    { template: same, include: ['p.ab'] },
    true,
  ],
  [
    'one character that is escaped',
    { template: same, include: ['p.a?'] },
    { template: same, include: ['p.a%'] },
    true,
  ],
  [
    'a table against a fixed part',
    { template: '/r/{table}/{key}', include: ['p.*'] },
    { template: '/r/x/{key}', include: ['p.t'] },
    true,
  ],
  [
    'a part around a table',
    { template: '/r/t-{table}/{key}', include: ['p.*'] },
    { template: '/r/{table}-t/{key}', include: ['p.*'] },
    true,
  ],
  [
    'parts around a table that differ',
    { template: '/r/a-{table}/{key}', include: ['p.*'] },
    { template: '/r/b-{table}/{key}', include: ['p.*'] },
    false,
  ],
  [
    'a part is one part',
    { template: '/{schema}/x/{key}', include: ['*.t'] },
    { template: '/a/b/x/{key}', include: ['p.t'] },
    false,
  ],
  [
    'a slash in a name is escaped',
    { template: '/{table}/{key}', include: ['p.a/b'] },
    { template: '/a/b/{key}', include: ['p.t'] },
    false,
  ],
];

test.each(pairs)('keys of two syncs: %s', (_name, a, b, meet) => {
  expect(mayMeet(shapesOf(a), shapesOf(b))).toBe(meet);
  expect(mayMeet(shapesOf(b), shapesOf(a))).toBe(meet);
});

test.each<[string, Side, boolean]>([
  ['the default', { sync: 'shop' }, false],
  ['a sync of that name', { sync: 'watcher' }, true],
  ['a longer name', { sync: 'watcher2' }, false],
  ['any schema at the top', { template: '/{schema}/{table}/{key}' }, true],
  ['a schema at the top', { template: '/{schema}/{table}/{key}', include: ['public.*'] }, false],
  ['a key at the top', { template: '/{key}', include: ['p.t'] }, true],
  ['no slash at the start', { template: '{schema}/{table}/{key}' }, false],
])('rows under the state prefix: %s', (_name, side, meet) => {
  expect(mayMeet(shapesOf(side), [prefixShape('/watcher')])).toBe(meet);
});

test('two globs meet exactly when some name matches both', () => {
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 4 });
  const names = ['']; // all names of up to five letters
  for (const name of names) if (name.length < 5) names.push(`${name}a`, `${name}b`);
  const toRegExp = (text: string) => new RegExp(`^${text.replaceAll('*', '.*')}$`);
  const template = '/x{table}/{key}';
  fc.assert(
    fc.property(glob, glob, (a, b) => {
      const common = names.some((name) => toRegExp(a).test(name) && toRegExp(b).test(name));
      const meet = mayMeet(
        shapesOf({ template, include: [`p.${a}`] }),
        shapesOf({ template, include: [`p.${b}`] }),
      );
      // Two globs of up to four characters that meet do so in a name of up to six; five letters find nearly all.
      if (common) expect(meet).toBe(true);
      else if (meet) expect(a.length + b.length).toBeGreaterThan(5);
    }),
  );
});

function two(a: string, b: string, top = ''): string {
  return `etcd: { endpoints: [localhost:2379] }
${top}
syncs:
  a: { ${a} }
  b: { ${b} }
`;
}

const shop = 'database: { host: db, name: shop }';
const mall = 'database: { host: db, name: mall }';

test('syncs whose keys could overlap are refused', () => {
  const template = 'keys: { template: "/rows/{schema}/{table}/{key}" }';
  expect(violationsOf(two(`${shop}, ${template}`, `${mall}, ${template}`))).toEqual([
    {
      path: 'syncs.b.keys.template',
      line: 5,
      message: 'its keys could overlap with those of the sync "a"',
    },
  ]);
});

test('rows under the state prefix are refused', () => {
  expect(
    refusals(
      two(shop, `${mall}, keys: { template: "/state/x/{table}/{key}" }`).replace(
        '] }',
        '], state_prefix: /state }',
      ),
    ),
  ).toEqual(['syncs.b.keys.template: its keys could be under etcd.state_prefix (/state)']);
});

test.each(['state', '/state/', '/', '', '//a', '/a//b', '/a\\n'])(
  '%j is no state prefix',
  (prefix) => {
    expect(refusals(two(shop, mall).replace('] }', `], state_prefix: "${prefix}" }`))).toEqual([
      'etcd.state_prefix: must be a path that starts with "/" and does not end with one, without empty parts',
    ]);
  },
);

test('a slot belongs to one sync of a server', () => {
  const mine = 'postgres: { slot: mine }';
  const refusal = 'syncs.b.postgres.slot: is that of the sync "a" too; each sync needs its own';
  expect(refusals(two(`${shop}, ${mine}`, `${mall}, ${mine}`))).toEqual([refusal]);
  const elsewhere = 'database: { host: other, name: shop }';
  expect(load(two(`${shop}, ${mine}`, `${elsewhere}, ${mine}`))).toHaveProperty('config');
});

test('the default slots of a-b and a_b are one', () => {
  const text = `etcd: { endpoints: [a:1] }
syncs:
  a-b: { ${shop} }
  a_b: { ${mall} }
`;
  expect(refusals(text)).toEqual([
    'syncs.a_b.postgres.slot: is that of the sync "a-b" too; each sync needs its own',
  ]);
});

test('a publication belongs to one sync of a database', () => {
  const mine = 'postgres: { publication: mine }';
  expect(refusals(two(`${shop}, ${mine}`, `${shop}, ${mine}`))).toEqual([
    'syncs.b.postgres.publication: is that of the sync "a" too; each sync needs its own',
  ]);
  expect(load(two(`${shop}, ${mine}`, `${mall}, ${mine}`))).toHaveProperty('config');
});

test('the names of this machine are one server', () => {
  const at = (host: string) =>
    `database: { host: "${host}", name: shop }, postgres: { slot: mine }`;
  for (const host of ['127.0.0.1', '::1', 'LOCALHOST']) {
    expect(refusals(two(at('localhost'), at(host)))).toHaveLength(1);
  }
  expect(refusals(two(at('db.example'), at('DB.example')))).toHaveLength(1);
});

test('a server id belongs to one sync', () => {
  const mysql = 'driver: mysql, mysql: { server_id: 7 }';
  expect(refusals(two(`${shop}, ${mysql}`, `${mall}, ${mysql}`))).toContain(
    'syncs.b.mysql.server_id: is that of the sync "a" too; each sync needs its own',
  );
});

test('what is wrong itself is not compared', () => {
  const bad = 'postgres: { slot: Bad }, keys: { template: "/x/{sink}/{table}/{key}" }';
  const found = violationsOf(two(`${shop}, ${bad}`, `${mall}, ${bad}`));
  expect(found.map(({ path }) => path)).toEqual([
    'syncs.a.postgres.slot',
    'syncs.a.keys.template',
    'syncs.b.postgres.slot',
    'syncs.b.keys.template',
  ]);
});

test('two syncs that share nothing are accepted', () => {
  expect(configOf(two(shop, mall)).syncs.map((sync) => sync.name)).toEqual(['a', 'b']);
});
