import { describe, expect, test } from 'vitest';
import { Overlay } from '../../../src/replication/overlay.ts';
import type { KeyOp } from '../../../src/replication/sink.ts';
import { countOf, TransactionOps } from '../../../src/replication/transaction-ops.ts';
import { positionOf } from '../../support/scripted-source.ts';

const limits = { maxOps: 2, maxBytes: 10_000 };

function opened(messages = 0): TransactionOps {
  const commit = positionOf(5n);
  return new TransactionOps({ commit, committedAt: new Date(0), messages, limits });
}

function put(key: string): KeyOp {
  return { kind: 'put', key: `/a/${key}`, value: 'v', prefix: '/a/' };
}

function shape(ops: TransactionOps) {
  return ops.sections.map(({ section, messages }) => [[...section.ops.keys()].join(), messages]);
}

test('a transaction that fits is one section', () => {
  const ops = opened();
  ops.add([put('1')], 0);
  ops.add([put('2')], 1);
  ops.seal(positionOf(9n), 2);
  expect(shape(ops)).toEqual([['/a/1,/a/2', 2]]);
  expect(ops.position).toEqual(positionOf(9n));
  expect(ops.commit).toEqual(positionOf(5n));
});

test('it is cut before the change that does not fit, and says how far it got', () => {
  const ops = opened();
  ops.add([put('1')], 0);
  // Message 1 was filtered.
  ops.add([{ kind: 'delete', key: '/a/2', prefix: '/a/' }, put('3')], 2);
  ops.add([put('4')], 3);
  ops.add([put('5')], 4);
  ops.seal(positionOf(9n), 7);
  expect(shape(ops)).toEqual([
    ['/a/1', 2],
    ['/a/2,/a/3', 3],
    ['/a/4,/a/5', 7],
  ]);
});

test('a resumed transaction counts on', () => {
  const ops = opened(10);
  expect(shape(ops)).toEqual([['', 10]]);
  ops.seal(positionOf(9n), 10);
  expect(ops.isEmpty).toBe(true);
});

test('nothing after a cut: the section before it is the last', () => {
  const ops = opened();
  ops.add([put('1')], 0);
  ops.cut(1);
  ops.seal(positionOf(9n), 4);
  expect(shape(ops)).toEqual([['/a/1', 4]]);
});

test('a clear does not overfill a section', () => {
  const ops = opened();
  ops.add([put('1')], 0);
  ops.add([put('2')], 1);
  ops.clear('/b/', 2);
  expect(shape(ops)).toEqual([
    ['/a/1,/a/2', 2],
    ['', 2],
  ]);
  expect(ops.section.clears).toHaveLength(1);
  expect(ops.section.tally.truncates).toBe(1);
});

test('a large clear is a section for each piece, and is repeated whole after a crash', () => {
  const ops = opened();
  ops.add([put('1')], 0);
  const pieces = [
    { from: '/a/', to: '/a/5' },
    { from: '/a/5', to: '/a0' },
  ];
  ops.clearInPieces(pieces, '/a/', 1);
  ops.add([put('9')], 2);
  ops.seal(positionOf(9n), 3);
  expect(ops.sections.map(({ section, messages }) => [section.clears, messages])).toEqual([
    [[], 1],
    [[pieces[0]], 1],
    [[pieces[1]], 3],
  ]);
  expect(ops.sections.reduce((sum, { section }) => sum + section.tally.truncates, 0)).toBe(1);
});

describe('taking the next transaction along', () => {
  const whole = (
    key: string,
    end: bigint,
    commit: bigint | null = end - 1n,
    onTake?: () => void,
  ) => {
    const ops = new TransactionOps({
      commit: commit === null ? null : positionOf(commit),
      committedAt: new Date(Number(end)),
      messages: 0,
      limits,
      ...(onTake !== undefined && { onTake }),
    });
    ops.add([put(key)], 0);
    ops.seal(commit === null ? null : positionOf(end), 1);
    return ops;
  };

  test('it has its operations, its position and its time, and its own are the oldest', () => {
    const first = whole('1', 2n);
    expect(first.tryTakeAlong(whole('2', 4n))).toBe(true);
    expect([...first.section.ops.keys()]).toEqual(['/a/1', '/a/2']);
    expect(first.position).toEqual(positionOf(4n));
    expect([first.committedAt, first.lastCommittedAt]).toEqual([new Date(2), new Date(4)]);
    expect(countOf([first, whole('3', 6n)])).toBe(3);
  });

  test('the overlay is told of both when they are durable', () => {
    const overlay = new Overlay();
    const [first, second] = [whole('1', 2n), whole('2', 4n)];
    for (const { section } of [first, second]) {
      for (const op of section.ops.values()) overlay.record(op, section);
    }
    first.tryTakeAlong(second);
    expect(overlay.lookup('/a/2', '/a/')).toBe('v');
    for (const section of first.ownSections) overlay.settle(section);
    expect(overlay.lookup('/a/1', '/a/')).toBeUndefined();
    expect(overlay.lookup('/a/2', '/a/')).toBeUndefined();
  });

  test('not where one is open, split, held back before, waited for, or too large', () => {
    const open = new TransactionOps({
      commit: positionOf(1n),
      committedAt: new Date(0),
      messages: 0,
      limits,
    });
    const split = whole('1', 2n);
    split.cut(1);
    const full = whole('0', 2n);
    for (let key = 1; key < limits.maxOps; key += 1) full.section.add(put(`${key}`));
    const next = whole('9', 4n);
    expect(open.tryTakeAlong(next)).toBe(false);
    expect(split.tryTakeAlong(next)).toBe(false);
    expect(full.tryTakeAlong(next)).toBe(false);
    expect(next.tryTakeAlong(open)).toBe(false);
    expect(whole('1', 2n, null).tryTakeAlong(next)).toBe(false);
    expect(next.tryTakeAlong(whole('1', 6n, null))).toBe(false);
    expect(whole('1', 2n, 1n, () => {}).tryTakeAlong(next)).toBe(false);
    expect(next.tryTakeAlong(whole('1', 6n, 5n, () => {}))).toBe(false);
  });
});
