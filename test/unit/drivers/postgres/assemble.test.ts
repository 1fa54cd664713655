import { expect, test } from 'vitest';
import { Assembler, type AssembleStart } from '../../../../src/drivers/postgres/assemble.ts';
import { type Tuple, unchanged } from '../../../../src/drivers/postgres/message-reader.ts';
import type { PgoutputMessage } from '../../../../src/drivers/postgres/pgoutput.ts';
import type { BoundRelation } from '../../../../src/drivers/postgres/relation.ts';
import type { TransactionPart } from '../../../../src/replication/change.ts';

const time = new Date(0);

/** Columns id (key) and v; a fragment is the text in angle brackets. */
function relation(changes: Partial<BoundRelation['relation']> = {}): BoundRelation {
  const encode = (text: string | null) => (text === null ? 'null' : `<${text}>`);
  return {
    relation: {
      tableId: '1',
      schema: 'public',
      table: 't',
      columns: ['id', 'v'].map((name) => ({ name, keyText: (fragment) => fragment })),
      key: [0],
      signature: 's',
      keyDeferrable: false,
      mayOmit: true,
      ...changes,
    },
    columns: [
      { at: 0, identity: true, encode },
      { at: 1, identity: false, encode },
    ],
    tupleLength: 2,
  };
}

const known = relation();

function assembler(start: Partial<AssembleStart> = {}) {
  return new Assembler({ lsn: 0n, partial: null, ...start }, (oid) => (oid === 1 ? known : null));
}

const begin = (finalLsn: bigint, xid = 7): PgoutputMessage => ({
  type: 'begin',
  finalLsn,
  commitTime: time,
  xid,
});
const commit = (commitLsn: bigint, endLsn: bigint): PgoutputMessage => ({
  type: 'commit',
  commitLsn,
  endLsn,
  commitTime: time,
});
const insert = (id: string, oid = 1, v: Tuple[number] = 'x'): PgoutputMessage => ({
  type: 'insert',
  oid,
  new: [id, v],
});

function run(target: Assembler, messages: readonly PgoutputMessage[]) {
  return messages.map((message) => target.handle(message)).filter((result) => result !== null);
}

const ids = (part: unknown) =>
  (part as TransactionPart).changes.map((change) => ('row' in change ? change.row[0] : change.op));

test('a transaction is handed out at its commit, at the end of the commit', () => {
  const target = assembler();
  const [part, ...more] = run(target, [begin(100n), insert('1'), insert('2'), commit(100n, 130n)]);
  expect(more).toEqual([]);
  expect(part).toMatchObject({
    xid: '7',
    position: { kind: 'postgres', lsn: 130n },
    first: true,
    last: true,
    messages: 2,
    changes: [{ messagesBefore: 0 }, { messagesBefore: 1 }],
  });
  expect(target.position).toBe(130n);
});

test.each([
  ['starts where the checkpoint ends: it is new (rule 1)', 130n, 1],
  ['starts before the checkpoint: it is done', 129n, 0],
])('a commit record that %s', (_, finalLsn, handedOut) => {
  const parts = run(assembler({ lsn: 130n }), [
    begin(finalLsn),
    insert('1'),
    commit(finalLsn, 160n),
  ]);
  expect(parts).toHaveLength(handedOut);
});

test('a half-written transaction goes on after the messages that are done, filters or not', () => {
  const target = assembler({ lsn: 100n, partial: { finalLsn: 200n, messages: 3 } });
  const parts = run(target, [
    begin(90n),
    insert('0'),
    commit(90n, 100n),
    begin(100n),
    commit(100n, 120n),
    begin(200n),
    insert('1'),
    insert('a', 99),
    insert('2'),
    insert('b', 99),
    insert('3'),
    commit(200n, 230n),
  ]);
  expect(parts).toHaveLength(1);
  expect(parts[0]).toMatchObject({
    first: false,
    last: true,
    messages: 5,
    position: { lsn: 230n },
  });
  expect(ids(parts[0])).toEqual(['<3>']);
  expect(parts[0]).toMatchObject({ changes: [{ messagesBefore: 4 }] });
});

test('of a half-written transaction with nothing left, the end is handed out', () => {
  const target = assembler({ lsn: 100n, partial: { finalLsn: 200n, messages: 1 } });
  expect(target.keepalive(150n)).toBeNull();
  const parts = run(target, [begin(200n), insert('1'), commit(200n, 230n)]);
  expect(parts).toMatchObject([{ first: false, last: true, changes: [], messages: 1 }]);
  expect(target.keepalive(240n)).toMatchObject({ type: 'heartbeat' });
});

test('a half-written transaction that does not come again is a gap', () => {
  const target = assembler({ lsn: 100n, partial: { finalLsn: 200n, messages: 1 } });
  expect(() => target.handle(begin(210n))).toThrow(expect.objectContaining({ code: 'slot_ahead' }));
});

test('a large transaction arrives in parts, with the start of its commit until the last', () => {
  const rows = Array.from({ length: 2_001 }, (_, index) => insert(String(index)));
  const parts = run(assembler(), [begin(100n), ...rows, commit(100n, 130n)]) as TransactionPart[];
  expect(
    parts.map(({ first, last, messages, changes, position }) => [
      first,
      last,
      messages,
      changes.length,
      position,
    ]),
  ).toEqual([
    [true, false, 1_000, 1_000, { kind: 'postgres', lsn: 100n }],
    [false, false, 2_000, 1_000, { kind: 'postgres', lsn: 100n }],
    [false, true, 2_001, 1, { kind: 'postgres', lsn: 130n }],
  ]);
});

test('a transaction of exactly one full part is not split', () => {
  const rows = Array.from({ length: 1_000 }, (_, index) => insert(String(index)));
  expect(run(assembler(), [begin(1n), ...rows, commit(1n, 2n)])).toHaveLength(1);
});

test('large values make small parts', () => {
  const big = insert('1', 1, 'x'.repeat(600_000));
  const parts = run(assembler(), [begin(1n), big, insert('2'), commit(1n, 2n)]);
  expect(parts.map(ids)).toEqual([['<1>'], ['<2>']]);
});

test('transactions without a change of the sync are heartbeats', () => {
  const target = assembler();
  const out = run(target, [
    begin(10n),
    commit(10n, 20n),
    begin(20n),
    insert('1', 99),
    commit(20n, 30n),
  ]);
  expect(out).toEqual([
    { type: 'heartbeat', position: { kind: 'postgres', lsn: 20n } },
    { type: 'heartbeat', position: { kind: 'postgres', lsn: 30n } },
  ]);
});

test('a keepalive counts only between transactions, and only forwards', () => {
  const target = assembler({ lsn: 50n });
  expect(target.keepalive(50n)).toBeNull();
  target.handle(begin(60n));
  expect(target.keepalive(70n)).toBeNull();
  target.handle(insert('1'));
  target.handle(commit(60n, 80n));
  expect(target.keepalive(75n)).toBeNull();
  expect(target.keepalive(90n)).toEqual({
    type: 'heartbeat',
    position: { kind: 'postgres', lsn: 90n },
  });
});

test('an omitted value comes from a full old row, else it stays unknown', () => {
  const update = (old: { kind: 'K' | 'O'; tuple: Tuple } | null): PgoutputMessage => ({
    type: 'update',
    oid: 1,
    old,
    new: ['1', unchanged],
  });
  const change = (old: { kind: 'K' | 'O'; tuple: Tuple } | null) => {
    const [part] = run(assembler(), [begin(1n), update(old), commit(1n, 2n)]);
    return (part as TransactionPart).changes[0];
  };
  expect(change(null)).toMatchObject({ row: ['<1>', undefined], old: null });
  expect(change({ kind: 'O', tuple: ['0', 'big'] })).toMatchObject({
    row: ['<1>', '<big>'],
    old: ['<0>', '<big>'],
  });
  expect(change({ kind: 'K', tuple: ['0', null] })).toMatchObject({
    row: ['<1>', undefined],
    old: ['<0>', undefined],
  });
});

test('an omitted key column is that of the old key', () => {
  const [part] = run(assembler(), [
    begin(1n),
    { type: 'update', oid: 1, old: { kind: 'K', tuple: ['0', null] }, new: [unchanged, 'y'] },
    commit(1n, 2n),
  ]);
  expect(part).toMatchObject({ changes: [{ row: ['<0>', '<y>'] }] });
});

test.each<[string, PgoutputMessage]>([
  ['an update without its key', { type: 'update', oid: 1, old: null, new: [unchanged, 'y'] }],
  ['a delete without its key', { type: 'delete', oid: 1, kind: 'O', old: [unchanged, 'y'] }],
  ['an insert that omits a value', { type: 'insert', oid: 1, new: ['1', unchanged] }],
  ['a row of another length', { type: 'insert', oid: 1, new: ['1'] }],
])('%s is refused', (_, message) => {
  const target = assembler();
  target.handle(begin(1n));
  expect(() => target.handle(message)).toThrow(
    expect.objectContaining({ code: 'unsupported_event' }),
  );
});

test('one TRUNCATE message of several tables counts once', () => {
  const message: PgoutputMessage = {
    type: 'truncate',
    oids: [1, 99, 1],
    cascade: false,
    restartIdentity: false,
  };
  const [part] = run(assembler(), [begin(1n), message, insert('1'), commit(1n, 2n)]);
  expect(part).toMatchObject({ messages: 2 });
  expect(ids(part)).toEqual(['truncate', 'truncate', '<1>']);
});
