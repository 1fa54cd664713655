/** DESIGN §2, the invariants, and §3, the rules that keep it exact: each by its name, over memory on both sides. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import { Attempt, pipelineDefaults } from '../../support/attempt.ts';
import { MemoryStore } from '../../support/memory-sink.ts';
import { lsnText, ScriptedSource } from '../../support/scripted-source.ts';

const columns = ['id', 'v'];

function shop(): ScriptedSource {
  const source = new ScriptedSource();
  source.create({ id: 'a', columns }, [
    ['1', '10'],
    ['2', '20'],
    ['3', '30'],
  ]);
  source.create({ id: 'b', columns }, [['1', '1']]);
  return source;
}

function streaming(attempt: Attempt): Promise<unknown> {
  return attempt.until('the stream begins', () => attempt.happened.includes('streaming'));
}

/** A gate that stays closed until it is opened. */
function gate() {
  let open: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { closed, open };
}

async function turns(count = 30): Promise<void> {
  for (let left = count; left > 0; left -= 1) await turn();
}

test('dump, then stream', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  source.commit(
    { op: 'insert', table: 'a', row: ['4', '40'] },
    { op: 'update', table: 'a', row: ['9', '21'], old: ['2', undefined] },
    { op: 'delete', table: 'a', old: ['1', undefined] },
  );
  await attempt.caughtUp();
  expect(store.values()).toEqual({
    '/s/a/3': '{"id":3,"v":30}',
    '/s/a/4': '{"id":4,"v":40}',
    '/s/a/9': '{"id":9,"v":21}',
    '/s/b/1': '{"id":1,"v":1}',
  });
  expect(attempt.happened).toEqual(['loaded', 'prepared', 'dumping first', 'dumped', 'streaming']);
  expect(store.checkpoint).toMatchObject({
    phase: 'stream',
    position: lsnText(source.lsn),
    partial: null,
  });
  expect(store.violations).toEqual([]);
});

test('invariant: nothing is acknowledged, and no position advances, before its data is durable', async () => {
  const source = shop();
  const { closed, open } = gate();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  const before = store.checkpoint;
  store.fault = () => closed;
  source.commit({ op: 'insert', table: 'a', row: ['4', '40'] });
  source.heartbeat();
  await turns();
  expect(source.acknowledged).toEqual([]);
  expect(store.checkpoint).toEqual(before);
  expect(attempt.control?.oldestPending()).not.toBeNull();
  open();
  await attempt.caughtUp();
  expect(source.acknowledged.at(-1)).toBe(source.lsn);
});

test('invariant: on error paths nothing is acknowledged either', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  store.fault = () => 'reject';
  source.commit({ op: 'insert', table: 'a', row: ['4', '40'] });
  await attempt.ended;
  expect(attempt.error).toMatchObject({ code: 'etcd_unavailable' });
  expect(source.acknowledged).toEqual([]);
  expect(source.closed).toEqual(['driver']);
});

test('invariant: a heartbeat moves the position only when nothing is pending (rule 2: durable, then confirmed)', async () => {
  const source = shop();
  const store = new MemoryStore();
  source.onAcknowledge = (lsn) => {
    if (JSON.stringify(store.checkpoint?.position) !== JSON.stringify(lsnText(lsn))) {
      store.violations.push(`confirmed ${lsn} first`);
    }
  };
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  source.partChanges = 1;
  source.commit(
    { op: 'insert', table: 'a', row: ['4', '40'] },
    { op: 'insert', table: 'a', row: ['5', '50'] },
  );
  source.heartbeat();
  await attempt.caughtUp();
  const positions = store.history.map(({ batch }) => batch.checkpoint.position);
  expect(positions.at(-1)).toEqual(lsnText(source.lsn));
  expect(store.violations).toEqual([]);
});

test('invariant: back-pressure is the absence of a request', async () => {
  const source = shop();
  const { closed, open } = gate();
  const store = new MemoryStore({ limits: { maxOps: 2 } });
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  store.fault = () => closed;
  let read = 0;
  attempt.onReceived = () => {
    read += 1;
  };
  for (let id = 0; id < 200; id += 1) {
    source.commit({ op: 'insert', table: 'b', row: [String(100 + id), '1'] });
  }
  await turns(300);
  expect(read).toBeLessThan(20);
  open();
  await attempt.caughtUp();
  expect(read).toBe(200);
});

test('invariant: a fresh attempt has a fresh driver, and nothing of the old one goes on', async () => {
  const source = shop();
  const store = new MemoryStore();
  const { closed, open } = gate();
  await using first = new Attempt(source, store);
  await streaming(first);
  store.fault = () => closed;
  source.commit({ op: 'insert', table: 'a', row: ['4', '40'] });
  await turns();
  source.breakStream(new WatcherError('source_unavailable'));
  let over = false;
  void first.ended.then(() => {
    over = true;
  });
  await turns();
  // The write in flight belongs to the attempt: its success is part of it.
  expect(over).toBe(false);
  open();
  await first.ended;
  expect(first.error).toMatchObject({ code: 'source_unavailable' });
  expect(source.acknowledged.at(-1)).toBe(source.lsn);
  store.fault = () => null;
  await using second = new Attempt(source, store);
  await streaming(second);
  expect(source.closed).toEqual(['driver']);
  expect(second.happened).not.toContain('dumping first');
});

test('rule 1: a commit that begins where the checkpoint ends is not skipped', async () => {
  const source = shop();
  const store = new MemoryStore();
  const first = new Attempt(source, store);
  await streaming(first);
  source.commit({ op: 'insert', table: 'a', row: ['4', '40'] });
  await first.caughtUp();
  await first.stop();
  const next = source.commit({ op: 'insert', table: 'a', row: ['5', '50'] });
  expect(lsnText(next.finalLsn)).toEqual(store.checkpoint?.position);
  await using second = new Attempt(source, store);
  await second.caughtUp();
  expect(store.values('/s/a/')).toHaveProperty(['/s/a/5']);
});

test('a write that landed although its answer was lost is not repeated', async () => {
  const source = shop();
  const store = new MemoryStore();
  const first = new Attempt(source, store);
  await streaming(first);
  store.fault = (batch) => (batch.ops.size > 0 ? 'lost_response' : null);
  source.commit({ op: 'insert', table: 'a', row: ['4', '40'] });
  await first.ended;
  store.fault = () => null;
  const writes = store.history.length;
  await using second = new Attempt(source, store);
  source.heartbeat();
  await second.caughtUp();
  const after = store.history.slice(writes).flatMap(({ changed }) => [...changed.keys()]);
  expect(after).toEqual([]);
  expect(store.values('/s/a/')).toHaveProperty(['/s/a/4']);
});

test('rule 4: a write of before, that lands during the dump, is refused', async () => {
  const source = shop();
  const store = new MemoryStore();
  const first = new Attempt(source, store);
  await streaming(first);
  const { closed, open } = gate();
  store.fault = () => closed;
  source.commit({ op: 'update', table: 'a', row: ['1', '11'] });
  await turns();
  await first.stop();
  store.fault = () => null;
  source.commit({ op: 'update', table: 'a', row: ['1', '12'] });
  source.gap = new WatcherError('slot_missing');
  const chunk = gate();
  source.beforeChunk = () => chunk.closed;
  await using second = new Attempt(source, store);
  await second.until('the dump has begun', () => store.checkpoint?.phase === 'dump');
  open();
  await turns();
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":10}');
  chunk.open();
  await streaming(second);
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":12}');
});

test('rule 5: a swap of deferrable keys keeps both rows, in one revision', async () => {
  const source = shop();
  source.create({ id: 'd', columns, deferrable: true }, [
    ['1', '10'],
    ['2', '20'],
  ]);
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  const before = store.revision;
  source.commit(
    { op: 'update', table: 'd', row: ['2', '10'], old: ['1', '10'] },
    { op: 'update', table: 'd', row: ['1', '20'], old: ['2', '20'] },
  );
  await attempt.caughtUp();
  expect(store.values('/s/d/')).toEqual({
    '/s/d/1': '{"id":1,"v":20}',
    '/s/d/2': '{"id":2,"v":10}',
  });
  expect(store.revision).toBe(before + 1n);
  expect(source.calls).not.toContain('redump');
});

test('rule 5: a split transaction of deferrable keys is dumped again, also after a crash in between', async () => {
  const source = shop();
  source.create({ id: 'd', columns, deferrable: true }, [['1', '10']]);
  const store = new MemoryStore({ limits: { maxOps: 3 } });
  const first = new Attempt(source, store);
  await streaming(first);
  store.fault = (batch) => (batch.checkpoint.partial === null ? null : 'lost_response');
  source.commit(
    { op: 'update', table: 'd', row: ['7', '10'], old: ['1', '10'] },
    ...['4', '5', '6', '7', '8'].map(
      (id) => ({ op: 'insert', table: 'a', row: [id, '0'] }) as const,
    ),
  );
  await first.ended;
  expect(store.checkpoint?.partial).toMatchObject({ changes: 4 });
  expect(store.tables.d?.state).toBe('pending');
  store.fault = () => null;
  await using second = new Attempt(source, store);
  await second.caughtUp();
  await second.settled();
  expect(store.values('/s/d/')).toEqual({ '/s/d/7': '{"id":7,"v":10}' });
  expect(Object.keys(store.values('/s/a/'))).toHaveLength(8);
});

test('rule 6: TRUNCATE and what follows it in the transaction are one revision', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  const before = store.revision;
  source.commit(
    { op: 'insert', table: 'a', row: ['4', '0'] },
    { op: 'truncate', table: 'a' },
    { op: 'insert', table: 'a', row: ['5', '0'] },
  );
  await attempt.caughtUp();
  expect(store.values()).toEqual({ '/s/a/5': '{"id":5,"v":0}', '/s/b/1': '{"id":1,"v":1}' });
  expect(store.revision).toBe(before + 1n);
});

test('rule 7: changes beside a dump: what the snapshot has is dropped, the rest follows; others go on', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  const chunk = gate();
  source.beforeChunk = () => chunk.closed;
  attempt.control?.redump(['public.a']);
  await attempt.until('the snapshot is taken', () => source.calls.includes('redump'));
  await turns();
  source.commit(
    { op: 'update', table: 'a', row: ['1', '11'] },
    { op: 'insert', table: 'b', row: ['2', '2'] },
  );
  await attempt.caughtUp();
  expect(store.values('/s/b/')).toHaveProperty(['/s/b/2']);
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":10}');
  expect(store.tables.a?.state).toBe('pending');
  chunk.open();
  await attempt.settled();
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":11}');
  expect(attempt.happened.filter((what) => what === 'dumped')).toHaveLength(2);
});

test('rule 7: no snapshot before what was read is durable, or an older row would follow a newer one', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  const { closed, open } = gate();
  store.fault = () => closed;
  source.commit({ op: 'update', table: 'b', row: ['1', '2'] });
  await turns();
  source.commit({ op: 'update', table: 'a', row: ['1', '11'] });
  await turns();
  attempt.control?.redump(['public.a']);
  source.commit({ op: 'update', table: 'a', row: ['1', '12'] });
  await turns();
  expect(source.calls).not.toContain('redump');
  open();
  await attempt.caughtUp();
  await attempt.settled();
  const seen = store.history.flatMap(({ changed }) => changed.get('/s/a/1') ?? []);
  expect(seen.slice(1)).toEqual(['{"id":1,"v":11}', '{"id":1,"v":12}']);
});

test('rule 7: the mark outlives a restart: a change that the dump has is not applied after it', async () => {
  const source = shop();
  const store = new MemoryStore();
  const first = new Attempt(source, store);
  await streaming(first);
  await first.stop();
  // As a crash leaves it after a dump of `a` whose snapshot is ahead of the stream.
  source.commit(
    { op: 'update', table: 'a', row: ['1', '11'] },
    { op: 'update', table: 'b', row: ['1', '5'] },
  );
  source.commit({ op: 'update', table: 'a', row: ['1', '12'] });
  const mark = { snapshot: source.mark().snapshot, until: lsnText(source.lsn) };
  const record = store.tables.a as NonNullable<typeof store.tables.a>;
  store.tables = { ...store.tables, a: { ...record, mark } };
  store.putForeign('/s/a/1', '{"id":1,"v":12}');
  await using second = new Attempt(source, store);
  await second.caughtUp();
  source.commit({ op: 'update', table: 'a', row: ['1', '13'] });
  await second.caughtUp();
  const seen = store.history.flatMap(({ changed }) => changed.get('/s/a/1') ?? []);
  expect(seen).toEqual(['{"id":1,"v":10}', '{"id":1,"v":13}']);
  expect(store.values('/s/b/')['/s/b/1']).toBe('{"id":1,"v":5}');
  expect(store.tables.a?.mark).toBeNull();
});

test('rule 7: a crash before the release dumps again, and no held change is lost', async () => {
  const source = shop();
  const store = new MemoryStore();
  const first = new Attempt(source, store);
  await streaming(first);
  const chunk = gate();
  source.beforeChunk = () => chunk.closed;
  first.control?.redump(['public.a']);
  await first.until('the snapshot is taken', () => source.calls.includes('redump'));
  source.commit({ op: 'update', table: 'a', row: ['1', '11'] });
  await first.caughtUp();
  await first.stop();
  // The position is behind the change, but the record says that the table is not in step.
  source.beforeChunk = async () => undefined;
  await using second = new Attempt(source, store);
  await second.settled();
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":11}');
});

test('rule 7: when a table is done, the position covers the changes that followed its dump', async () => {
  const source = shop();
  const store = new MemoryStore();
  // No heartbeat moves the position: a transaction of which every change waits must do so itself.
  await using attempt = new Attempt(source, store, { heartbeatMs: 60_000 });
  await streaming(attempt);
  const chunk = gate();
  source.beforeChunk = () => chunk.closed;
  attempt.control?.redump(['public.a']);
  await attempt.until('the snapshot is taken', () => source.calls.includes('redump'));
  await turns();
  source.commit({ op: 'update', table: 'a', row: ['1', '11'] });
  source.commit({ op: 'update', table: 'a', row: ['1', '12'] });
  const position = lsnText(source.lsn);
  await turns();
  chunk.open();
  await attempt.until('the table is done', () => store.tables.a?.state === 'done');
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":12}');
  expect(store.checkpoint?.position).toEqual(position);
});

test('rule 7: a table that is asked for while what followed its dump is written stays held for the next one', async () => {
  const source = shop();
  const relation = { id: 't', columns: ['id', 'v', 'body'], mayOmit: true };
  source.create(relation, [['1', '1', '"body"']]);
  const store = new MemoryStore();
  const sink = store.sink();
  const read = sink.read.bind(sink);
  await using attempt = new Attempt(source, store, { sink });
  await streaming(attempt);
  const [chunk, snapshot] = [gate(), gate()];
  source.beforeChunk = () => chunk.closed;
  attempt.control?.redump(['public.t']);
  await attempt.until('the snapshot is taken', () => source.calls.includes('redump'));
  await turns();
  // The base of what it leaves out is read when the table is released.
  source.commit({ op: 'update', table: 't', row: ['1', '2', undefined] });
  await attempt.caughtUp();
  sink.read = (keys, signal) => {
    sink.read = read;
    attempt.control?.redump(['public.t']);
    source.afterSnapshot = () => snapshot.closed;
    return read(keys, signal);
  };
  chunk.open();
  const dumps = (): number => source.calls.filter((call) => call === 'redump').length;
  await attempt.until('the next snapshot is taken', () => dumps() === 2);
  source.commit({ op: 'update', table: 't', row: ['1', '3', undefined] });
  await attempt.caughtUp();
  expect(store.tables.t?.state).toBe('pending');
  snapshot.open();
  await attempt.settled();
  expect(store.values('/s/t/')).toEqual({ '/s/t/1': '{"id":1,"v":3,"body":"body"}' });
});

test('held changes beyond the memory for them: the stream waits, the table is dumped once more', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store, { maxHeldBytes: 500 });
  await streaming(attempt);
  const chunk = gate();
  source.beforeChunk = () => chunk.closed;
  attempt.control?.redump(['public.a']);
  await attempt.until('the snapshot is taken', () => source.calls.includes('redump'));
  for (let v = 100; v < 150; v += 1) {
    source.commit({ op: 'update', table: 'a', row: ['1', String(v)] });
  }
  await turns(200);
  expect(store.checkpoint?.position).not.toEqual(lsnText(source.lsn));
  chunk.open();
  await attempt.caughtUp();
  await attempt.settled();
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":149}');
  expect(source.calls.filter((call) => call === 'redump').length).toBeGreaterThan(1);
});

test('held changes that were given up after the snapshot are not in it: it does not make up for them', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store, { maxHeldBytes: 500 });
  await streaming(attempt);
  const snapshot = gate();
  source.afterSnapshot = () => snapshot.closed;
  attempt.control?.redump(['public.a']);
  await attempt.until('the snapshot is taken', () => source.calls.includes('redump'));
  for (let v = 100; v < 110; v += 1) {
    source.commit({ op: 'update', table: 'a', row: ['1', String(v)] });
  }
  await turns(100);
  snapshot.open();
  await attempt.caughtUp();
  await attempt.settled();
  expect(store.values('/s/a/')['/s/a/1']).toBe('{"id":1,"v":109}');
});

test('a table changed once more after its snapshot is not written by the wrong columns', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  const chunk = gate();
  source.beforeChunk = () => chunk.closed;
  attempt.control?.redump(['public.a']);
  await attempt.until('the snapshot is taken', () => source.calls.includes('redump'));
  const table = source.table('a');
  const rows = [...table.rows.values()].map(([id, v]) => [v, id] as string[]);
  source.create({ id: 'a', columns: ['v', 'id'], key: ['id'], version: 2 }, rows);
  source.table('a').fingerprint = 2;
  source.commit({ op: 'insert', table: 'a', row: ['40', '4'] });
  await attempt.caughtUp();
  chunk.open();
  await attempt.settled();
  expect(store.values('/s/a/')).toMatchObject({
    '/s/a/4': '{"v":40,"id":4}',
    '/s/a/1': '{"v":10,"id":1}',
  });
  const seen = store.history.flatMap(({ changed }) => [...changed.keys()]);
  expect(seen).not.toContain('/s/a/40');
});

test('the log describes a table otherwise than etcd has it: it is dumped before anything is applied', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  source.create({ id: 'a', columns: ['v', 'id'], key: ['id'], version: 2 }, [['10', '1']]);
  source.commit({ op: 'insert', table: 'a', row: ['40', '4'] });
  await attempt.caughtUp();
  await attempt.settled();
  expect(store.values('/s/a/')).toEqual({
    '/s/a/1': '{"v":10,"id":1}',
    '/s/a/4': '{"v":40,"id":4}',
  });
  expect(store.history.flatMap(({ changed }) => [...changed.keys()])).not.toContain('/s/a/40');
});

test('rule 8: the sweep removes what no row stands for, puts only what differs, and readers are served', async () => {
  const source = shop();
  const store = new MemoryStore();
  const first = new Attempt(source, store);
  await streaming(first);
  await first.stop();
  source.table('a').rows.delete('2');
  source.table('a').rows.set('3', ['3', '31']);
  source.gap = new WatcherError('slot_lost');
  const writes = store.history.length;
  await using second = new Attempt(source, store);
  await streaming(second);
  const changed = store.history.slice(writes).flatMap((revision) => [...revision.changed]);
  expect(changed).toEqual([
    ['/s/a/3', '{"id":3,"v":31}'],
    ['/s/a/2', null],
  ]);
  expect(second.happened).toContain('dumping slot_lost');
});

test('rule 9: an unchanged TOAST value comes from what is in flight, or from etcd after a restart', async () => {
  const source = shop();
  source.create({ id: 't', columns: ['id', 'v', 'body'], mayOmit: true }, [['1', '1', '"etcd"']]);
  const store = new MemoryStore();
  const first = new Attempt(source, store);
  await streaming(first);
  source.commit({ op: 'insert', table: 't', row: ['2', '1', '"flight"'] });
  source.commit({ op: 'update', table: 't', row: ['2', '2', undefined] });
  source.commit({
    op: 'update',
    table: 't',
    row: ['3', '3', undefined],
    old: ['2', undefined, undefined],
  });
  await first.caughtUp();
  await first.stop();
  source.commit({ op: 'update', table: 't', row: ['1', '2', undefined] });
  await using second = new Attempt(source, store);
  await second.caughtUp();
  expect(store.values('/s/t/')).toEqual({
    '/s/t/1': '{"id":1,"v":2,"body":"etcd"}',
    '/s/t/3': '{"id":3,"v":3,"body":"flight"}',
  });
  expect(source.calls).not.toContain('redump');
});

test('rule 9: without a base the table is dumped again, alone', async () => {
  const source = shop();
  source.create({ id: 't', columns: ['id', 'v', 'body'], mayOmit: true }, [['1', '1', '"body"']]);
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  store.rows.delete('/s/t/1');
  source.commit({ op: 'update', table: 't', row: ['1', '2', undefined] });
  await attempt.caughtUp();
  await attempt.settled();
  expect(store.values('/s/t/')).toEqual({ '/s/t/1': '{"id":1,"v":2,"body":"body"}' });
  expect(source.calls.filter((call) => call === 'redump')).toHaveLength(1);
});

test('a large transaction goes on where it was cut, however it is cut then', async () => {
  const source = shop();
  const store = new MemoryStore({ limits: { maxOps: 4 } });
  source.partChanges = 100;
  const first = new Attempt(source, store);
  await streaming(first);
  store.fault = (batch) => ((batch.checkpoint.partial?.changes ?? 0) > 8 ? 'lost_response' : null);
  const ids = Array.from({ length: 20 }, (_, index) => String(100 + index));
  const large = source.commit(
    ...ids.map((id) => ({ op: 'insert', table: 'a', row: [id, '0'] }) as const),
  );
  await first.ended;
  // The commit as the log names it (Begin), not its end.
  expect(store.checkpoint?.partial).toEqual({ commit: lsnText(large.finalLsn), changes: 12 });
  const puts = store.history.length;
  store.limits = { maxOps: 3, maxBytes: 100_000 };
  store.fault = () => null;
  await using second = new Attempt(source, store);
  await second.caughtUp();
  const after = store.history.slice(puts).flatMap(({ changed }) => [...changed.keys()]);
  expect(after).toEqual(ids.slice(12).map((id) => `/s/a/${id}`));
  expect(store.checkpoint?.partial).toBeNull();
});

test('tables come and go: an unknown one is dumped, a dropped one leaves no key', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  source.create({ id: 'n', columns }, []);
  source.commit({ op: 'insert', table: 'n', row: ['1', '1'] });
  await attempt.until('the new table is there', () => store.tables.n?.state === 'done');
  source.tables.delete('b');
  source.catalog({ kind: 'drop', tableId: 'b', table: 'public.b' });
  await attempt.until('its keys are gone', () => store.keys('/s/b/').length === 0);
  source.heartbeat();
  await attempt.caughtUp();
  expect(Object.keys(store.tables).sort()).toEqual(['a', 'n']);
  expect(store.values('/s/n/')).toEqual({ '/s/n/1': '{"id":1,"v":1}' });
});

test('a table is dropped while a dump waits for what was read before: rows of it that are queued leave no key', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store);
  await streaming(attempt);
  const { closed, open } = gate();
  store.fault = (batch) => (batch.ops.has('/s/a/4') ? closed : null);
  source.commit({ op: 'insert', table: 'a', row: ['4', '40'] });
  source.catalog({ kind: 'redump', tableId: 'a', table: 'public.a', reason: 'x' });
  await turns();
  source.commit({ op: 'insert', table: 'b', row: ['2', '2'] });
  source.tables.delete('b');
  source.catalog({ kind: 'drop', tableId: 'b', table: 'public.b' });
  await turns();
  open();
  await attempt.until('its keys are gone', () => !store.rows.has('/s/b/1'));
  source.heartbeat();
  await attempt.caughtUp();
  await attempt.until('the table is gone', () => store.tables.b === undefined);
  expect(store.keys('/s/')).toEqual(['/s/a/1', '/s/a/2', '/s/a/3', '/s/a/4']);
});

test('other keys under the prefix refuse the first dump, unless they may be adopted', async () => {
  const source = shop();
  const store = new MemoryStore();
  store.putForeign('/s/a/99', 'x');
  store.putForeign('/s/else', 'x');
  const refused = new Attempt(source, store);
  await refused.ended;
  expect(refused.error).toMatchObject({ code: 'prefix_not_empty' });
  expect(store.history).toEqual([]);
  await using adopting = new Attempt(source, store, { adopt: true });
  await streaming(adopting);
  expect(store.keys('')).toEqual(['/s/a/1', '/s/a/2', '/s/a/3', '/s/b/1']);
});

test('where another sync begins alike, only what is under the tables refuses a first dump, or is adopted', async () => {
  const source = shop();
  const store = new MemoryStore();
  store.putForeign('/s/else', 'x');
  store.putForeign('/s/a/99', 'x');
  const isShared = (prefix: string): boolean => prefix === '/s/';
  const refused = new Attempt(source, store, { isShared });
  await refused.ended;
  expect(refused.error).toMatchObject({
    code: 'prefix_not_empty',
    message: expect.stringContaining('under /s/a/'),
  });
  await using adopting = new Attempt(source, store, { isShared, adopt: true });
  await streaming(adopting);
  expect(store.keys('')).toEqual(['/s/a/1', '/s/a/2', '/s/a/3', '/s/b/1', '/s/else']);
  await adopting.stop();
  store.checkpoint = null;
  store.rows.delete('/s/a/1');
  for (const key of store.keys('/s/a/')) store.rows.delete(key);
  for (const key of store.keys('/s/b/')) store.rows.delete(key);
  await using beside = new Attempt(source, store, { isShared });
  await streaming(beside);
  expect(store.keys('')).toContain('/s/else');
});

test.each(['first', 'later'])(
  'keys of a table that went over to another sync stay: %s',
  async (when) => {
    const source = shop();
    const store = new MemoryStore();
    const before = new Attempt(source, store);
    await streaming(before);
    await before.stop();
    source.tables.delete('b');
    if (when === 'first') source.gap = new WatcherError('slot_missing');
    const isShared = (prefix: string): boolean => prefix !== '/s/a/';
    await using attempt = new Attempt(source, store, { isShared, adopt: true });
    await streaming(attempt);
    await turns();
    source.heartbeat();
    await attempt.until('it is no table of the sync any more', () => !('b' in store.tables));
    expect(store.keys('/s/b/')).toEqual(['/s/b/1']);
  },
);

test('what is swept when another sync comes to write there is swept no further', async () => {
  const source = shop();
  const store = new MemoryStore();
  const before = new Attempt(source, store);
  await streaming(before);
  await before.stop();
  source.tables.delete('b');
  for (let row = 2; row <= 9; row += 1) store.putForeign(`/s/b/${row}`, 'x');
  const isShared = (): boolean => !store.rows.has('/s/b/1');
  store.limits = { ...store.limits, maxOps: 2 };
  await using attempt = new Attempt(source, store, { isShared });
  await streaming(attempt);
  await turns();
  source.heartbeat();
  await attempt.until('it is no table of the sync any more', () => !('b' in store.tables));
  // A page has three keys.
  expect(store.keys('/s/b/')).toEqual(['4', '5', '6', '7', '8', '9'].map((row) => `/s/b/${row}`));
});

test('dump.mode never: streams without a copy, and does not jump over a gap or on request', async () => {
  const source = shop();
  const store = new MemoryStore();
  const first = new Attempt(source, store, { mayDump: false });
  await streaming(first);
  source.commit({ op: 'insert', table: 'a', row: ['4', '40'] });
  await first.caughtUp();
  await first.stop();
  expect(store.keys('')).toEqual(['/s/a/4']);
  for (const dumpAnew of [true, false]) {
    if (!dumpAnew) source.gap = new WatcherError('slot_missing');
    const refused = new Attempt(source, store, { mayDump: false, dumpAnew });
    await refused.ended;
    expect(refused.error).toMatchObject({ code: 'dump_needed' });
  }
  expect(store.checkpoint?.phase).toBe('stream');
});

test('a stop during anything ends the attempt', async () => {
  for (let after = 0; after < 60; after += 1) {
    const source = shop();
    const store = new MemoryStore();
    const attempt = new Attempt(source, store, { maxHeldBytes: 300 });
    for (let step = 0; step < after; step += 1) {
      if (step % 7 === 3) source.commit({ op: 'update', table: 'a', row: ['1', String(step)] });
      if (step % 11 === 5) attempt.control?.redump(null);
      await turn();
    }
    await attempt.stop(new Error('stopped'));
    expect(attempt.error).toMatchObject({ message: 'stopped' });
    const { writes } = store;
    await turns(5);
    expect(store.writes).toBe(writes);
  }
});

test('the heartbeat of an idle source is written once', async () => {
  const source = shop();
  const store = new MemoryStore();
  await using attempt = new Attempt(source, store, { ...pipelineDefaults, heartbeatMs: 0 });
  await streaming(attempt);
  source.heartbeat();
  await attempt.caughtUp();
  const { writes } = store;
  await turns();
  expect(store.writes).toBe(writes);
});
