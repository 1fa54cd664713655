/** A reader remembers the minute of the value before: values of one column one after another. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../../../../../src/drivers/mysql/binlog/reader.ts';
import {
  datetime2Reader,
  oldTimestampReader,
  timestamp2Reader,
} from '../../../../../../src/drivers/mysql/binlog/values/temporal.ts';

const two = (value: number): string => `${value}`.padStart(2, '0');

/** Of one minute, of neighbours, and of anywhere. */
const moments = fc.array(
  fc.oneof(
    fc.constantFrom(0, 1, 59, 60, 61, 119, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
    fc.integer({ min: 1_700_000_000, max: 1_700_000_200 }),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  ),
);

test('TIMESTAMP', () => {
  fc.assert(
    fc.property(moments, (seconds) => {
      const plain = timestamp2Reader(0);
      const precise = timestamp2Reader(3);
      const old = oldTimestampReader();
      for (const second of seconds) {
        const iso = new Date(second * 1_000).toISOString().slice(0, 19);
        const utc = second === 0 ? '0000-00-00T00:00:00' : iso;
        const bytes = Buffer.alloc(6);
        bytes.writeUInt32BE(second);
        bytes.writeUInt16BE(4_560, 4);
        expect(plain(new ByteReader(bytes))).toBe(`"${utc}+00:00"`);
        expect(precise(new ByteReader(bytes))).toBe(`"${utc}.456+00:00"`);
        bytes.writeUInt32LE(second);
        expect(old(new ByteReader(bytes))).toBe(`"${utc}+00:00"`);
      }
    }),
  );
});

test('DATETIME, with days that no calendar has', () => {
  const part = (max: number) => fc.oneof(fc.constantFrom(0, max), fc.integer({ min: 0, max }));
  const value = fc.tuple(part(9_999), part(12), part(31), part(23), part(59), part(59));
  // Each with others of its minute, of its hour on the next day, or of another century.
  const values = fc.array(
    fc.tuple(value, fc.array(fc.constantFrom([0, 0, 1], [0, 1, 0], [100, 0, 0]))),
  );
  const sequence = values.map((groups) =>
    groups.flatMap(([first, steps]) => {
      let [year, month, day, hour, minute, second] = first;
      const others = steps.map(([years = 0, days = 0, seconds = 0]): typeof first => {
        year = (year + years) % 10_000;
        day = (day + days) % 32;
        second = (second + seconds) % 60;
        return [year, month, day, hour, minute, second];
      });
      return [first, ...others];
    }),
  );
  fc.assert(
    fc.property(sequence, (datetimes) => {
      const plain = datetime2Reader(0);
      const precise = datetime2Reader(6);
      for (const [year, month, day, hour, minute, second] of datetimes) {
        const date = (BigInt(year * 13 + month) << 5n) | BigInt(day);
        const time = BigInt((hour << 12) | (minute << 6) | second);
        const bytes = Buffer.alloc(8);
        bytes.writeUIntBE(Number((1n << 39n) | (date << 17n) | time), 0, 5);
        bytes.writeUIntBE(1_234, 5, 3);
        const text = `${`${year}`.padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`;
        expect(plain(new ByteReader(bytes))).toBe(`"${text}"`);
        expect(precise(new ByteReader(bytes))).toBe(`"${text}.001234"`);
      }
    }),
  );
});
