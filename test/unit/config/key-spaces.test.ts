/** Which prefixes are of one sync alone. */
import { expect, test } from 'vitest';
import { isShared } from '../../../src/config/key-spaces.ts';
import { configOf } from './loading.ts';

function config(template: string, other: string, statePrefix = '/state') {
  return configOf(`etcd: { endpoints: [localhost:2379], state_prefix: "${statePrefix}" }
syncs:
  a: { database: { host: db, name: shop }, tables: { include: [a.*] }, keys: { template: "${template}" } }
  b: { database: { host: db, name: mall }, tables: { include: [b.*, c.t] }, keys: { template: "${other}" } }
`);
}

const rows = '/rows/{schema}/{table}/{key}';

test.each<[string, string, string, boolean]>([
  ['/rows/', rows, rows, true],
  ['/rows', rows, rows, true],
  ['/ro', rows, rows, true],
  ['/', rows, rows, true],
  ['', rows, rows, true],
  ['/rows/a/', rows, rows, false],
  ['/rows/a/t/', rows, rows, false],
  ['/rows/b/', rows, rows, true],
  ['/rows/b/t/', rows, rows, true],
  ['/rows/b/t/1/', rows, rows, true],
  ['/rows/c/t/', rows, rows, true],
  ['/rows/c/u/', rows, rows, false],
  ['/rows/c/', rows, rows, true],
  ['/a/', '/{sync}/{schema}/{table}/{key}', '/{sync}/{schema}/{table}/{key}', false],
  // A prefix may end within a part.
  ['/rows/x-', '/rows/x-{schema}/{table}/{key}', '/rows/y-{schema}/{table}/{key}', false],
  ['/rows/x-', '/rows/x-{schema}/{table}/{key}', '/rows/{schema}/{table}/{key}', false],
  ['/rows/b-', '/rows/b-{schema}/{table}/{key}', '/rows/{schema}-/{table}/{key}', true],
])('%j of a, written to %s beside %s: %s', (prefix, template, other, shared) => {
  expect(isShared(prefix, 'a', config(template, other))).toBe(shared);
});

test.each<[string, string, boolean]>([
  ['/app/', '/app/watcher', true],
  ['/app/watch', '/app/watcher', true],
  ['/app/watcher/syncs/', '/app/watcher', true],
  ['/app/watcher2/', '/app/watcher', false],
  ['/app/a/', '/app/watcher', false],
  ['/app/', '/app', true],
])("%j where Watcher's own keys are under %j: %s", (prefix, statePrefix, shared) => {
  const alone = config('/x/{schema}/{table}/{key}', '/y/{schema}/{table}/{key}', statePrefix);
  expect(isShared(prefix, 'a', alone)).toBe(shared);
});

test('of one that is not configured any more, every other counts', () => {
  expect(isShared('/rows/a/t/', 'gone', config(rows, rows))).toBe(true);
  expect(isShared('/rows/d/t/', 'gone', config(rows, rows))).toBe(false);
});
