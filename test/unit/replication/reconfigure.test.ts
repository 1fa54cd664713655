/** A sync whose configuration is replaced while it runs. */
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import { compileTemplate, syncPrefix } from '../../../src/replication/key-template.ts';
import { pipelineDefaults } from '../../support/attempt.ts';
import { MemoryHub } from '../../support/memory-coordination.ts';
import { MemoryStore } from '../../support/memory-sink.ts';
import { createScriptedDriver } from '../../support/scripted-driver.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import { Synced, type SyncedOptions } from '../../support/synced.ts';

function world() {
  const source = new ScriptedSource();
  source.create({ id: 'a', columns: ['id', 'v'] }, [['1', '10']]);
  const store = new MemoryStore();
  const hub = new MemoryHub(store);
  return { source, store, hub, run: (options?: SyncedOptions) => new Synced(source, hub, options) };
}

const isStreaming = ({ state }: { state: string }): boolean => state === 'streaming';

function gate() {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** Everything that has nothing to wait for has happened. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
}

function moved(template: string) {
  const scope = { sync: 's', database: 'd' };
  return {
    ...pipelineDefaults,
    mapping: { ...pipelineDefaults.mapping, template },
    prefixOf: compileTemplate(template, scope),
    syncPrefix: syncPrefix(template, scope),
  };
}

test('a stream goes on with the new settings, under the same leadership', async () => {
  const { source, store, hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  sync.logged.length = 0;
  await sync.replicator.reconfigure({ ...sync.settings, pipeline: moved('/t/{table}/{key}') });
  await sync.until('the row has moved', () => store.rows.has('/t/a/1'));
  await sync.until('the old one is gone', () => !store.rows.has('/s/a/1'));
  expect(sync.logged.filter((state) => /^[a-z_]+$/.test(state))).toEqual(['starting', 'streaming']);
  expect(hub.terms).toBe(1);
  source.commit({ op: 'insert', table: 'a', row: ['2', '20'] });
  await sync.until('the stream goes on', () => store.rows.has('/t/a/2'));
  expect(source.calls.filter((call) => call === 'dump')).toHaveLength(1);
});

test('keys of somebody else are not overwritten by rows that move', async () => {
  const { store, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  store.rows.set('/t/a/1', { value: 'theirs', modRevision: 1n });
  await sync.replicator.reconfigure({ ...sync.settings, pipeline: moved('/t/{table}/{key}') });
  await sync.until('it fails', ({ state }) => state === 'failed');
  expect(sync.status.lastError?.code).toBe('prefix_not_empty');
  expect([store.rows.get('/t/a/1')?.value, store.rows.has('/s/a/1')]).toEqual(['theirs', true]);
  const pipeline = { ...moved('/t/{table}/{key}'), adopt: true };
  await sync.replicator.reconfigure({ ...sync.settings, pipeline });
  await sync.until('they are taken over', () => store.rows.get('/t/a/1')?.value.includes('10'));
});

test('one that has failed, or pauses, tries at once', async () => {
  const { source, run } = world();
  const errors = [new WatcherError('source_auth_failed'), new WatcherError('source_unavailable')];
  source.failures.set('prepare', errors);
  await using sync = run({ backoffMs: 1_000_000 });
  await sync.until('it fails', ({ state }) => state === 'failed');
  await sync.replicator.reconfigure(sync.settings);
  await sync.until('it pauses', ({ state }) => state === 'backing_off');
  await sync.replicator.reconfigure(sync.settings);
  await sync.until('it streams', isStreaming);
  expect(sync.logged.filter((state) => /^[a-z_]+$/.test(state))).toEqual(
    expect.arrayContaining(['failed', 'backing_off', 'streaming']),
  );
});

/** A driver that calls `closing` before it is closed. */
function closedAfter(source: ScriptedSource, closing: () => Promise<void>) {
  return async () => {
    const driver = createScriptedDriver(source);
    const close = driver.close.bind(driver);
    driver.close = async () => {
      await closing();
      await close();
    };
    return driver;
  };
}

test('it says when the old settings are done with, and waits for its turn with the new ones', async () => {
  const { source, store, run } = world();
  await using sync = run();
  const [closing, closed, ready] = [gate(), gate(), gate()];
  const createDriver = closedAfter(source, () => {
    closing.open();
    return closed.passed;
  });
  await sync.replicator.reconfigure({ ...sync.settings, createDriver });
  await sync.until('it streams', isStreaming);
  let isDone = false;
  const settings = { ...sync.settings, pipeline: moved('/t/{table}/{key}') };
  const done = sync.replicator.reconfigure(settings, ready.passed).then(() => {
    isDone = true;
  });
  await closing.passed;
  await turns();
  expect(isDone).toBe(false);
  closed.open();
  await done;
  await turns();
  expect([...store.rows.keys()]).toEqual(['/s/a/1']);
  ready.open();
  await sync.until('the row has moved', () => store.rows.has('/t/a/1'));
});

test('one that is stopped stays so, and starts with the new settings', async () => {
  const { store, run } = world();
  await using sync = run({ autostart: false });
  await sync.until('it is known', ({ state }) => state === 'stopped');
  await sync.replicator.reconfigure({ ...sync.settings, pipeline: moved('/t/{table}/{key}') });
  expect(sync.status.state).toBe('stopped');
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', () => store.rows.has('/t/a/1'));
  expect(store.rows.has('/s/a/1')).toBe(false);
});

test('autostart counts as long as nothing was ordered', async () => {
  const { run } = world();
  await using sync = run({ autostart: false });
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  await sync.replicator.reconfigure({ ...sync.settings, autostart: true });
  await sync.until('it streams', isStreaming);
  await sync.supervisor.setDesired('s', 'running');
  await sync.replicator.reconfigure({ ...sync.settings, autostart: false });
  expect(sync.status.desired).toBe('running');
});

test('a standby goes on standing by, and leads with the new settings', async () => {
  const { store, hub, run } = world();
  const first = run();
  await first.until('it streams', isStreaming);
  await using second = run({ instance: 'two' });
  await second.until('it stands by', ({ state }) => state === 'standby');
  await second.replicator.reconfigure({ ...second.settings, pipeline: moved('/t/{table}/{key}') });
  await second.until('it stands by again', ({ state }) => state === 'standby');
  expect(store.rows.has('/t/a/1')).toBe(false);
  await first[Symbol.asyncDispose]();
  await second.until('it leads', () => store.rows.has('/t/a/1'));
  expect(hub.terms).toBe(2);
});

test('changes in quick succession end as the last one says', async () => {
  const { source, store, run } = world();
  await using sync = run();
  for (let round = 0; round < 20; round += 1) {
    const pipeline = moved(`/t${round % 3}/{table}/{key}`);
    void sync.replicator.reconfigure({ ...sync.settings, pipeline });
    if (round % 4 === 0) await sync.until('anything', () => true);
    if (round % 7 === 0) await sync.supervisor.setDesired('s', 'stopped');
    if (round % 7 === 1) await sync.supervisor.setDesired('s', 'running');
  }
  await sync.supervisor.setDesired('s', 'running');
  source.commit({ op: 'insert', table: 'a', row: ['2', '20'] });
  await sync.until('it is where it should be', () => store.rows.has('/t1/a/2'));
  await sync.until('and nowhere else', () => store.rows.size === 2);
});

test('a table that left between two attempts is not shown any more', async () => {
  const { source, run } = world();
  source.create({ id: 'b', columns: ['id', 'v'] }, [['1', '10']]);
  await using sync = run();
  await sync.until('it streams', isStreaming);
  const tables = () => sync.status.dump.tables.map(({ table }) => table);
  expect(tables()).toEqual(['public.a', 'public.b']);
  const createDriver = async () => {
    const driver = createScriptedDriver(source);
    const prepare: typeof driver.prepare = async (resume, signal) => {
      const preparation = await driver.prepare(resume, signal);
      const kept = preparation.tables.filter(({ relation }) => relation.table !== 'b');
      return { ...preparation, tables: kept };
    };
    return new Proxy(driver, {
      get(target, name) {
        const value: unknown = name === 'prepare' ? prepare : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  await sync.replicator.reconfigure({ ...sync.settings, createDriver });
  await sync.until('it is gone', () => tables().length === 1);
});

test('a sync that is removed is unknown and gives up its leadership; another of its name may come', async () => {
  const { hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  await sync.supervisor.remove('s');
  expect(() => sync.supervisor.get('s')).toThrow(WatcherError);
  expect([hub.leader, sync.supervisor.list()]).toEqual([null, []]);
  await using other = run({ instance: 'two' });
  await other.until('it streams', isStreaming);
});

test('instances that take part with another configuration are a warning', async () => {
  const { hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  hub.differing = ['two'];
  hub.changed();
  await sync.until('it is said', ({ warnings }) => warnings.length === 1);
  expect(sync.status.warnings).toMatchObject([
    { code: 'config_differs', message: expect.stringContaining('two') },
  ]);
  hub.differing = [];
  hub.changed();
  await sync.until('it is over', ({ warnings }) => warnings.length === 0);
});

test('a checkpoint of another kind of database is dumped over, and its rows are ours', async () => {
  const { source, store, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  const pipeline = { ...pipelineDefaults, positionKind: 'mysql' } as const;
  await sync.replicator.reconfigure({ ...sync.settings, pipeline });
  await sync.until('it dumps', () => source.calls.filter((call) => call === 'dump').length === 2);
  await sync.until('it streams', isStreaming);
  expect([...store.rows.keys()]).toEqual(['/s/a/1']);
});
