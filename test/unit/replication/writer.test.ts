import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Section } from '../../../src/replication/section.ts';
import type { Checkpoint, KeyOp } from '../../../src/replication/sink.ts';
import { TransactionOps } from '../../../src/replication/transaction-ops.ts';
import { type DurableBatch, Writer } from '../../../src/replication/writer.ts';
import { pipelineDefaults } from '../../support/attempt.ts';
import { MemoryStore, type MemoryStoreOptions } from '../../support/memory-sink.ts';
import { lsnText, positionOf } from '../../support/scripted-source.ts';

const start: Checkpoint = {
  version: 1,
  phase: 'stream',
  position: lsnText(1n),
  committed_at: null,
  source: null,
  options: pipelineDefaults.mapping,
  dump: null,
  partial: null,
};

function put(key: string, size = 1): KeyOp {
  return { kind: 'put', key: `/a/${key}`, value: 'v'.repeat(size), prefix: '/a/' };
}

class Bench {
  readonly store: MemoryStore;
  readonly durable: DurableBatch[] = [];
  readonly stop = new AbortController();
  clockMs = 0;
  writer!: Writer;

  constructor(options: MemoryStoreOptions & { heartbeatMs?: number } = {}) {
    this.store = new MemoryStore({ limits: { maxOps: 3, maxBytes: 1_000 }, ...options });
    this.heartbeatMs = options.heartbeatMs ?? 10_000;
  }

  readonly heartbeatMs: number;

  async open(checkpoint = start): Promise<Writer> {
    const sink = this.store.sink();
    await sink.load(this.stop.signal);
    this.writer = new Writer({
      sink,
      checkpoint,
      takeTables: () => null,
      onDurable: (batch) => this.durable.push(batch),
      heartbeatMs: this.heartbeatMs,
      signal: this.stop.signal,
      now: () => this.clockMs,
    });
    return this.writer;
  }

  opened(commit: bigint): TransactionOps {
    return new TransactionOps({
      commit: positionOf(commit),
      committedAt: new Date(Number(commit)),
      messages: 0,
      limits: this.store.limits,
    });
  }

  transaction(end: bigint, ...keys: string[]): TransactionOps {
    const ops = this.opened(end - 1n);
    for (const [index, key] of keys.entries()) ops.add([put(key)], index);
    ops.seal(positionOf(end), keys.length);
    return ops;
  }

  /** What each write held: keys, position, partial. */
  get written() {
    return this.store.history.map(({ batch }) => [
      [...batch.ops.keys()].map((key) => key.slice(3)).join(),
      (batch.checkpoint.position as { lsn: string }).lsn,
      batch.checkpoint.partial?.changes ?? null,
    ]);
  }
}

/** Holds writes until it is told to let them go on. */
function gate() {
  const doors: (() => void)[] = [];
  const fault = (): Promise<void> => new Promise<void>((resolve) => doors.push(resolve));
  return {
    fault,
    get waiting() {
      return doors.length;
    },
    async open() {
      doors.shift()?.();
      for (let left = 5; left > 0; left -= 1) await turn();
    },
  };
}

const section = (...keys: string[]): Section => {
  const made = new Section();
  for (const key of keys) made.add(put(key));
  return made;
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('case 2: one transaction is one revision under light load', async () => {
  const bench = new Bench();
  const writer = await bench.open();
  for (const end of [2n, 3n]) {
    writer.push(bench.transaction(end, `k${end}`));
    await writer.flushed();
  }
  expect(bench.written).toEqual([
    ['k2', '0/2', null],
    ['k3', '0/3', null],
  ]);
  expect(bench.durable.map(({ transactions, puts }) => [transactions, puts])).toEqual([
    [1, 1],
    [1, 1],
  ]);
});

test('case 2: what waits for a write in flight becomes one revision, as far as it fits', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  for (const [index, keys] of [['b', 'c'], ['d'], ['e'], ['e', 'f']].entries()) {
    writer.push(bench.transaction(BigInt(3 + index), ...keys));
  }
  for (let left = 5; left > 0; left -= 1) await open();
  expect(bench.written).toEqual([
    ['a', '0/2', null],
    ['b,c,d', '0/4', null],
    ['e,f', '0/6', null],
  ]);
  expect(bench.durable.map(({ transactions }) => transactions)).toEqual([1, 2, 2]);
  expect(bench.store.violations).toEqual([]);
});

test('what is taken along fills the room, and there is none once the writer was stopped', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault, limits: { maxOps: 1_000, maxBytes: 1_000 } });
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  for (let end = 3n; writer.hasRoom && end < 100n; end += 1n) {
    writer.push(bench.transaction(end, `k${end}`));
  }
  expect(writer.hasRoom).toBe(false);
  for (let left = 5; left > 0; left -= 1) await open();
  expect(writer.hasRoom).toBe(true);
  writer.push(bench.transaction(200n, 'z'));
  bench.stop.abort(new Error('stopped'));
  expect(writer.hasRoom).toBe(false);
  await expect(writer.room()).rejects.toThrow('stopped');
});

test('case 1: a split transaction is partial until its last section, which takes others along', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  const large = bench.opened(9n);
  writer.push(large);
  for (const [index, key] of ['a', 'b', 'c', 'd', 'e', 'f', 'g'].entries())
    large.add([put(key)], index);
  writer.grown(large);
  await turn();
  // Sealed while sections still wait: they name the commit as the log knows it, not its end.
  large.seal(positionOf(12n), 7);
  writer.grown(large);
  writer.push(bench.transaction(13n, 'x'));
  for (let left = 4; left > 0; left -= 1) await open();
  expect(bench.written).toEqual([
    ['a,b,c', '0/1', 3],
    ['d,e,f', '0/1', 6],
    ['g,x', '0/D', null],
  ]);
  const partials = bench.store.history.map(({ batch }) => batch.checkpoint.partial?.commit);
  expect(partials).toEqual([lsnText(9n), lsnText(9n), undefined]);
});

test('case 3: an open transaction that may still fit is not written', async () => {
  const bench = new Bench();
  const writer = await bench.open();
  const open = bench.opened(5n);
  writer.push(open);
  open.add([put('a')], 0);
  writer.grown(open);
  writer.heartbeat(positionOf(4n));
  for (let left = 5; left > 0; left -= 1) await turn();
  expect(bench.store.writes).toBe(0);
  expect(writer.oldestPending).toEqual(new Date(5));
  open.seal(positionOf(6n), 1);
  writer.grown(open);
  await writer.flushed();
  expect(bench.written).toEqual([['a', '0/6', null]]);
});

test('what came before a transaction is waited for, whether that is pushed or not', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  const seen: string[] = [];
  writer.push(bench.transaction(2n, 'a'));
  const large = bench.opened(5n);
  const unpushed = writer.flushedBefore(large).then(() => seen.push('unpushed'));
  writer.push(large);
  const pushed = writer.flushedBefore(large).then(() => seen.push('pushed'));
  const late = writer.flushedBefore(bench.opened(9n)).then(() => seen.push('late'));
  await turn();
  expect(seen).toEqual([]);
  await open();
  await Promise.all([unpushed, pushed]);
  expect(seen).toEqual(['unpushed', 'pushed']);
  large.seal(positionOf(6n), 1);
  writer.grown(large);
  await open();
  await late;
  expect(bench.written.at(-1)).toEqual(['', '0/6', null]);
});

test('case 4: a heartbeat is written when it is due, by the clock, and only once', async () => {
  const bench = new Bench();
  const writer = await bench.open();
  writer.heartbeat(positionOf(5n));
  writer.heartbeat(positionOf(6n));
  bench.clockMs = 9_999;
  await vi.advanceTimersByTimeAsync(9_999);
  expect(bench.store.writes).toBe(0);
  bench.clockMs = 10_000;
  await vi.advanceTimersByTimeAsync(1);
  for (let left = 5; left > 0; left -= 1) await turn();
  expect(bench.written).toEqual([['', '0/6', null]]);
  expect(bench.durable[0]).toMatchObject({ position: positionOf(6n), transactions: 0 });
  writer.heartbeat(positionOf(6n));
  bench.clockMs = 100_000;
  await vi.advanceTimersByTimeAsync(100_000);
  expect(bench.store.writes).toBe(1);
});

test('a heartbeat waits for what was queued before it, and is not behind what came after', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault, heartbeatMs: 0 });
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  writer.push(bench.transaction(3n, 'b'));
  writer.heartbeat(positionOf(7n));
  writer.push(bench.transaction(9n, 'c', 'd', 'e'));
  writer.heartbeat(positionOf(11n));
  for (let left = 5; left > 0; left -= 1) await open();
  expect(bench.written).toEqual([
    ['a', '0/2', null],
    ['b', '0/3', null],
    ['c,d,e', '0/9', null],
    ['', '0/B', null],
  ]);
});

test('no heartbeat passes a half-written transaction', async () => {
  const bench = new Bench({ heartbeatMs: 0 });
  const writer = await bench.open({ ...start, partial: { commit: lsnText(9n), changes: 3 } });
  writer.heartbeat(positionOf(5n));
  await writer.upkeep({ section: section('k'), sweeps: [] });
  expect(bench.written).toEqual([['k', '0/1', 3]]);
});

test('the lanes take turns', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  const upkeep = ['u1', 'u2', 'u3'].map((key) =>
    writer.upkeep({ section: section(key), sweeps: [] }),
  );
  for (const end of [2n, 3n]) writer.push(bench.transaction(end, `s${end}`, 'x', 'y'));
  for (let left = 6; left > 0; left -= 1) await open();
  await Promise.all(upkeep);
  expect(bench.written.map(([keys]) => keys)).toEqual(['u1', 's2,x,y', 'u2', 's3,x,y', 'u3']);
  // Upkeep leaves the position where it is.
  expect(bench.written.map(([, position]) => position)).toEqual([
    '0/1',
    '0/2',
    '0/2',
    '0/3',
    '0/3',
  ]);
});

test('a long dump takes the position of an idle stream along', async () => {
  const bench = new Bench();
  const writer = await bench.open();
  bench.clockMs = 10_000;
  const upkeep = ['u1', 'u2'].map((key) => writer.upkeep({ section: section(key), sweeps: [] }));
  writer.heartbeat(positionOf(8n));
  await Promise.all(upkeep);
  expect(bench.written.map(([, position]) => position)).toEqual(['0/1', '0/8']);
  expect(bench.durable.at(-1)?.position).toEqual(positionOf(8n));
});

test('room: the reader waits while etcd is slower, and goes on when it has caught up', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  let end = 1n;
  let blocked = false;
  for (; end < 50n && !blocked; end += 1n) {
    writer.push(bench.transaction(end + 1n, 'a', 'b', 'c'));
    blocked = true;
    void writer.room().then(() => {
      blocked = false;
    });
    await turn();
  }
  expect(end).toBeLessThan(50n);
  await open();
  await open();
  expect(blocked).toBe(false);
});

test('room: a transaction that cannot be written yet does not block its own reader', async () => {
  const bench = new Bench();
  const writer = await bench.open();
  const open = bench.opened(5n);
  writer.push(open);
  open.add([put('huge', 100_000)], 0);
  writer.grown(open);
  await writer.room();
});

test('flushed: resolves under a load that never pauses', async () => {
  const bench = new Bench();
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  let flushed = false;
  void writer.flushed().then(() => {
    flushed = true;
  });
  for (let end = 3n; end < 40n && !flushed; end += 1n) {
    writer.push(bench.transaction(end, 'a', 'b', 'c'));
    await turn();
  }
  expect(flushed).toBe(true);
});

test('the oldest pending commit is the one in flight; a release has none', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  const release = new TransactionOps({
    commit: null,
    committedAt: new Date(0),
    messages: 0,
    limits: bench.store.limits,
  });
  release.seal(null, 0);
  writer.push(release);
  expect(writer.oldestPending).toBeNull();
  writer.push(bench.transaction(7n, 'a'));
  expect(writer.oldestPending).toEqual(new Date(6));
  await open();
  expect(writer.oldestPending).toEqual(new Date(6));
  await open();
  expect(writer.oldestPending).toBeNull();
  expect(bench.written.at(0)).toEqual(['', '0/1', null]);
});

test('nothing is told to be durable before it is', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  await turn();
  expect(bench.durable).toEqual([]);
  expect(writer.checkpoint).toEqual(start);
  await open();
  expect(bench.durable).toHaveLength(1);
});

test('after a failed write everything that waits is refused, and nothing more is written', async () => {
  const bench = new Bench({ fault: () => 'reject' });
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  const waiting = [
    writer.flushed(),
    writer.upkeep({ section: section('u'), sweeps: [] }),
    writer.failed,
  ];
  for (const refused of waiting) {
    await expect(refused).rejects.toMatchObject({ code: 'etcd_unavailable' });
  }
  writer.push(bench.transaction(3n, 'b'));
  await expect(writer.upkeep({ section: section('u'), sweeps: [] })).rejects.toThrow();
  await expect(writer.room()).rejects.toThrow();
  expect(bench.store.writes).toBe(1);
  expect(bench.durable).toEqual([]);
});

test('an abort is the reason of everything that waits; one of before is heard too', async () => {
  const { fault } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  const flushed = writer.flushed();
  bench.stop.abort(new Error('stopped'));
  await expect(flushed).rejects.toThrow('stopped');
  await writer.ended();
  const late = new Writer({
    sink: bench.store.sink(),
    checkpoint: start,
    takeTables: () => null,
    onDurable: () => undefined,
    heartbeatMs: 0,
    signal: bench.stop.signal,
    now: () => 0,
  });
  await expect(late.failed).rejects.toThrow('stopped');
});

test('an attempt has ended only when its write in flight has', async () => {
  const { fault, open } = gate();
  const bench = new Bench({ fault });
  const writer = await bench.open();
  writer.push(bench.transaction(2n, 'a'));
  writer.push(bench.transaction(3n, 'b', 'c', 'd'));
  writer.dispose();
  let ended = false;
  void writer.ended().then(() => {
    ended = true;
  });
  await turn();
  expect(ended).toBe(false);
  await open();
  expect(ended).toBe(true);
  expect(bench.written).toEqual([['a', '0/2', null]]);
});
