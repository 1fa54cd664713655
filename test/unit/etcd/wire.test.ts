import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reader, Writer } from '../../../src/etcd/wire.ts';
import { decodeAs, encodeAs } from '../../support/etcd-proto.ts';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

test('another library reads every int64 and text that is written', () => {
  fc.assert(
    fc.property(int64, fc.string({ unit: 'grapheme' }), (value, text) => {
      const writer = new Writer(1);
      writer.int64(1, value);
      const child = writer.open(4);
      writer.string(3, text);
      writer.close(child);
      expect(decodeAs('Varint', writer.finish())).toEqual({
        signed: String(value),
        child: { text },
      });
    }),
  );
});

test('every int64 and text that another library writes is read, and other fields are skipped', () => {
  fc.assert(
    fc.property(int64, fc.string({ unit: 'grapheme' }), (value, text) => {
      const fields = { signed: String(value), skipped: '7', also: 7, text, child: { text } };
      const reader = new Reader(encodeAs('Varint', fields));
      const seen: Record<string, unknown> = {};
      for (let field = reader.next(); field !== 0; field = reader.next()) {
        if (field === 1) seen.signed = reader.int64();
        else if (field === 3) seen.text = reader.string();
        else reader.skip();
      }
      expect(seen).toEqual({ signed: value, text });
    }),
  );
});

test('numbers at the edges of a varint survive', () => {
  for (const value of [0n, 127n, 128n, 2n ** 49n - 1n, 2n ** 49n, 2n ** 53n, 2n ** 63n - 1n, -1n]) {
    const writer = new Writer();
    writer.int64(2, value);
    const reader = new Reader(writer.finish());
    expect(reader.next()).toBe(2);
    expect(reader.int64()).toBe(value);
    expect(reader.next()).toBe(0);
  }
});

test('a text that is longer than the writer was made for makes it grow', () => {
  const writer = new Writer(4);
  writer.string(3, 'é€😀'.repeat(100_000));
  expect(decodeAs('Varint', writer.finish())).toEqual({ text: 'é€😀'.repeat(100_000) });
});

test('a message that is cut off is an error', () => {
  const writer = new Writer();
  writer.string(3, 'abc');
  const reader = new Reader(writer.finish().subarray(0, 3));
  reader.next();
  expect(() => reader.string()).toThrow(RangeError);
  expect(() => new Reader(Buffer.of(0x80)).next()).toThrow(RangeError);
});
