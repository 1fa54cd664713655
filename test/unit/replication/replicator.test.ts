import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import { type Position, positionToJson } from '../../../src/replication/position.ts';
import { MemoryHub } from '../../support/memory-coordination.ts';
import { MemoryStore } from '../../support/memory-sink.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import { Synced, type SyncedOptions } from '../../support/synced.ts';

function world() {
  const source = new ScriptedSource();
  source.create({ id: 'a', columns: ['id', 'v'] }, [
    ['1', '10'],
    ['2', '20'],
  ]);
  const store = new MemoryStore();
  const hub = new MemoryHub(store);
  return { source, store, hub, run: (options?: SyncedOptions) => new Synced(source, hub, options) };
}

const isStreaming = ({ state }: { state: string }): boolean => state === 'streaming';

test('starts by itself, dumps, streams, and shows it', async () => {
  const { source, store, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.until('the row is there', () => store.rows.has('/s/a/3'));
  await sync.until('the counters are', ({ counters }) => counters.transactions === 1);
  expect(sync.status).toMatchObject({
    state: 'streaming',
    desired: 'running',
    instance: 'one',
    leading: true,
    lag: { bytes: 0, seconds: 0 },
    dump: { state: 'done', percent: 100 },
    counters: { transactions: 1, inserts: 1, updates: 0, puts: 3 },
    lastError: null,
    stalled: false,
  });
});

test('without autostart it waits for the order, and says what the source retains', async () => {
  const { source, run } = world();
  await using sync = run({ autostart: false });
  await sync.until('it was probed', ({ sourcePosition }) => sourcePosition !== null);
  expect(sync.status).toMatchObject({ state: 'stopped', desired: 'stopped', retainedLogBytes: 0 });
  expect(source.calls).toEqual(['probe']);
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', isStreaming);
});

test('a driver that cannot be made for that: it stays stopped, and follows orders', async () => {
  const { run } = world();
  await using sync = run({ autostart: false });
  await sync.until('it was probed', ({ sourcePosition }) => sourcePosition !== null);
  const createDriver = () => Promise.reject(new Error('no such module'));
  await sync.replicator.reconfigure({ ...sync.settings, autostart: false, createDriver });
  const unasked = 'the source cannot be asked how much log it retains';
  await sync.until('it was asked for', () => sync.logged.includes(unasked));
  await sync.replicator.reconfigure({ ...sync.settings, autostart: false });
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', isStreaming);
});

test('the source of a stopped sync is told how far another instance has come', async () => {
  const { source, store, run } = world();
  await using idle = run({ autostart: false });
  await idle.until('it was probed', ({ sourcePosition }) => sourcePosition !== null);
  expect([source.probedWith, idle.status.position]).toEqual([null, null]);
  {
    await using leader = run();
    await leader.until('it streams', isStreaming);
    source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
    await leader.until('the row is there', () => store.rows.has('/s/a/3'));
  }
  await using late = run({ autostart: false });
  await late.until('it was probed', ({ sourcePosition }) => sourcePosition !== null);
  expect(late.status.position).toEqual(store.checkpoint?.position);
  expect(positionToJson(source.probedWith as Position)).toEqual(store.checkpoint?.position);
});

test('an order does not wait for a source that does not answer', async () => {
  const { source, run } = world();
  source.hang.add('probe');
  await using sync = run({ autostart: false });
  await sync.until('the orders are known', () => source.calls.includes('probe'));
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', isStreaming);
});

test('a stop is idempotent, gives up the lead, and keeps what was done; a start goes on', async () => {
  const { source, store, hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  expect(hub.leader).toBeNull();
  expect(sync.status).toMatchObject({ leading: false, lag: { bytes: null, seconds: null } });
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('the row is there', () => store.rows.has('/s/a/3'));
  expect(source.calls.filter((call) => call === 'dump')).toHaveLength(1);
});

test('stops and starts in quick succession end as the last one says', async () => {
  const { source, store, run } = world();
  await using sync = run();
  for (let round = 0; round < 20; round += 1) {
    const orders = [sync.supervisor.setDesired('s', 'stopped')];
    if (round % 3 === 0) await sync.until('anything', () => true);
    orders.push(sync.supervisor.setDesired('s', 'running'));
    await Promise.all(orders);
  }
  await sync.until('it streams', isStreaming);
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.until('the row is there', () => store.rows.has('/s/a/3'));
  await sync.supervisor.setDesired('s', 'running');
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  expect(store.violations).toEqual([]);
});

test('a stop in mid-dump interrupts the dump', async () => {
  const { source, run } = world();
  source.beforeChunk = () => new Promise(() => undefined);
  await using sync = run();
  await sync.until(
    'it dumps',
    ({ state, dump }) => state === 'dumping' && dump.state === 'running',
  );
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  expect(sync.status.dump.state).toBe('interrupted');
});

test('a stop in mid-write abandons it', async () => {
  const { source, store, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  store.fault = () => new Promise(() => undefined);
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.until('it lags', ({ lag }) => (lag.seconds ?? 0) > 0);
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
});

test('what can be retried is, on fresh connections; the error shows until the next durable write', async () => {
  const { source, store, run } = world();
  await using sync = run({ backoffMs: 40 });
  await sync.until('it streams', isStreaming);
  source.breakStream(new WatcherError('source_unavailable'));
  await sync.until('it backs off', ({ state }) => state === 'backing_off');
  expect(sync.status.lastError).toMatchObject({ code: 'source_unavailable' });
  expect(sync.status.lastError?.retryAt).not.toBeNull();
  await sync.until('it streams again', isStreaming);
  expect(sync.status.lastError).not.toBeNull();
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.until('the row is there', () => store.rows.has('/s/a/3'));
  await sync.until('the error is gone', ({ lastError }) => lastError === null);
  expect(sync.errors).toEqual(['source_unavailable']);
  expect(source.calls.filter((call) => call === 'dump')).toHaveLength(1);
});

test('a late success does not hide the error of the attempt', async () => {
  const { source, store, run } = world();
  await using sync = run({ backoffMs: 100_000 });
  await sync.until('it streams', isStreaming);
  let land: () => void = () => undefined;
  const landing = new Promise<void>((resolve) => {
    land = resolve;
  });
  store.fault = () => landing;
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.until('it writes', () => store.writes > 2);
  source.breakStream(new WatcherError('source_unavailable'));
  setImmediate(land);
  await sync.until('it backs off', ({ state }) => state === 'backing_off');
  await sync.until('the write has landed', () => store.rows.has('/s/a/3'));
  expect(sync.status.lastError?.code).toBe('source_unavailable');
});

test('what needs a person fails, and a start tries at once', async () => {
  const { source, run } = world();
  source.failNext('prepare', new WatcherError('privilege_missing'));
  await using sync = run();
  await sync.until('it has failed', ({ state }) => state === 'failed');
  expect(sync.status.lastError).toMatchObject({ code: 'privilege_missing', retryAt: null });
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', isStreaming);
});

test('a failed sync can be stopped', async () => {
  const { source, run } = world();
  source.failNext('prepare', new WatcherError('privilege_missing'));
  await using sync = run();
  await sync.until('it has failed', ({ state }) => state === 'failed');
  await sync.supervisor.setDesired('s', 'stopped');
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
});

test('an unknown error is a failure, not an end of the replicator', async () => {
  const { source, run } = world();
  source.failNext('prepare', new TypeError('oops'));
  await using sync = run();
  await sync.until('it has failed', ({ state }) => state === 'failed');
  expect(sync.status.lastError).toMatchObject({ code: 'internal' });
  expect(sync.status.lastError?.message).not.toContain('oops');
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', isStreaming);
});

test('connection_retries: so many failures in a row, then it fails; a start on backing off tries at once', async () => {
  const { source, run } = world();
  for (let time = 0; time < 3; time += 1)
    source.failNext('prepare', new WatcherError('source_unavailable'));
  await using sync = run({ maxAttempts: 2 });
  await sync.until('it has failed', ({ state }) => state === 'failed');
  expect(sync.errors).toHaveLength(2);
  await using patient = new Synced(source, new MemoryHub(new MemoryStore()), { backoffMs: 1e6 });
  await patient.until('it backs off', ({ state }) => state === 'backing_off');
  await patient.supervisor.setDesired('s', 'running');
  await patient.until('it streams', isStreaming);
});

test('a gap in the log: the sync says so, and dumps again', async () => {
  const { source, store, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  source.gap = new WatcherError('slot_missing');
  source.table('a').rows.delete('1');
  source.breakStream(new WatcherError('slot_missing'));
  await sync.until('the stale key is gone', () => !store.rows.has('/s/a/1'));
  await sync.until('it streams', isStreaming);
  // Once for the stream, once for the dump that it causes.
  expect(sync.errors).toEqual(['slot_missing', 'slot_missing']);
});

test('a dump beside the stream: once, and the request is removed', async () => {
  const { source, hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  await sync.supervisor.requestDump('s', null);
  expect(sync.status.dump.state).toBe('running');
  await expect(sync.supervisor.requestDump('s', null)).rejects.toMatchObject({
    code: 'dump_running',
  });
  await sync.until('it is done', ({ dump }) => dump.state === 'done');
  await sync.until('the request is gone', () => hub.request === null);
  source.breakStream();
  await sync.until(
    'it has reconnected',
    () => source.calls.filter((call) => call === 'stream').length === 2,
  );
  await sync.until('it streams', isStreaming);
  expect(source.calls.filter((call) => call === 'redump')).toHaveLength(1);
});

test('a dump of a failed sync copies anew, once', async () => {
  const { source, hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  source.breakStream(new WatcherError('unsupported_event'));
  await sync.until('it has failed', ({ state }) => state === 'failed');
  // etcd is slow to forget the request, and tells of it again meanwhile.
  hub.beforeClear = async () => {
    await sync.until('it streams', isStreaming);
    hub.changed();
    await setTimeout(20);
  };
  await sync.supervisor.requestDump('s', null);
  await sync.until('it streams', isStreaming);
  await sync.until('the request is gone', () => hub.request === null);
  expect(source.calls.filter((call) => call === 'dump')).toHaveLength(2);
  expect(source.calls).not.toContain('redump');
});

test('a request that an instance left behind is carried out by the next', async () => {
  const { source, hub, run } = world();
  const first = run();
  await first.until('it streams', isStreaming);
  await first.supervisor.stop();
  await hub.coordination('cli').putRequest({ id: 'r', tables: ['public.a', 'public.gone'] });
  await using second = run();
  await second.until('it is carried out', () => hub.request === null);
  expect(source.calls.filter((call) => call === 'redump')).toHaveLength(1);
});

test('a request that names no table of now is removed', async () => {
  const { source, hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  await hub.coordination('cli').putRequest({ id: 'r', tables: ['public.gone'] });
  await sync.until('it is removed', () => hub.request === null);
  expect(source.calls).not.toContain('redump');
});

test('a dump of a table while no attempt has come as far as the tables, as after a restart', async () => {
  const { source, store, hub, run } = world();
  const first = run();
  const refused = { code: 'unknown_table' };
  const fails = async (sync: Synced): Promise<void> => {
    await sync.until('it has failed', ({ state }) => state === 'failed');
  };
  source.failNext('prepare', new WatcherError('privilege_missing'));
  await fails(first);
  // Nothing was ever written: the first dump will be of every table.
  await expect(first.supervisor.requestDump('s', ['public.a'])).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('not read its tables yet'),
  });
  await first.supervisor.setDesired('s', 'running');
  await first.until('it streams', isStreaming);
  await first.supervisor.stop();

  source.failNext('prepare', new WatcherError('privilege_missing'));
  await using second = run();
  await fails(second);
  const request = second.supervisor.requestDump('s', ['public.a', 'public.gone']);
  await expect(request).rejects.toMatchObject({
    ...refused,
    message: expect.stringMatching(/no table public.gone$/),
  });
  hub.away = true;
  await expect(second.supervisor.requestDump('s', ['public.a'])).rejects.toMatchObject({
    code: 'etcd_unavailable',
  });
  hub.away = false;
  expect(hub.request).toBeNull();
  store.rows.delete('/s/a/1');
  await second.supervisor.requestDump('s', ['public.a']);
  await second.until('it is dumped again', () => store.rows.has('/s/a/1'));
  await second.until('the request is gone', () => hub.request === null);
});

test('a dump of a table of a first dump that was refused', async () => {
  const { store, run } = world();
  store.putForeign('/s/else', 'x');
  await using sync = run();
  await sync.until('it has failed', ({ lastError }) => lastError?.code === 'prefix_not_empty');
  expect(sync.status.dump).toMatchObject({ tables: [{ table: 'public.a', state: 'pending' }] });
  store.rows.delete('/s/else');
  await sync.supervisor.requestDump('s', ['public.a']);
  await sync.until('it streams', isStreaming);
});

test('which requests are refused', async () => {
  const { run } = world();
  await using sync = run({ autostart: false });
  await expect(sync.supervisor.requestDump('s', null)).rejects.toMatchObject({
    code: 'sync_stopped',
  });
  await sync.supervisor.setDesired('s', 'running');
  await sync.until('it streams', isStreaming);
  await expect(sync.supervisor.requestDump('s', ['public.b'])).rejects.toMatchObject({
    code: 'unknown_table',
  });
  expect(() => sync.supervisor.get('t')).toThrow(WatcherError);
  await expect(sync.supervisor.setDesired('t', 'stopped')).rejects.toMatchObject({
    code: 'unknown_sync',
  });
});

test('etcd away at the start: it backs off, says why, and does what etcd says when it comes', async () => {
  const { hub, run } = world();
  hub.away = true;
  hub.desired = 'stopped';
  await using sync = run();
  await sync.until('it backs off', ({ state }) => state === 'backing_off');
  expect(sync.status).toMatchObject({
    desired: 'running',
    lastError: { code: 'etcd_unavailable', retryAt: expect.any(Date) },
  });
  expect(sync.errors).toContain('etcd_unavailable');
  hub.away = false;
  await sync.until('it is stopped', ({ state }) => state === 'stopped');
  expect(sync.status.desired).toBe('stopped');
});

test('etcd refuses the login at the start: it fails, and begins once it is let in', async () => {
  const { hub, run } = world();
  hub.away = true;
  hub.fault = 'etcd_auth_failed';
  await using sync = run();
  await sync.until('it fails', ({ state }) => state === 'failed');
  expect(sync.status.lastError).toMatchObject({ code: 'etcd_auth_failed', retryAt: null });
  expect(sync.errors).toContain('etcd_auth_failed');
  hub.fault = 'etcd_unavailable';
  await sync.until('it backs off', ({ state }) => state === 'backing_off');
  hub.away = false;
  await sync.until('it streams', isStreaming);
});

test('etcd away at the start of a sync that is not to run: it is stopped, and says why', async () => {
  const { hub, run } = world();
  hub.away = true;
  await using sync = run({ autostart: false });
  await sync.until('it says why', ({ lastError }) => lastError?.code === 'etcd_unavailable');
  expect(sync.status.state).toBe('stopped');
});

test('etcd away: an order is refused and nothing changes', async () => {
  const { hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  hub.away = true;
  await expect(sync.supervisor.setDesired('s', 'stopped')).rejects.toMatchObject({
    code: 'etcd_unavailable',
  });
  await expect(sync.supervisor.requestDump('s', null)).rejects.toMatchObject({
    code: 'etcd_unavailable',
  });
  expect(sync.status.desired).toBe('running');
  hub.away = false;
  await sync.supervisor.stop();
});

test('of two instances one leads; the other shows what it does, and takes over', async () => {
  const { source, store, run } = world();
  const one = run({ instance: 'one' });
  await one.until('it streams', isStreaming);
  await using two = run({ instance: 'two' });
  await two.until('it stands by', ({ state }) => state === 'standby');
  await two.until(
    'it shows its leader',
    ({ instance, dump }) => instance === 'one' && dump.state === 'done',
  );
  await two.until(
    'it knows the state of its leader',
    ({ leaderState }) => leaderState === 'streaming',
  );
  expect(two.status).toMatchObject({ state: 'standby', leading: false });
  expect(one.status.leaderState).toBeNull();
  await one.supervisor.stop();
  await two.until('it streams', isStreaming);
  expect(two.status).toMatchObject({
    instance: 'two',
    leading: true,
    leaderState: null,
    counters: { transactions: 0 },
  });
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await two.until('the row is there', () => store.rows.has('/s/a/3'));
  expect(store.violations).toEqual([]);
});

test('a leader that was deposed writes no more, and stands by without a failure', async () => {
  const { source, store, hub, run } = world();
  await using sync = run();
  await sync.until('it streams', isStreaming);
  const { terms } = hub;
  hub.depose();
  await sync.until(
    'it leads again',
    ({ state }) => hub.terms === terms + 1 && state === 'streaming',
  );
  expect(sync.status.lastError).toBeNull();
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.until('the row is there', () => store.rows.has('/s/a/3'));
});

test('failed, or backing off, and then deposed: it stands by as any other, and tries when it leads again', async () => {
  const { source, hub, run } = world();
  for (const [code, state] of [
    ['privilege_missing', 'failed'],
    ['source_unavailable', 'backing_off'],
  ] as const) {
    source.failNext('prepare', new WatcherError(code));
    await using sync = run({ backoffMs: 100_000 });
    await sync.until('it gives up', (status) => status.state === state);
    expect(sync.status).toMatchObject({ leading: true, instance: 'one' });
    hub.depose('two');
    await sync.until('it stands by', (status) => status.state === 'standby');
    expect(sync.status).toMatchObject({ leading: false, instance: 'two' });
    hub.depose();
    await sync.until('it streams', isStreaming);
  }
});

test('fenced although it leads: backs off instead of turning in circles', async () => {
  const { source, store, run } = world();
  await using sync = run({ backoffMs: 100_000 });
  await sync.until('it streams', isStreaming);
  // Somebody without a lease writes the checkpoint.
  store.checkpointRevision += 1n;
  source.commit({ op: 'insert', table: 'a', row: ['3', '30'] });
  await sync.until('it backs off', ({ state }) => state === 'backing_off');
  expect(sync.status.lastError?.code).toBe('fenced');
});

test('smaller requests are tried at once', async () => {
  const { source, store, run } = world();
  await using sync = run({ backoffMs: 100_000 });
  await sync.until('it streams', isStreaming);
  let refused = 0;
  store.fault = (batch) => {
    if (batch.ops.size < 3) return null;
    refused += 1;
    return 'request_too_large';
  };
  store.limits = { maxOps: 4, maxBytes: 10_000 };
  source.commit(
    ...['3', '4', '5', '6'].map((id) => ({ op: 'insert', table: 'a', row: [id, '0'] }) as const),
  );
  await sync.until('the rows are there', () => store.rows.has('/s/a/6'));
  expect(refused).toBe(1);
});
