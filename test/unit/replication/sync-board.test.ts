import { expect, test } from 'vitest';
import { WatcherError } from '../../../src/errors.ts';
import type { TransactionPart } from '../../../src/replication/change.ts';
import { emptyTally } from '../../../src/replication/section.ts';
import { SyncBoard } from '../../../src/replication/sync-board.ts';
import type { DurableBatch } from '../../../src/replication/writer.ts';
import { pipelineDefaults } from '../../support/attempt.ts';
import { createScriptedDriver } from '../../support/scripted-driver.ts';
import { lsnText, positionOf, ScriptedSource } from '../../support/scripted-source.ts';

function streamingBoard() {
  const clock = { seconds: 1_000 };
  const source = new ScriptedSource();
  source.lsn = 10n;
  const board = new SyncBoard({
    name: 's',
    driver: 'pgx',
    instance: 'one',
    desired: 'running',
    now: () => new Date(clock.seconds * 1000),
  });
  const checkpoint = {
    version: 1,
    phase: 'stream',
    position: lsnText(10n),
    committed_at: null,
    source: null,
    options: pipelineDefaults.mapping,
    dump: null,
    partial: null,
  } as const;
  board.state = 'streaming';
  board.attemptBegan(createScriptedDriver(source));
  board.loaded({ checkpoint, revision: 3n });
  const durable = (lsn: bigint | null): void => {
    const position = lsn === null ? null : positionOf(lsn);
    const batch: DurableBatch = {
      result: { revision: 4n, bytes: 100 },
      checkpoint: lsn === null ? checkpoint : { ...checkpoint, position: lsnText(lsn) },
      position,
      transactions: lsn === null ? 0 : 1,
      tally: { ...emptyTally(), inserts: 2 },
      puts: 2,
      seconds: 0.1,
    };
    board.durable(batch);
  };
  return { board, clock, source, durable };
}

const part = { type: 'transaction', position: positionOf(20n) } as TransactionPart;

test('idle: no lag, however long', () => {
  const { board, clock } = streamingBoard();
  for (let second = 0; second < 100; second += 1) {
    clock.seconds += 1;
    board.sample();
  }
  expect(board.status().lag).toEqual({ bytes: 0, seconds: 0 });
  expect(board.status().stalled).toBe(false);
});

test('the source is ahead: the lag grows, and after a minute without progress the sync is stalled', () => {
  const { board, clock, source, durable } = streamingBoard();
  source.lsn = 20n;
  board.sample();
  clock.seconds += 60;
  expect(board.status()).toMatchObject({ lag: { bytes: 10, seconds: 60 }, stalled: false });
  clock.seconds += 1;
  expect(board.status().stalled).toBe(true);
  durable(20n);
  expect(board.status()).toMatchObject({ lag: { bytes: 0, seconds: 0 }, stalled: false });
});

test('a dump that neither writes nor reads for a minute is stalled', () => {
  const { board, clock, durable } = streamingBoard();
  board.state = 'dumping';
  board.progress.begin([{ table: 'public.a', rowsEstimated: 10 }]);
  const after = (seconds: number): boolean => {
    clock.seconds += seconds;
    return board.status().stalled;
  };
  expect(after(60)).toBe(false);
  expect(after(1)).toBe(true);
  board.progress.read('public.a', 1, false);
  expect(after(60)).toBe(false);
  // Keys that are there already are compared, and nothing is written.
  board.progress.moved();
  expect(after(60)).toBe(false);
  durable(null);
  expect(after(60)).toBe(false);
  expect(after(1)).toBe(true);
  for (const state of ['stopped', 'starting', 'backing_off', 'standby', 'failed'] as const) {
    board.state = state;
    expect(after(100)).toBe(false);
  }
});

test('WAL of others is no lag once a heartbeat has said so', () => {
  const { board, clock, source } = streamingBoard();
  source.lsn = 20n;
  board.sample();
  clock.seconds += 5;
  board.received({ type: 'heartbeat', position: positionOf(20n) });
  expect(board.status().lag).toEqual({ bytes: 0, seconds: 0 });
});

test('a heartbeat behind a transaction counts when that is durable, not before', () => {
  const { board, clock, source, durable } = streamingBoard();
  let pending: Date | null = new Date(clock.seconds * 1000);
  board.oldestPending = () => pending;
  source.lsn = 30n;
  board.sample();
  board.received(part);
  board.received({ type: 'heartbeat', position: positionOf(30n) });
  clock.seconds += 5;
  expect(board.status().lag).toEqual({ bytes: 20, seconds: 5 });
  pending = null;
  durable(20n);
  expect(board.status().lag).toEqual({ bytes: 0, seconds: 0 });
});

test('a heartbeat of before a transaction does not speak for it', () => {
  const { board, clock, source, durable } = streamingBoard();
  board.received({ type: 'heartbeat', position: positionOf(15n) });
  board.received(part);
  source.lsn = 25n;
  board.sample();
  clock.seconds += 2;
  durable(20n);
  expect(board.status().lag).toEqual({ bytes: 5, seconds: 2 });
});

test('an error shows until something is durable; counters count since the leadership began', () => {
  const { board, durable } = streamingBoard();
  board.leadershipBegan();
  board.failed(new WatcherError('source_unavailable'), null);
  expect(board.status().lastError?.code).toBe('source_unavailable');
  durable(null);
  expect(board.status()).toMatchObject({
    lastError: null,
    counters: { transactions: 0, inserts: 2, puts: 2, etcdTxns: 1, bytes: 100 },
  });
  board.leadershipBegan();
  expect(board.status().counters).toMatchObject({ inserts: 0, etcdTxns: 0 });
});

test('after the attempt nothing is claimed about the lag', () => {
  const { board } = streamingBoard();
  board.attemptEnded();
  expect(board.status().lag).toEqual({ bytes: null, seconds: null });
  expect(board.status().position).toEqual(lsnText(10n));
});
