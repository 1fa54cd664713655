/** What did not happen, or not for good: SAVEPOINT, ROLLBACK, a server that crashed. */
import { describe, expect, test } from 'vitest';
import type { StreamMessage } from '../../../../src/replication/change.ts';
import { assemble, ids, LogScript, numbers, parts, position, uuid } from './log-script.ts';

const group = () => new LogScript().gtid(1).begin();

const only = async (script: LogScript) => {
  const messages = await assemble(script);
  expect(messages).toHaveLength(1);
  return ids(messages[0]);
};

const kinds = (messages: readonly StreamMessage[]) =>
  messages.map((message) =>
    message.type === 'catalog'
      ? message.events.map((event) => `${event.kind} ${'tableId' in event ? event.tableId : ''}`)
      : message.type,
  );

describe('ROLLBACK TO', () => {
  test('undoes rows after the savepoint, but not those of tables without transactions', async () => {
    const script = group().rows('t', 1).query('SAVEPOINT a').rows('t', 2).rows('m', 3);
    script.query('ROLLBACK TO a').rows('u', 4).xid();
    const messages = await assemble(script);
    expect(ids(messages[0])).toEqual(['t1', 'm3', 'u4']);
    // They are in the log, so they count.
    expect(messages[0]).toMatchObject({
      messages: 4,
      changes: [{ messagesBefore: 0 }, { messagesBefore: 2 }, { messagesBefore: 3 }],
    });
  });

  test.each([
    ['a savepoint may be gone back to again', ['ROLLBACK TO a', 3, 'ROLLBACK TO a'], ['t1']],
    ['nested: the inner one', ['SAVEPOINT b', 3, 'ROLLBACK TO b', 4], ['t1', 't2', 't4']],
    ['nested: the outer one takes the inner along', ['SAVEPOINT b', 3, 'ROLLBACK TO a'], ['t1']],
    ['a name is used again', ['SAVEPOINT a', 3, 'ROLLBACK TO a'], ['t1', 't2']],
    ['without case and accents', ['SAVEPOINT É', 3, 'ROLLBACK TO e'], ['t1', 't2']],
    [
      'a name that is used again leaves those between',
      ['SAVEPOINT b', 3, 'SAVEPOINT a', 4, 'ROLLBACK TO b'],
      ['t1', 't2'],
    ],
    [
      'a released one is gone, with those after it',
      ['SAVEPOINT b', 3, 'SAVEPOINT c', 4, 'RELEASE b', 'ROLLBACK TO a'],
      ['t1'],
    ],
  ])('%s', async (_, steps, expected) => {
    const script = group().rows('t', 1).query('SAVEPOINT a').rows('t', 2);
    for (const step of steps) {
      if (typeof step === 'number') script.rows('t', step);
      else script.query(step);
    }
    expect(await only(script.xid())).toEqual(expected);
  });

  test.each([['RELEASE a'], ['ROLLBACK TO x']])(
    'a savepoint that is not there (after %s) is an error',
    async (query) => {
      const script = group().query('SAVEPOINT a').query('SAVEPOINT b').rows('t', 1).query(query);
      await expect(assemble(script.query('ROLLBACK TO b'))).rejects.toThrow(/not set/);
    },
  );

  test('into a part that was handed out dumps its tables again, before the position moves', async () => {
    const script = group().rows('u', 0).query('SAVEPOINT a').rows('m', -1);
    script
      .rows('t', ...numbers(1, 1_500))
      .query('ROLLBACK TO a')
      .rows('u', 2_000)
      .xid();
    const messages = await assemble(script);
    expect(kinds(messages)).toEqual(['transaction', ['redump t'], 'transaction']);
    const [first, last] = parts(messages);
    expect(first).toMatchObject({ messages: 1_000, last: false });
    expect(ids(last)).toEqual(['u2000']);
    expect(last).toMatchObject({ messages: 1_503, last: true });
  });

  test('to the last row that was handed out', async () => {
    const script = group()
      .rows('t', ...numbers(1, 999))
      .query('SAVEPOINT a')
      .rows('t', 1_000);
    script.rows('u', 1).query('ROLLBACK TO a').xid();
    expect(kinds(await assemble(script))).toEqual(['transaction', ['redump t'], 'transaction']);
  });

  test('behind the rows that were handed out dumps nothing', async () => {
    const script = group()
      .rows('t', ...numbers(1, 1_001))
      .query('SAVEPOINT a')
      .rows('u', 5);
    const messages = await assemble(script.query('ROLLBACK TO a').xid());
    expect(kinds(messages)).toEqual(['transaction', 'transaction']);
    expect(ids(messages[1])).toEqual(['t1001']);
  });

  test('after a restart reaches into what was done before it', async () => {
    const script = group()
      .query('SAVEPOINT a')
      .rows('t', ...numbers(1, 1_500));
    script.query('ROLLBACK TO a').xid();
    const partial = { commit: position(`${uuid}:1`), messages: 1_000 };
    const messages = await assemble(script, { partial });
    expect(kinds(messages)).toEqual([['redump t'], 'transaction']);
    expect(messages[1]).toMatchObject({ first: false, last: true, messages: 1_500, changes: [] });
  });
});

describe('ROLLBACK', () => {
  test('leaves what tables without transactions have', async () => {
    expect(await only(group().rows('t', 1).rows('m', 2).query('ROLLBACK'))).toEqual(['m2']);
  });

  test('of everything moves the position', async () => {
    const script = group().rows('t', 1).query('ROLLBACK');
    expect(await assemble(script)).toEqual([
      { type: 'heartbeat', position: position(`${uuid}:1`, 'binlog.000001', script.offset) },
    ]);
  });

  test('after parts were handed out dumps their tables again, and ends the transaction', async () => {
    const script = group()
      .rows('t', ...numbers(1, 1_500))
      .query('ROLLBACK');
    const messages = await assemble(script);
    expect(kinds(messages)).toEqual(['transaction', ['redump t'], 'transaction']);
    expect(messages[2]).toMatchObject({ first: false, last: true, changes: [], messages: 1_500 });
  });
});

describe('a file that ends within a group', () => {
  test.each([
    ['ROTATE', (script: LogScript) => script.rotate()],
    ['STOP', (script: LogScript) => script.add({ type: 'notice', what: 'stop' })],
    ['the next file', (script: LogScript) => script.add(formatDescription)],
  ])('(%s): it never committed, and its GTID is free', async (_, end) => {
    const script = end(group().rows('t', 1));
    script.gtid(1).begin().rows('t', 2).xid();
    const found = parts(await assemble(script));
    expect(found.map(ids)).toEqual([['t2']]);
    expect(found[0]).toMatchObject({ xid: `${uuid}:1`, position: { gtid: `${uuid}:1` } });
  });

  test('what was handed out is dumped again, and ends where the log goes on', async () => {
    const script = new LogScript().gtid(1).begin().rows('m', 0);
    script.rows('t', ...numbers(1, 1_500)).rotate();
    const messages = await assemble(script);
    expect(kinds(messages)).toEqual(['transaction', ['redump t', 'redump m'], 'transaction']);
    expect(messages[2]).toMatchObject({
      commit: position(`${uuid}:1`),
      position: position('', 'binlog.000002', 4),
      last: true,
      changes: [],
    });
  });

  test('rows of a table without transactions may be there although nothing was handed out', async () => {
    expect(kinds(await assemble(group().rows('m', 1).rotate()))).toEqual([['redump m']]);
  });
});

const formatDescription = {
  type: 'format_description',
  serverVersion: '9.7.4',
  mariadb: false,
  createdAt: 1,
  checksum: 'crc32',
  postHeaderBytes: Buffer.alloc(0),
} as const;
