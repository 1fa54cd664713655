import { expect, test } from 'vitest';
import type { BinlogEvent } from '../../../../src/drivers/mysql/binlog/decode.ts';
import type { EventHeader } from '../../../../src/drivers/mysql/binlog/header.ts';
import { PlaceTracker } from '../../../../src/drivers/mysql/log-tracker.ts';

const artificial = 0x20;
const ignorable = 0x80;
const fourGiB = 2 ** 32;

function header(fields: Partial<EventHeader>): EventHeader {
  return {
    timestamp: 1,
    type: 0,
    serverId: 1,
    sizeBytes: 100,
    nextOffset: 0,
    flags: 0,
    ...fields,
  };
}

type Headed = readonly [BinlogEvent, EventHeader];

const xid = (fields: Partial<EventHeader>): Headed => [{ type: 'xid' }, header(fields)];
const rotate = (file: string, offset: number, fields: Partial<EventHeader>): Headed => [
  { type: 'rotate', file, offset },
  header(fields),
];
const heartbeat = (file: string, offset: number | null, nextOffset: number): Headed => [
  { type: 'heartbeat', file, offset },
  header({ nextOffset }),
];

function places(tracker: PlaceTracker, list: readonly Headed[]): unknown[] {
  return list.map((headed) => {
    const { file, start, end } = tracker.locate(...headed);
    return [file, start, end];
  });
}

test('a rotation: the server announces the file, the event in the file is in the old one', () => {
  const list = [
    rotate('b.1', 200, { flags: artificial }),
    xid({ nextOffset: 300 }),
    rotate('b.2', 4, { nextOffset: 344, sizeBytes: 44 }),
    rotate('b.2', 4, { flags: artificial }),
    xid({ nextOffset: 104 }),
  ];
  expect(places(new PlaceTracker({ file: '', offset: 4 }), list)).toEqual([
    ['b.1', 200, 200],
    ['b.1', 200, 300],
    ['b.1', 300, 344],
    ['b.2', 4, 4],
    ['b.2', 4, 104],
  ]);
});

test('a file ends without saying so when its server was killed', () => {
  const list = [xid({ nextOffset: 300 }), rotate('b.2', 4, {}), xid({ nextOffset: 104 })];
  expect(places(new PlaceTracker({ file: 'b.1', offset: 200 }), list)).toEqual([
    ['b.1', 200, 300],
    ['b.2', 4, 4],
    ['b.2', 4, 104],
  ]);
});

test('offsets over 4 GiB go on', () => {
  const list = [
    xid({ nextOffset: fourGiB - 50 }),
    xid({ nextOffset: 50 }),
    heartbeat('b.1', null, 50),
    xid({ nextOffset: 150 }),
  ];
  const tracker = new PlaceTracker({ file: 'b.1', offset: fourGiB - 150 });
  expect(places(tracker, list)).toEqual([
    ['b.1', fourGiB - 150, fourGiB - 50],
    ['b.1', fourGiB - 50, fourGiB + 50],
    ['b.1', fourGiB + 50, fourGiB + 50],
    ['b.1', fourGiB + 50, fourGiB + 150],
  ]);
});

test('by GTIDs reading begins anywhere in a file, and a heartbeat may say where', () => {
  const near = new PlaceTracker({ file: 'b.1', offset: 4 });
  expect(places(near, [xid({ nextOffset: fourGiB - 100 })])).toEqual([
    ['b.1', fourGiB - 200, fourGiB - 100],
  ]);
  const far = new PlaceTracker({ file: 'b.1', offset: 4 });
  const list = [heartbeat('b.1', 3 * fourGiB + 7, 7), xid({ nextOffset: 107 })];
  expect(places(far, list)).toEqual([
    ['b.1', 3 * fourGiB + 7, 3 * fourGiB + 7],
    ['b.1', 3 * fourGiB + 7, 3 * fourGiB + 107],
  ]);
});

test('events that MariaDB leaves out, and offsets that MariaDB 11.4 leaves out', () => {
  const tracker = new PlaceTracker({ file: 'b.1', offset: 200 });
  const list = [xid({ nextOffset: 360 }), xid({}), xid({ nextOffset: 560 })];
  expect(places(tracker, list)).toEqual([
    ['b.1', 260, 360],
    ['b.1', 360, 460],
    ['b.1', 460, 560],
  ]);
});

test('what the server makes up for the connection is nowhere in the file', () => {
  const list: Headed[] = [
    [{ type: 'mariadb_gtid_list', gtids: [] }, header({ nextOffset: 900, flags: artificial })],
    [{ type: 'notice', what: 'ignorable' }, header({ flags: ignorable })],
  ];
  expect(places(new PlaceTracker({ file: 'b.1', offset: 200 }), list)).toEqual([
    ['b.1', 200, 200],
    ['b.1', 200, 200],
  ]);
});
