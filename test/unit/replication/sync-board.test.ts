import { expect, test } from 'vitest';
import type { Driver, SourceStatus } from '../../../src/replication/driver.ts';
import type { Position } from '../../../src/replication/position.ts';
import type { Checkpoint } from '../../../src/replication/sink.ts';
import { SyncBoard } from '../../../src/replication/sync-board.ts';
import type { DurableBatch } from '../../../src/replication/writer.ts';

const at = (lsn: bigint): Position => ({ kind: 'postgres', lsn });

function fakeDriver(status: SourceStatus): Driver {
  const lsn = (position: Position): bigint => (position.kind === 'postgres' ? position.lsn : 0n);
  return {
    compare: (a: Position, b: Position) => Number(lsn(a) - lsn(b)),
    lagBytes: (source: Position, position: Position) => Number(lsn(source) - lsn(position)),
    status: () => status,
  } as unknown as Driver;
}

function boardAt(clock: { now: Date }): SyncBoard {
  return new SyncBoard({
    name: 's',
    driver: 'pgx',
    instance: 'i',
    desired: 'running',
    now: () => clock.now,
  });
}

function durable(checkpoint: Partial<Checkpoint>, position: Position | null): DurableBatch {
  return {
    result: { revision: 7n, bytes: 100 },
    checkpoint: { position: null, committed_at: null, ...checkpoint } as Checkpoint,
    position,
    transactions: 0,
    tally: { inserts: 0, updates: 0, deletes: 0, truncates: 0 },
    puts: 0,
    seconds: 0.001,
  };
}

const healthy: SourceStatus = { position: at(0x100n), retainedLogBytes: 10, safeLogBytes: null };

test('the lag is unknown until something is durable, and known from the end of the first dump on', () => {
  const board = boardAt({ now: new Date(1_000) });
  board.attemptBegan(fakeDriver(healthy));
  expect(board.status().lag).toEqual({ bytes: null, seconds: null });
  board.durable(durable({ phase: 'stream', position: { lsn: '0/80' } }, null));
  expect(board.status().lag).toEqual({ bytes: 0x80, seconds: 0 });
});

test('the lag in seconds grows while the source is ahead, and is 0 as soon as its position is reached', () => {
  const clock = { now: new Date(1_000) };
  const board = boardAt(clock);
  board.attemptBegan(fakeDriver(healthy));
  board.durable(durable({}, at(0x80n)));
  board.sample();
  clock.now = new Date(6_000);
  expect(board.status().lag.seconds).toBe(5);
  board.durable(durable({}, at(0x100n)));
  expect(board.status().lag).toEqual({ bytes: 0, seconds: 0 });
});

test('stalled: a minute without anything durable while the source is ahead', () => {
  const clock = { now: new Date(0) };
  const board = boardAt(clock);
  board.state = 'streaming';
  board.attemptBegan(fakeDriver(healthy));
  board.durable(durable({}, at(0x80n)));
  board.sample();
  clock.now = new Date(59_000);
  expect(board.status().stalled).toBe(false);
  clock.now = new Date(61_000);
  expect(board.status().stalled).toBe(true);
  board.durable(durable({}, at(0x100n)));
  expect(board.status().stalled).toBe(false);
});

test('a slot that is nearer to its loss than it retains is a warning, also while the sync is stopped', () => {
  const board = boardAt({ now: new Date(0) });
  board.probed({ position: at(1n), retainedLogBytes: 600, safeLogBytes: 601 });
  expect(board.status().warnings).toEqual([]);
  board.probed({ position: at(1n), retainedLogBytes: 600, safeLogBytes: 400 });
  expect(board.status().warnings).toMatchObject([{ code: 'log_retained', table: null }]);
  expect(board.status().retainedLogBytes).toBe(600);
});

test('the last error goes with the next durable write', () => {
  const board = boardAt({ now: new Date(0) });
  board.lastError = {
    code: 'source_unavailable',
    message: 'm',
    remedy: 'r',
    at: new Date(0),
    retryAt: null,
  };
  board.durable(durable({}, at(1n)));
  expect(board.status().lastError).toBeNull();
});
