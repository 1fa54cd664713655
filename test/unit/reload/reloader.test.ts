import { expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { ConfigInvalid } from '../../../src/config/control.ts';
import { WatcherError } from '../../../src/errors.ts';
import type { RowKeys } from '../../../src/etcd/records.ts';
import { Reloader } from '../../../src/reload/reloader.ts';
import { compileTemplate } from '../../../src/replication/key-template.ts';
import { load } from '../config/loading.ts';

const file = (...syncs: string[]) =>
  `etcd: { endpoints: [localhost:2379] }\nsyncs:\n${syncs.map((sync) => `  ${sync}\n`).join('')}`;
const a = 'a: { database: { host: db, name: a } }';
const b = 'b: { database: { host: db, name: b } }';
const slowB = 'b: { database: { host: db, name: b }, dump: { parallel: 1 } }';
const slowA = 'a: { database: { host: db, name: a }, dump: { parallel: 1 } }';

function world(text = file(a)) {
  const first = load(text);
  if (!('config' in first)) throw new Error('not valid');
  const calls: string[] = [];
  const logged: object[] = [];
  const note = (fields: object): void => {
    logged.push(fields);
  };
  const gates: (() => void)[] = [];
  const state = { text, away: false, blocked: false };
  const rowKeys: RowKeys = {
    async records() {
      if (state.away) throw new WatcherError('etcd_unavailable');
      const table = {
        table: 'public.t',
        prefixes: ['/a/public/t/'],
        fingerprint: '',
        signature: '',
      };
      return { 1: { ...table, state: 'done', rows: 1, mark: null } };
    },
    othersPrefixes: async () => [],
    count: async () => 7,
  };
  const reloader = new Reloader({
    config: first.config,
    read: () => {
      calls.push('read');
      return load(state.text);
    },
    target: {
      async remove({ name }) {
        calls.push(`remove ${name}`);
        if (state.blocked) await new Promise<void>((resolve) => gates.push(resolve));
        calls.push(`removed ${name}`);
      },
      async change({ name }, _config, ready) {
        calls.push(`change ${name}`);
        void ready.then(() => calls.push(`${name} goes on`));
        if (state.blocked) await new Promise<void>((resolve) => gates.push(resolve));
        calls.push(`changed ${name}`);
      },
      add: ({ name }) => calls.push(`add ${name}`),
    },
    rowKeys,
    prefixOf: ({ name, keys }) => compileTemplate(keys.template, { sync: name, database: name }),
    statePrefixOf: (name) => `/watcher/syncs/${name}/`,
    log: { debug: note, info: note, warn: note, error: note },
  });
  return { reloader, calls, logged, state, gates };
}

test('removed ones have stopped before others change and start; then listeners are told', async () => {
  const { reloader, calls, state } = world(file(a, b));
  const told: Config[] = [];
  reloader.onReload((config) => told.push(config));
  state.text = file(slowA, 'c: { database: { host: db, name: c } }');
  const report = await reloader.reload({ dryRun: false });
  expect(report).toMatchObject({ added: ['c'], removed: ['b'], changed: ['a'], unchanged: [] });
  expect(calls).toEqual([
    'read',
    'remove b',
    'removed b',
    'change a',
    'changed a',
    'a goes on',
    'add c',
  ]);
  expect(told).toEqual([reloader.current()]);
  expect(reloader.current().syncs.map(({ name }) => name)).toEqual(['a', 'c']);
});

test('those that change have all stopped writing before any goes on, or another starts', async () => {
  const { reloader, calls, state, gates } = world(file(a, b));
  state.blocked = true;
  state.text = file(slowA, slowB, 'c: { database: { host: db, name: c } }');
  const reloaded = reloader.reload({ dryRun: false });
  await expect.poll(() => gates.length).toBe(2);
  gates[0]?.();
  await expect.poll(() => calls).toContain('changed a');
  expect(calls).toEqual(['read', 'change a', 'change b', 'changed a']);
  gates[1]?.();
  await reloaded;
  expect(calls.slice(4)).toEqual(['changed b', 'a goes on', 'b goes on', 'add c']);
});

test('a dry run changes nothing, and counts', async () => {
  const { reloader, calls, state } = world();
  const before = reloader.current();
  state.text = file('a: { database: { host: db, name: a }, tables: { exclude: [public.t] } }');
  const { effects } = await reloader.reload({ dryRun: true });
  expect(effects).toEqual([
    {
      name: 'a',
      changes: ['tables.exclude'],
      tablesRemoved: ['public.t'],
      tablesDumped: [],
      keysDeleted: 7,
    },
  ]);
  expect(calls).toEqual(['read']);
  expect(reloader.current()).toBe(before);
});

test('without etcd it reloads all the same; what it cannot know is null', async () => {
  const { reloader, calls, state } = world(file(a, b));
  state.away = true;
  state.text = file(slowA);
  const rehearsed = await reloader.reload({ dryRun: true });
  expect(rehearsed.effects).toMatchObject([{ tablesRemoved: null, keysDeleted: null }]);
  const { leftovers } = await reloader.reload({ dryRun: false });
  expect(leftovers).toMatchObject([{ name: 'b', keys: null, slot: 'watchersub_b' }]);
  expect(calls).toContain('removed b');
});

test('a file that is not valid changes nothing; each violation is logged', async () => {
  const { reloader, calls, logged, state } = world();
  state.text = file('a: { databse: {} }', 'B: {}');
  const refused = reloader.reload({ dryRun: false });
  await expect(refused).rejects.toThrow(ConfigInvalid);
  const { violations } = (await refused.catch((error: unknown) => error)) as ConfigInvalid;
  expect(violations.length).toBeGreaterThan(1);
  expect(logged).toEqual(violations.map((violation) => ({ ...violation })));
  expect([reloader.lastReloadOk(), calls]).toEqual([false, ['read']]);
  await expect(reloader.reload({ dryRun: true })).rejects.toThrow(ConfigInvalid);
  state.text = file(a);
  await reloader.reload({ dryRun: true });
  expect(reloader.lastReloadOk()).toBe(false);
  await reloader.reload({ dryRun: false });
  expect(reloader.lastReloadOk()).toBe(true);
});

test('two reloads follow one another', async () => {
  const { reloader, calls, state, gates } = world(file(a, b));
  state.blocked = true;
  state.text = file(a);
  const first = reloader.reload({ dryRun: false });
  const second = reloader.reload({ dryRun: false });
  await expect.poll(() => gates.length).toBe(1);
  state.text = file(slowA);
  expect(calls).toEqual(['read', 'remove b']);
  state.blocked = false;
  gates[0]?.();
  expect((await first).removed).toEqual(['b']);
  expect(await second).toMatchObject({ removed: [], changed: ['a'] });
});

test('keys under the state prefix that is in use until the restart are refused', async () => {
  const { reloader, state } = world();
  state.text = `etcd: { endpoints: [localhost:2379], state_prefix: /w2 }
syncs: { a: { database: { host: db, name: a }, keys: { template: "/watcher/{schema}/{table}/{key}" } } }`;
  const refused = reloader.reload({ dryRun: false });
  await expect(refused).rejects.toMatchObject({
    violations: [{ path: 'syncs.a.keys.template', message: expect.stringContaining('/watcher') }],
  });
});

test('after the end a reload does nothing', async () => {
  const { reloader, calls, state } = world(file(a, b));
  await reloader.close();
  state.text = file(a);
  await reloader.reload({ dryRun: false });
  expect(calls).toEqual(['read']);
});
