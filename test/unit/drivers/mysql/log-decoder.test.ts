import { beforeAll, expect, test } from 'vitest';
import type { LogEvent } from '../../../../src/drivers/mysql/log-event.ts';
import { loadZstd } from '../../../../src/drivers/mysql/log-payload.ts';
import { LogDecoder } from '../../../../src/drivers/mysql/log-reader.ts';
import { eventBytes, hasFixture } from './binlog/fixtures.ts';

const start = { file: '', offset: 4 };

function decode(bytes: readonly Buffer[], skipTo: { file: string; offset: number } | null = null) {
  const log = new LogDecoder({ checksum: 'crc32', start, skipTo });
  return [...log.batches(bytes)].flat();
}

beforeAll(loadZstd);

test.each([
  'mysql-9.7/network',
  'mysql-9.7/network-heartbeat-2',
  'mysql-5.6/network',
  'mariadb-10.11/network',
])('%s: events follow each other', (path) => {
  expect(hasFixture(path)).toBe(true);
  const located = decode(eventBytes(path));
  expect(located[0]?.event.type).toBe('rotate');
  let before: LogEvent | null = null;
  for (const each of located) {
    expect(each.file).toMatch(/^[a-z]+\.\d{6}$/);
    expect(each.end).toBeGreaterThanOrEqual(each.start);
    if (before !== null && each.start < each.end) expect(each.start).toBe(before.end);
    before = each;
  }
});

test('events of a compressed transaction have its place', () => {
  const bytes = eventBytes('mysql-9.7/compressed');
  const located = decode(bytes);
  expect(located.length).toBeGreaterThan(bytes.length);
  expect(located.map(({ event }) => event.type)).not.toContain('transaction_payload');
  const places = located.map(({ start: from, end }) => `${from}-${end}`);
  expect(new Set(places).size).toBe(bytes.length);
});

test('an event that was damaged on the way', () => {
  const bytes = eventBytes('mysql-9.7/network');
  for (const index of bytes.keys()) {
    const damaged = bytes.map((each) => Buffer.from(each));
    const event = damaged[index];
    event?.writeUInt8((event.at(-6) ?? 0) ^ 0x10, event.length - 6);
    const before: LogEvent[] = [];
    const read = () => {
      const log = new LogDecoder({ checksum: 'crc32', start, skipTo: null });
      for (const batch of log.batches(damaged)) before.push(...batch);
    };
    expect(read).toThrow(expect.objectContaining({ code: 'unsupported_event' }));
    // What was read before it is whole, and is handed out.
    expect(before).toEqual(decode(bytes.slice(0, index)));
  }
});

test('what lies before a place that could not be asked for is passed over', () => {
  const bytes = eventBytes('mysql-9.7/compressed');
  const all = decode(bytes);
  for (const { file, end: offset } of all) {
    const rest = decode(bytes, { file, offset }).filter(({ start: from, end }) => from < end);
    expect(rest).toEqual(all.filter(({ start: from, end }) => from < end && end > offset));
  }
});

test('a table that is described in the same bytes again has the same columns, and no other has', () => {
  const maps = ['mysql-9.7/network', 'mysql-9.7/compressed'].flatMap((path) => {
    const bytes = eventBytes(path);
    return decode([...bytes, ...bytes.slice(2)]).flatMap(({ event }) =>
      event.type === 'table_map' ? [event] : [],
    );
  });
  for (const map of maps) {
    for (const other of maps) {
      if (map.columns !== other.columns) continue;
      expect(other).toEqual(map);
    }
  }
  expect(new Set(maps.map(({ columns }) => columns)).size).toBeLessThan(maps.length);
});
