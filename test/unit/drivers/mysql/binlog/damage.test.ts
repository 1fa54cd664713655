/** Damaged, truncated and random bytes: a typed error, never a crash, a hang or a wrong row. */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnTypes } from '../../../../../src/drivers/mysql/binlog/column-types.ts';
import { BinlogDecoder, type BinlogEvent } from '../../../../../src/drivers/mysql/binlog/decode.ts';
import { eventTypes } from '../../../../../src/drivers/mysql/binlog/event-types.ts';
import { decodeGtidSet } from '../../../../../src/drivers/mysql/binlog/gtid-set-binary.ts';
import { parseHeader } from '../../../../../src/drivers/mysql/binlog/header.ts';
import { inflateColumn, inflateMariadb } from '../../../../../src/drivers/mysql/binlog/inflate.ts';
import { PayloadSplitter } from '../../../../../src/drivers/mysql/binlog/payload.ts';
import { ByteReader } from '../../../../../src/drivers/mysql/binlog/reader.ts';
import { RowDecoder } from '../../../../../src/drivers/mysql/binlog/row-images.ts';
import type { TableMap } from '../../../../../src/drivers/mysql/binlog/table-map.ts';
import { jsonText } from '../../../../../src/drivers/mysql/binlog/values/json.ts';
import { readJsonDiffs } from '../../../../../src/drivers/mysql/binlog/values/json-diff.ts';
import { WatcherError } from '../../../../../src/errors.ts';
import { eventBytes, hintsOf, selected } from './fixtures.ts';

const codes = ['unsupported_event', 'unsupported_value', 'source_setting', 'row_too_large'];

/** Runs it; only a typed error may come out. @returns whether one did */
function fails(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (!(error instanceof WatcherError)) throw error;
    expect(codes).toContain(error.code);
    return true;
  }
}

function withChecksum(event: Buffer): Buffer {
  const bytes = Buffer.from(event);
  bytes.writeUInt32LE(bytes.length, 9);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

/** An event of `type` with this body. */
function eventOf(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(19);
  header.writeUInt8(type, 4);
  return withChecksum(Buffer.concat([header, body, Buffer.alloc(4)]));
}

const paths = [
  ...['numbers', 'temporals', 'spatial', 'names', 'vectors', 'transactions', 'partial-json'],
  ...['compressed', 'images'],
].map((name) => `mysql-9.7/${name}`);
paths.push('mariadb-10.11/spatial', 'mariadb-10.11/compressed', 'mariadb-10.11/transactions');
paths.push('mariadb-10.11/compressed-columns', 'mariadb-10.11/addresses', 'mysql-5.6/numbers');

interface Replay {
  readonly bytes: Buffer;
  readonly event: BinlogEvent;
  readonly map: TableMap | null;
}

/** Each event of a file, with the table map that its rows need. */
function replay(path: string): { decoder: BinlogDecoder; list: Replay[] } {
  const decoder = new BinlogDecoder('crc32');
  const maps = new Map<number, TableMap>();
  const list = eventBytes(path).map((bytes) => {
    const event = decoder.decode(bytes);
    if (event.type === 'table_map') maps.set(event.tableId, event);
    const map = event.type === 'rows' ? (maps.get(event.tableId) ?? null) : null;
    return { bytes, event, map };
  });
  return { decoder, list };
}

function hintsFor(path: string, map: TableMap) {
  if (!path.startsWith('mysql-5.6')) return [];
  const table = selected(path)[map.table];
  return table === undefined ? [] : hintsOf(table);
}

function decodeAll(decoder: BinlogDecoder, bytes: Buffer, rows: RowDecoder | null): void {
  const event = decoder.decode(bytes);
  if (event.type === 'rows') rows?.decode(event);
}

describe.each(paths)('%s', (path) => {
  const { decoder, list } = replay(path);
  const format = list[0]?.bytes ?? Buffer.alloc(0);
  const rowDecoder = (map: TableMap | null) =>
    map === null ? null : new RowDecoder(map, { numbers: 'number', hints: hintsFor(path, map) });

  test('one bit flipped: the checksum tells', () => {
    for (const [index, { bytes }] of list.entries()) {
      const bit = (index * 7919) % ((bytes.length - 4) * 8);
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(fails(() => decoder.decode(damaged))).toBe(true);
      decoder.decode(format);
    }
  });

  test('cut anywhere, checksum and size made right: an error, or the first of the rows', () => {
    const fixed = [
      eventTypes.xid,
      eventTypes.xaPrepare,
      eventTypes.transactionPayload,
      eventTypes.taggedGtid,
    ];
    for (const { bytes, event, map } of list) {
      const rows = rowDecoder(map);
      const whole = event.type === 'rows' ? (rows?.decode(event) ?? []) : [];
      const step = Math.max(1, Math.floor(bytes.length / 40));
      for (let length = 23; length < bytes.length; length += step) {
        const cut = withChecksum(bytes.subarray(0, length));
        const failed = fails(() => {
          const shorter = decoder.decode(cut);
          if (shorter.type !== 'rows') return;
          const some = rows?.decode(shorter) ?? [];
          expect(JSON.stringify(some)).toBe(JSON.stringify(whole.slice(0, some.length)));
        });
        if (fixed.some((type) => type === parseHeader(bytes).type)) expect(failed).toBe(true);
        decoder.decode(format);
      }
    }
  });

  test('bytes left over at the end', () => {
    const open = [
      'rotate',
      'query',
      'notice',
      'heartbeat',
      'rows',
      'mariadb_gtid',
      'previous_gtids',
    ];
    for (const { bytes, event } of list) {
      if (open.includes(event.type) || event.type === 'format_description') continue;
      const longer = withChecksum(Buffer.concat([bytes, Buffer.from([0])]));
      expect(
        fails(() => decoder.decode(longer)),
        event.type,
      ).toBe(true);
    }
  });

  test('any bytes changed, checksum made right', () => {
    const index = fc.nat(list.length - 1);
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(index, changes, (at, edits) => {
        const { bytes = format, map = null } = list[at] ?? {};
        const damaged = Buffer.from(bytes);
        for (const [place, value] of edits) {
          damaged[19 + (place % Math.max(1, damaged.length - 23))] = value;
        }
        const rows = rowDecoder(map);
        fails(() => decodeAll(decoder, withChecksum(damaged), rows));
        decoder.decode(format);
      }),
      { numRuns: 150 },
    );
  });
});

describe('random bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 120 }).map((array) => Buffer.from(array));

  test('as the body of any event', () => {
    fc.assert(
      fc.property(fc.nat(255), bytes, (type, body) => {
        const decoder = new BinlogDecoder('crc32');
        fails(() => decoder.decode(eventOf(type, body)));
      }),
      { numRuns: 3000 },
    );
  });

  test('as a whole event, a JSON document, differences, a GTID set, a compressed part', () => {
    fc.assert(
      fc.property(bytes, (body) => {
        fails(() => new BinlogDecoder('none').decode(body));
        fails(() => jsonText(body));
        fails(() => readJsonDiffs(new ByteReader(body)));
        fails(() => decodeGtidSet(body));
        fails(() => inflateMariadb(body));
        fails(() => inflateColumn(body));
        fails(() => {
          const splitter = new PayloadSplitter();
          splitter.push(body);
          splitter.finish();
        });
      }),
      { numRuns: 3000 },
    );
  });

  test.each([0, 7])('an integer of %i bytes, as a damaged table map has it', (length) => {
    expect(fails(() => new ByteReader(Buffer.alloc(16)).uint(length))).toBe(true);
  });

  test('a JSON document whose containers hold each other ends', () => {
    // An array of 200 entries, all of which are the array itself.
    const count = 200;
    const size = 4 + count * 3;
    const array = Buffer.alloc(size);
    array.writeUInt16LE(count, 0);
    array.writeUInt16LE(size, 2);
    for (let index = 0; index < count; index++) {
      array.writeUInt8(2, 4 + index * 3);
      array.writeUInt16LE(0, 5 + index * 3);
    }
    expect(fails(() => jsonText(Buffer.concat([Buffer.from([2]), array])))).toBe(true);
  });
});

describe('refused', () => {
  const decoder = () => new BinlogDecoder('crc32');

  test.each([0, 1, 6, 7, 8, 20, 22, 36, 43, 99, 164, 172, 255])('event type %i', (type) => {
    expect(fails(() => decoder().decode(eventOf(type, Buffer.alloc(20))))).toBe(true);
  });

  test.each([9, 11, 17, 18])('LOAD DATA as a statement: event type %i', (type) => {
    expect(() => decoder().decode(eventOf(type, Buffer.alloc(20)))).toThrow(
      expect.objectContaining({
        code: 'unsupported_event',
        remedy: expect.stringContaining('binlog_format = ROW'),
      }),
    );
  });

  test('rows whose table map has another number of columns', () => {
    const { list } = replay('mysql-9.7/names');
    const maps = list.flatMap(({ event }) => (event.type === 'table_map' ? [event] : []));
    const rows = list.flatMap(({ event }) => (event.type === 'rows' ? [event] : []));
    const [first] = rows;
    const other = maps.find(({ columns }) => columns.length !== first?.columnCount);
    if (first === undefined || other === undefined) throw new Error('no rows');
    const rowDecoder = new RowDecoder(other, { numbers: 'number' });
    expect(fails(() => rowDecoder.decode(first))).toBe(true);
  });

  test.each([
    [2, 3],
    [0, 0],
    [66, 0],
  ])('a column that is not wanted, of DECIMAL(%i,%i)', (precision, scale) => {
    const { list } = replay('mysql-9.7/names');
    const map = list.flatMap(({ event }) => (event.type === 'table_map' ? [event] : []))[0];
    const [column] = map?.columns ?? [];
    if (map === undefined || column === undefined) throw new Error('no table map');
    const columns = [{ ...column, type: columnTypes.newdecimal, meta: precision * 256 + scale }];
    const options = { numbers: 'number', isWanted: () => false } as const;
    expect(fails(() => new RowDecoder({ ...map, columns }, options))).toBe(true);
  });

  test('an incident is an event of its own', () => {
    const body = Buffer.from([1, 0, 4, ...Buffer.from('lost')]);
    expect(decoder().decode(eventOf(26, body))).toMatchObject({
      type: 'incident',
      code: 1,
      message: 'lost',
    });
  });
});
