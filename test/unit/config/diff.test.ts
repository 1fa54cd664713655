import { expect, test } from 'vitest';
import { diffConfigs } from '../../../src/config/diff.ts';
import { syncDigests } from '../../../src/config/digest.ts';
import { configOf, type World, withGlobal, withSync } from './loading.ts';

const file = (syncs: string) => `etcd: { endpoints: [localhost:2379] }\nsyncs:\n${syncs}`;
const sync = (name: string, members = '') =>
  `  ${name}: { database: { host: db, name: ${name} }${members} }\n`;

function changes(before: string, after: string, beforeWorld?: World, afterWorld?: World) {
  return diffConfigs(configOf(before, beforeWorld), configOf(after, afterWorld));
}

test('added, removed, changed and unchanged syncs', () => {
  const diff = changes(
    file(sync('a') + sync('b') + sync('c')),
    file(sync('d') + sync('c', ', autostart: false') + sync('b')),
  );
  expect(diff.added.map(({ name }) => name)).toEqual(['d']);
  expect(diff.removed.map(({ name }) => name)).toEqual(['a']);
  expect(diff.changed.map(({ after, paths }) => [after.name, paths])).toEqual([
    ['c', ['autostart']],
  ]);
  expect(diff.unchanged.map(({ name }) => name)).toEqual(['b']);
  expect(diff.restartRequired).toEqual([]);
});

test('a default that is written out is no change', () => {
  const { changed, unchanged } = changes(
    withSync(''),
    withSync('driver: postgres\nkeys: { adopt: false }\ntables: { include: ["public.*"] }'),
  );
  expect([changed, unchanged.length]).toEqual([[], 1]);
});

test('the keys are named as the file has them', () => {
  const { changed } = changes(
    withSync(''),
    withSync(
      'tables: { exclude: [public.x] }\nkeys: { columns: { public.y: [id] } }\npostgres: { manage_publication: false }',
      'retry_period: 2s, port: 5433, tls: { mode: require }',
    ),
  );
  expect(changed[0]?.paths).toEqual([
    'database.port',
    'database.tls.mode',
    'database.retry_period',
    'tables.exclude',
    'keys.columns',
    'postgres.manage_publication',
  ]);
});

test('what a file holds counts, not its name', () => {
  const text = withSync('', 'password_file: pw');
  const { changed } = changes(
    text,
    text,
    { files: { '/etc/pw': 'one' } },
    { files: { '/etc/pw': 'two' } },
  );
  expect(changed[0]?.paths).toEqual(['database.password']);
});

test('what needs a restart stays as it is, and is named until it is done', () => {
  const token = '{ name: ops, token: 0123456789abcdef, role: admin }';
  const before = withGlobal(`api: { port: 1 }\ninstance: a\nlog_level: warn`);
  const after = withGlobal(
    `api: { port: 2, host: 0.0.0.0, tokens: [${token}] }\ninstance: b\netcd: { endpoints: [other:2379] }`,
  );
  const diff = changes(before, after);
  expect(diff.restartRequired).toEqual(['instance', 'api.host', 'api.port', 'etcd']);
  expect(diff.effective).toMatchObject({
    logLevel: 'info',
    instance: 'a',
    api: { host: '127.0.0.1', port: 1, tokens: [{ name: 'ops' }] },
    etcd: { endpoints: ['localhost:2379'] },
  });
  expect(diffConfigs(diff.effective, configOf(after)).restartRequired).toEqual(
    diff.restartRequired,
  );
  expect(diffConfigs(diff.effective, configOf(before)).restartRequired).toEqual([]);
});

test('the last token does not go while more than loopback is served', () => {
  const token = '{ name: ops, token: 0123456789abcdef, role: admin }';
  const open = withGlobal(`api: { host: 0.0.0.0, tokens: [${token}] }`);
  const diff = changes(open, withGlobal('api: { host: 127.0.0.1 }'));
  expect(diff.restartRequired).toEqual(['api.host', 'api.tokens']);
  expect(diff.effective.api.tokens).toHaveLength(1);
  const local = withGlobal(`api: { tokens: [${token}] }`);
  expect(changes(local, withGlobal('')).effective.api.tokens).toEqual([]);
});

test('digests: equal without regard to secrets, instance and API; else different', () => {
  const digest = (text: string) => syncDigests(configOf(text)).get('a');
  const plain = digest(withSync(''));
  expect(plain).toMatch(/^[\w-]{16}$/);
  expect(digest(withSync('', 'password: one'))).toBe(digest(withSync('', 'password: two')));
  expect(digest(`instance: x\nlog_level: warn\napi: { port: 1 }\n${withSync('')}`)).toBe(plain);
  expect(digest(withSync('tables: { exclude: [public.x] }'))).not.toBe(plain);
});
