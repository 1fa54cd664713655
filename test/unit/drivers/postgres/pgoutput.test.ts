import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unchanged } from '../../../../src/drivers/postgres/message-reader.ts';
import { decodePgoutput, type PgoutputMessage } from '../../../../src/drivers/postgres/pgoutput.ts';
import { WatcherError } from '../../../../src/errors.ts';

const names = ['identities', 'names-and-text', 'truncate', 'messages-and-origin'] as const;

function frames(name: (typeof names)[number]): Buffer[] {
  const url = new URL(`../../../fixtures/pgoutput/${name}.hex`, import.meta.url);
  return readFileSync(url, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Buffer.from(line, 'hex'));
}

function decoded(name: (typeof names)[number]): PgoutputMessage[] {
  return frames(name).map((frame) => decodePgoutput(frame));
}

function failure(bytes: Buffer, offset?: number): unknown {
  try {
    decodePgoutput(bytes, offset);
  } catch (error) {
    return error;
  }
  return null;
}

describe('captured messages', () => {
  test('rows with every replica identity', () => {
    const messages = decoded('identities').filter(({ type }) =>
      ['insert', 'update', 'delete'].includes(type),
    );
    const body = 'x'.repeat(3000);
    expect(messages.map(({ type, ...rest }) => ({ type, ...rest, oid: undefined }))).toEqual(
      [
        { type: 'insert', new: ['1', 'ann', 'ok', body] },
        { type: 'update', old: null, new: ['1', null, 'ok', unchanged] },
        {
          type: 'update',
          old: { kind: 'K', tuple: ['1', null, null, null] },
          new: ['2', null, 'ok', unchanged],
        },
        { type: 'delete', kind: 'K', old: ['2', null, null, null] },
        { type: 'insert', new: ['1', 'p'] },
        { type: 'insert', new: ['2', null] },
        { type: 'update', old: { kind: 'O', tuple: ['2', null] }, new: ['2', 'q'] },
        { type: 'delete', kind: 'O', old: ['1', 'p'] },
        { type: 'insert', new: ['1', '9007199254740993', 'x'] },
        {
          type: 'update',
          old: { kind: 'K', tuple: [null, '9007199254740993', null] },
          new: ['1', '-1', 'x'],
        },
        { type: 'delete', kind: 'K', old: [null, '-1', null] },
        { type: 'insert', new: [null] },
      ].map((message) => ({ ...message, oid: undefined })),
    );
  });

  test('relations and types', () => {
    const messages = decoded('identities');
    expect(messages.find(({ type }) => type === 'type')).toEqual({
      type: 'type',
      oid: frames('identities')[1]?.readUInt32BE(1),
      schema: 'public',
      name: 'mood',
    });
    const relations = messages.filter((message) => message.type === 'relation');
    expect(relations.map((r) => [r.table, r.replicaIdentity])).toEqual([
      ['by_key', 'd'],
      ['by_full', 'f'],
      ['by_index', 'i'],
      ['by_nothing', 'n'],
    ]);
    expect(relations[2]).toEqual({
      type: 'relation',
      oid: expect.any(Number),
      schema: 'public',
      table: 'by_index',
      replicaIdentity: 'i',
      columns: [
        { name: 'a', typeOid: 23, typmod: -1, isKey: false },
        { name: 'b', typeOid: 20, typmod: -1, isKey: true },
        { name: 'c', typeOid: 25, typmod: -1, isKey: false },
      ],
    });
  });

  test('begin and commit', () => {
    const [begin, , , , commit] = decoded('identities');
    if (begin?.type !== 'begin' || commit?.type !== 'commit') throw new Error('other messages');
    expect(begin.xid).toBe(frames('identities')[0]?.readUInt32BE(17));
    expect(commit.commitLsn).toBe(begin.finalLsn);
    expect(commit.endLsn).toBe(begin.finalLsn + 0x30n);
    expect(commit.commitTime).toEqual(begin.commitTime);
    expect(begin.commitTime.getUTCFullYear()).toBeGreaterThanOrEqual(2025);
  });

  test('names and values that are not ASCII, and a table without columns', () => {
    const messages = decoded('names-and-text');
    expect(messages[1]).toMatchObject({
      schema: 'Größe "x"',
      table: 'täble 表',
      columns: [
        { name: 'Ключ', isKey: true },
        { name: 'a b', isKey: false },
        { name: 'c', typeOid: 1043, typmod: 13 },
      ],
    });
    expect(messages[2]).toMatchObject({ new: ['🙂', 'naïve', ''] });
    expect(messages[3]).toMatchObject({ new: ['plain', 'a'.repeat(200), '\t\n'] });
    expect(messages[6]).toMatchObject({ table: 'bare', columns: [] });
    expect(messages[7]).toMatchObject({ type: 'insert', new: [] });
  });

  test('truncate', () => {
    const truncates = decoded('truncate').filter(({ type }) => type === 'truncate');
    const [parent, child] = decoded('truncate').filter((message) => message.type === 'relation');
    const oids = [parent?.oid, child?.oid];
    expect(truncates).toEqual([
      { type: 'truncate', oids, cascade: false, restartIdentity: false },
      { type: 'truncate', oids, cascade: true, restartIdentity: true },
    ]);
  });

  test('origin and logical messages', () => {
    const messages = decoded('messages-and-origin');
    expect(messages[0]).toMatchObject({ commitTime: new Date('2020-02-02T02:02:02.500Z') });
    expect(messages[1]).toEqual({ type: 'origin', commitLsn: 0xabcdefn, name: 'elsewhere' });
    expect(messages[7]).toMatchObject({ transactional: true, prefix: 'watch' });
    expect(messages[7]).toMatchObject({ content: Buffer.from('inside') });
    expect(messages[9]).toMatchObject({ transactional: false, content: Buffer.from([0, 255]) });
  });

  test('the header of XLogData may stand before a message', () => {
    for (const frame of frames('identities')) {
      const framed = Buffer.concat([Buffer.alloc(25, 0xee), frame]);
      expect(decodePgoutput(framed, 25)).toEqual(decodePgoutput(frame));
    }
  });

  test('the result does not change with the bytes that it was read from', () => {
    const frame = Buffer.from(frames('identities')[3] as Buffer);
    const message = decodePgoutput(frame);
    frame.fill(0);
    expect(message).toMatchObject({ new: ['1', 'ann', 'ok', 'x'.repeat(3000)] });
  });
});

describe('what is not understood is refused', () => {
  test.each([
    ['nothing', ''],
    ['a type of a later protocol version', '53000000010001'],
    ['a binary column', '49000040124e00016200000001ff'],
    ['an unknown column format', '49000040124e00017a'],
    ['an insert with an old tuple', '49000040124f00016e'],
    ['an update with two old tuples', '55000040124f00016e4f00016e'],
    ['a delete with a new tuple', '44000040124e00016e'],
    ['a byte after the end', '49000040124e00016e00'],
    ['a column longer than the message', '49000040124e00017400000004616161'],
    ['a column of negative length', '49000040124e000174ffffffff616161'],
    ['more columns than the message holds', '49000040124effff6e'],
    ['more tables than the message holds', '54ffffffff0000004012'],
    ['a name without an end', '59000040067075626c6963'],
    ['an unknown replica identity', '520000401d70006e007a0000'],
    ['unknown flags of a commit', '43010000000000000000000000000000000000000000000000000000'],
  ])('%s', (_name, hex) => {
    const error = failure(Buffer.from(hex, 'hex'));
    expect(error).toBeInstanceOf(WatcherError);
    expect(error).toMatchObject({ code: 'unsupported_event' });
  });

  test('a captured message that is cut anywhere', () => {
    for (const frame of names.flatMap(frames)) {
      for (let length = 0; length < Math.min(frame.length, 300); length++) {
        expect(failure(frame.subarray(0, length))).toMatchObject({ code: 'unsupported_event' });
      }
    }
  });

  test('random bytes decode or are refused, and nothing else', () => {
    const types = fc.constantFrom(...Buffer.from('IUDBCRYTOM'));
    const bytes = fc.tuple(types, fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(bytes, ([type, rest]) => {
        const error = failure(Buffer.from([type, ...rest]));
        expect(error === null || (error as WatcherError).code === 'unsupported_event').toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('a captured message with some bytes changed decodes or is refused, and nothing else', () => {
    const all = names.flatMap(frames).filter(({ length }) => length < 400);
    const change = fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 }));
    const cases = fc.tuple(
      fc.nat(all.length - 1),
      fc.array(change, { minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(cases, ([index, changes]) => {
        const frame = Buffer.from(all[index] as Buffer);
        for (const [at, byte] of changes) frame[at % frame.length] = byte;
        const error = failure(frame);
        expect(error === null || (error as WatcherError).code === 'unsupported_event').toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});
