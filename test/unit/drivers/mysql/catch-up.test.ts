/** Rule 7: what was read without a lock, and the log of the moment, make the state at G2. */
import { expect, test } from 'vitest';
import { catchUp } from '../../../../src/drivers/mysql/catch-up.ts';
import { MemoryStaging } from '../../../../src/drivers/mysql/memory-staging.ts';
import { makeRelation } from '../../../../src/drivers/mysql/relation.ts';
import type { Change, StreamBatch, StreamMessage } from '../../../../src/replication/change.ts';
import type { RowChunk } from '../../../../src/replication/driver.ts';
import type { MysqlPosition } from '../../../../src/replication/position.ts';
import { batchesOf } from '../../../support/messages.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const shape = { kind: 'integer', wide: false } as const;
const columns = [
  { name: 'id', shape },
  { name: 'n', shape },
];
const relation = makeRelation({ schema: 's', table: 't', columns, key: ['id'] }, 'number');

function at(offset: number): MysqlPosition {
  return { kind: 'mysql', gtid: `g:${offset}`, file: 'b.000001', offset };
}

type Logged = Omit<Extract<Change, { op: 'insert' }>, 'messagesBefore'> | ({ op: string } & object);

function transaction(end: number, changes: readonly Logged[], last = true): StreamMessage {
  const rest = { committedAt: new Date(0), first: true, messages: 0 };
  const full = changes.map((change) => ({ relation, messagesBefore: 0, ...change }) as Change);
  return {
    type: 'transaction',
    xid: String(end),
    commit: at(end),
    position: at(end),
    last,
    changes: full,
    ...rest,
  };
}

const insert = (id: number, n: number) => ({ op: 'insert', row: [`${id}`, `${n}`] });
const update = (from: number, id: number, n: number) => ({
  op: 'update',
  row: [`${id}`, `${n}`],
  old: [`${from}`, '0'],
});
const remove = (id: number) => ({ op: 'delete', old: [`${id}`, '0'] });

async function* log(messages: readonly StreamMessage[]): AsyncGenerator<StreamBatch> {
  yield messages;
}

async function* chunks(...rows: (readonly string[])[]): AsyncGenerator<RowChunk> {
  for (const row of rows) yield { relation, rows: [row], last: false };
  yield { relation, rows: [], last: true };
}

const contained = `${uuid}:1-9`;

async function settled(messages: readonly StreamMessage[], ...rows: (readonly string[])[]) {
  const options = {
    from: at(1),
    contained,
    until: { file: 'b.000001', offset: 100 },
    ids: new Set([relation.tableId]),
    staging: new MemoryStaging(),
  };
  const overlay = await catchUp({ log: log(messages), ...options });
  if (typeof overlay === 'string') throw new Error(overlay);
  const found: string[] = [];
  let ends = 0;
  for await (const chunk of overlay.apply(chunks(...rows))) {
    found.push(...chunk.rows.map((row) => row.join('=')));
    if (chunk.last) ends += 1;
  }
  expect(ends).toBe(1);
  return { found: found.sort(), position: overlay.position };
}

test('the last state of a row in the log replaces what the snapshots have', async () => {
  const messages = [
    transaction(50, [insert(1, 10), update(2, 2, 20), remove(3)]),
    transaction(100, [update(1, 1, 11), update(4, 5, 50)]),
  ];
  const { found, position } = await settled(
    messages,
    ['2', '999'],
    ['3', '30'],
    ['4', '40'],
    ['6', '60'],
  );
  expect(found).toEqual(['1=11', '2=20', '5=50', '6=60']);
  expect(position).toEqual(at(100));
});

test('rows that no transaction changed stay as they were read', async () => {
  const { found } = await settled([{ type: 'heartbeat', position: at(100) }], ['1', '1']);
  expect(found).toEqual(['1=1']);
});

test('TRUNCATE drops everything that was read', async () => {
  const messages = [transaction(100, [insert(8, 1), { op: 'truncate' }, insert(9, 2)])];
  const { found } = await settled(messages, ['1', '1'], ['8', '1']);
  expect(found).toEqual(['9=2']);
});

test('the position is that of the first commit at or after G2, in whole transactions', async () => {
  const messages = [transaction(120, [insert(1, 1)], false), transaction(120, [insert(2, 2)])];
  const { found, position } = await settled(messages);
  expect(found).toEqual(['1=1', '2=2']);
  expect(position).toEqual(at(120));
});

test('the log is left as soon as G2 is reached', async () => {
  const messages = [transaction(100, [insert(1, 1)]), transaction(110, [insert(2, 2)])];
  expect((await settled(messages)).found).toEqual(['1=1']);
});

test('tables of the dump that are altered in between let it begin again, others do not', async () => {
  const altered = (tableId: string): StreamMessage => ({
    type: 'catalog',
    events: [{ kind: 'redump', tableId, table: 's.t', reason: 'ALTER' }],
  });
  await expect(settled([altered(relation.tableId)])).rejects.toThrow('altered');
  const { found } = await settled([altered('`s`.`other`'), transaction(100, [insert(1, 1)])]);
  expect(found).toEqual(['1=1']);
});

test.each([
  ['in the snapshots', 9, 'settled'],
  ['not in the snapshots, maybe', 10, 'unknown'],
] as const)('XA COMMIT of what was prepared before, %s', async (_title, gno, expected) => {
  const staging = new MemoryStaging();
  async function* messages(): AsyncGenerator<StreamMessage> {
    for await (const piece of staging.read('x')) throw new Error(piece);
    const events = [
      { kind: 'redump', tableId: relation.tableId, table: 's.t', reason: 'x' },
    ] as const;
    yield { type: 'catalog', events };
    const position = { ...at(60), gtid: `${uuid}:1-${gno}` };
    yield { ...transaction(60, []), position } as StreamMessage;
    yield transaction(100, [insert(1, 1)]);
  }
  const ids = new Set([relation.tableId]);
  const until = { file: 'b.000001', offset: 100 };
  const from = at(1);
  const result = await catchUp({
    log: batchesOf(messages()),
    from,
    contained,
    until,
    ids,
    staging,
  });
  expect(typeof result === 'string' ? result : 'settled').toBe(expected);
});

test('what is staged in the stretch is read back in it, and what is undecided at its end is told', async () => {
  const staging = new MemoryStaging();
  const put = (id: string) => {
    const pieces = ['one', 'two'].map((data, index) => ({ index, data, messagesBefore: index }));
    return { ...transaction(50, []), staging: { op: 'put', id, pieces } } as const;
  };
  const release = { ...transaction(70, []), staging: { op: 'release', id: 'a' } } as const;
  let found: string[] = [];
  async function* messages(): AsyncGenerator<StreamMessage> {
    yield put('a');
    for await (const piece of staging.read('a')) found = [...found, piece];
    yield release;
    yield put('b');
    yield transaction(100, []);
  }
  const until = { file: 'b.000001', offset: 100 };
  await catchUp({
    log: batchesOf(messages()),
    from: at(1),
    contained,
    until,
    ids: new Set(),
    staging,
  });
  expect(found).toEqual(['one', 'two']);
  expect(staging.undecided).toEqual(['b']);
});
