/** What a stopped sync left is dropped, whole or in parts, also when it is interrupted anywhere. */
import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import { type DropPart, dropParts } from '../../../src/replication/drop-sync.ts';
import { MemoryHub } from '../../support/memory-coordination.ts';
import { MemoryStore } from '../../support/memory-sink.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import { Synced } from '../../support/synced.ts';

const rows = 10;

/** A sync that has dumped, and is stopped. */
async function stoppedWorld() {
  const source = new ScriptedSource();
  const values = Array.from({ length: rows }, (_, index) => [`${index}`, 'x'] as const);
  source.create(
    { id: 'a', columns: ['id', 'v'] },
    values.map((row) => [...row]),
  );
  source.create({ id: 'b', columns: ['id'] }, [['1']]);
  const store = new MemoryStore();
  const hub = new MemoryHub(store);
  const sync = new Synced(source, hub);
  await sync.until('it streams', ({ state }) => state === 'streaming');
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  source.calls.length = 0;
  return {
    source,
    store,
    hub,
    sync,
    drop: (parts: readonly DropPart[] = dropParts, dryRun = false) =>
      sync.supervisor.drop('s', { parts, dryRun }),
    [Symbol.asyncDispose]: () => sync[Symbol.asyncDispose](),
  };
}

/** What keeps all parts apart: afterwards the sync starts, and the store is what the source is. */
async function startsAgain({ sync, store, source, hub }: Awaited<ReturnType<typeof stoppedWorld>>) {
  source.commit({ op: 'insert', table: 'a', row: ['new', 'x'] });
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', ({ state }) => state === 'streaming');
  await sync.until('the row is there', () => store.rows.has('/s/a/new'));
  expect(store.keys('/s/a/')).toHaveLength(rows + 1);
  expect(store.violations).toEqual([]);
  expect(hub.terms).toBe(2);
}

const everything = {
  slot: 'the slot',
  publication: 'the publication',
  keys: [
    { prefix: '/s/a/', count: rows },
    { prefix: '/s/b/', count: 1 },
  ],
  state: ['/state/checkpoint', '/state/tables'],
  kept: [],
};

test('a dry run says what the drop then does; the drop leaves nothing, and can be repeated', async () => {
  await using world = await stoppedWorld();
  const { store, source, hub, drop, sync } = world;
  const before = { rows: new Map(store.rows), checkpoint: store.checkpoint };
  expect(await drop(dropParts, true)).toEqual(everything);
  expect(store.rows).toEqual(before.rows);
  expect(store.checkpoint).toEqual(before.checkpoint);
  expect(source.calls).toEqual(['look']);
  expect(sync.status.checkpoint.revision).not.toBeNull();

  expect(await drop()).toEqual(everything);
  expect(store.rows.size).toBe(0);
  expect(store.checkpoint).toBeNull();
  expect(source.leftovers.size).toBe(0);
  expect(hub.leader).toBeNull();
  expect(hub.desired).toBe('stopped');
  expect(source.closed.length).toBeGreaterThan(0);
  expect(sync.status).toMatchObject({
    state: 'stopped',
    position: null,
    checkpoint: { revision: null, committedAt: null },
    dump: { state: 'none', tables: [] },
  });
  expect(await drop()).toEqual({ slot: null, publication: null, keys: [], state: [], kept: [] });
  await startsAgain(world);
});

test.each<[DropPart]>([['slot'], ['publication'], ['keys'], ['state']])(
  '%s alone leaves the rest',
  async (part) => {
    await using world = await stoppedWorld();
    const { store, source, drop } = world;
    const nothing = { slot: null, publication: null, keys: [], state: [], kept: [] };
    expect(await drop([part])).toMatchObject({ ...nothing, [part]: everything[part] });
    expect(store.rows.size).toBe(part === 'keys' ? 0 : rows + 1);
    expect(store.checkpoint === null).toBe(part === 'state');
    expect([...source.leftovers]).toEqual(['slot', 'publication'].filter((left) => left !== part));
    // Rows that are gone must never be streamed over.
    if (part === 'keys') expect(store.checkpoint).toMatchObject({ phase: 'dump', position: null });
    if (part !== 'state') await startsAgain(world);
  },
);

test('keys where another sync writes by now stay, and are named', async () => {
  await using world = await stoppedWorld();
  const { store, drop, sync } = world;
  const isShared = (prefix: string): boolean => prefix !== '/s/a/';
  const { settings, replicator } = sync;
  await replicator.reconfigure({ ...settings, pipeline: { ...settings.pipeline, isShared } });
  const expected = {
    keys: [{ prefix: '/s/a/', count: rows }],
    kept: [{ part: 'keys', name: '/s/b/', reason: expect.stringContaining('1 keys stay') }],
  };
  expect(await drop(['keys'], true)).toMatchObject(expected);
  expect(await drop(['keys'])).toMatchObject(expected);
  expect(store.keys('')).toEqual(['/s/b/1']);
  expect(store.tables).toEqual({});
});

test('keys without a checkpoint stay: nobody knows whose they are', async () => {
  await using world = await stoppedWorld();
  const { store, drop } = world;
  await drop(['state']);
  const { keys, kept } = await drop(['keys']);
  expect(keys).toEqual([]);
  expect(kept).toMatchObject([{ part: 'keys', name: '/s/' }]);
  expect(kept[0]?.reason).toContain(`${rows + 1} keys stay: no checkpoint`);
  expect(store.rows.size).toBe(rows + 1);
});

test('keys of somebody else under the prefix stay, and are named, in a dry run too', async () => {
  await using world = await stoppedWorld();
  const { store, drop } = world;
  store.putForeign('/s/mine', 'x');
  for (const dryRun of [true, false]) {
    const { keys, kept } = await drop(['keys'], dryRun);
    expect(keys).toEqual(everything.keys);
    expect(kept[0]?.reason).toMatch(/^1 keys stay: they are not under the prefix of a table/);
  }
  expect(store.keys('/')).toEqual(['/s/mine']);
});

test('a sync that is not stopped, here or elsewhere, is refused, and so is a dry run', async () => {
  await using world = await stoppedWorld();
  const { source, store, hub, drop, sync } = world;
  const writes = store.writes;
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', ({ state }) => state === 'streaming');
  for (const dryRun of [true, false]) {
    await expect(drop(dropParts, dryRun)).rejects.toMatchObject({ code: 'sync_not_stopped' });
  }
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  hub.leader = { instance: 'two', lost: new AbortController(), held: true };
  await expect(drop()).rejects.toMatchObject({ code: 'sync_not_stopped' });
  hub.leader = null;
  expect(store.rows.size).toBe(rows + 1);
  expect(source.leftovers.size).toBe(2);
  expect(store.writes).toBeLessThan(writes + 3);
});

test('a start meanwhile waits, and then begins with a dump', async () => {
  await using world = await stoppedWorld();
  const { source, store, sync, drop } = world;
  let release = (): void => undefined;
  store.fault = () =>
    new Promise<void>((resolve) => {
      release = resolve;
    });
  const dropping = drop();
  await sync.until('it drops', () => store.writes > 3);
  store.fault = () => null;
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it waits', ({ state }) => state === 'standby');
  release();
  await dropping;
  await sync.until('it streams', ({ state }) => state === 'streaming');
  expect(source.calls.filter((call) => call === 'dump')).toHaveLength(1);
  expect(store.keys('/s/a/')).toHaveLength(rows);
  expect(store.violations).toEqual([]);
});

test('what the source refuses is said before anything is changed', async () => {
  await using world = await stoppedWorld();
  const { source, store, drop } = world;
  const refusal = new WatcherError('slot_in_use', { message: 'held by 7', remedy: 'end 7' });
  source.failures.set('look', [refusal]);
  await expect(drop()).rejects.toMatchObject({
    code: 'drop_failed',
    message: 'held by 7',
    remedy: 'end 7',
  });
  expect(store.rows.size).toBe(rows + 1);
  expect(store.checkpoint?.phase).toBe('stream');
  await startsAgain(world);
});

/** As a crash at that write would leave it, with and without the write. */
test.each(Array.from({ length: 6 }, (_, at) => at))(
  'interrupted at write %i, the next start is exact, and the same call goes on',
  async (at) => {
    for (const fault of ['reject', 'lost_response'] as const) {
      for (const next of ['start', 'drop'] as const) {
        await using world = await stoppedWorld();
        const { store, source, drop } = world;
        const first = store.writes;
        store.fault = (_, index) => (index === first + at ? fault : null);
        await expect(drop()).rejects.toMatchObject({ code: 'etcd_unavailable' });
        expect(source.leftovers.size).toBe(2);
        expect(store.checkpoint).not.toBeNull();
        if (next === 'drop') {
          await drop();
          expect(store.rows.size).toBe(0);
          expect(store.checkpoint).toBeNull();
          expect(source.leftovers.size).toBe(0);
        }
        await startsAgain(world);
      }
    }
  },
);

test('interrupted before the slot is dropped, a start is a first dump, without an error', async () => {
  await using world = await stoppedWorld();
  const { source, store, drop, sync } = world;
  source.failures.set('drop', [new WatcherError('source_unavailable')]);
  await expect(drop()).rejects.toMatchObject({ code: 'drop_failed' });
  expect(store.checkpoint).toBeNull();
  await startsAgain(world);
  expect(sync.errors).toEqual([]);
});

test('Watcher may stop meanwhile', async () => {
  await using world = await stoppedWorld();
  const { store, sync, drop, hub } = world;
  store.fault = () => new Promise<void>(() => undefined);
  const dropping = drop();
  const refused = expect(dropping).rejects.toMatchObject({ code: 'drop_failed' });
  await sync.until('it drops', () => store.writes > 3);
  await sync.supervisor.stop();
  await refused;
  expect(hub.leader).toBeNull();
});
