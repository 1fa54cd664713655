/** Integers of eight bytes and decimals, each against the value that was packed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../../../../../src/drivers/mysql/binlog/reader.ts';
import {
  decimalReader,
  integerReaders,
} from '../../../../../../src/drivers/mysql/binlog/values/numbers.ts';

const { signed, unsigned } = integerReaders.longlong;

/** Around the numbers where 32 bits, and those that a double holds, end. */
const edges = [0n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n].flatMap((edge) =>
  [-2n, -1n, 0n, 1n, 2n].flatMap((step) => [edge + step, -edge + step]),
);

test('BIGINT, signed and not', () => {
  const bytes = Buffer.alloc(8);
  const check = (value: bigint): void => {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
    expect(unsigned(new ByteReader(bytes))).toBe(`${BigInt.asUintN(64, value)}`);
    expect(signed(new ByteReader(bytes))).toBe(`${BigInt.asIntN(64, value)}`);
  };
  for (const edge of edges) check(edge);
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), check));
});

/** As `decimal2bin`: nine digits in four bytes, the rest in fewer; all inverted if negative, then the first bit. */
function packed(digits: string, scale: number, negative: boolean): Buffer {
  const sizes = [0, 1, 1, 2, 2, 3, 3, 4, 4];
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale);
  const words = [
    whole.slice(0, whole.length % 9),
    ...(whole.slice(whole.length % 9).match(/.{9}/g) ?? []),
    ...(fraction.match(/.{1,9}/g) ?? []),
  ].filter((word) => word !== '');
  const parts = words.map((word) => {
    const bytes = Buffer.alloc(sizes[word.length] ?? 4);
    bytes.writeUIntBE(Number(word), 0, bytes.length);
    return bytes;
  });
  const bytes = Buffer.concat(parts).map((byte) => (negative ? byte ^ 0xff : byte));
  bytes[0] = (bytes[0] ?? 0) ^ 0x80;
  return Buffer.from(bytes);
}

test('DECIMAL: every precision and scale', () => {
  const size = { minLength: 65, maxLength: 65 };
  const text = fc.string({ unit: fc.constantFrom(...'0000123456789999'), ...size });
  const number = (min: number, max: number) => fc.integer({ min, max });
  const value = number(1, 65).chain((precision) =>
    fc.tuple(
      text.map((digits) => digits.slice(0, precision)),
      // Zeros that it begins with.
      number(0, precision),
      number(0, precision),
      fc.boolean(),
    ),
  );
  fc.assert(
    fc.property(value, ([some, zeros, scale, minus]) => {
      const digits = some.slice(zeros).padStart(some.length, '0');
      // The server knows no negative zero.
      const negative = minus && /[1-9]/.test(digits);
      const point = digits.length - scale;
      const whole = digits.slice(0, point).replace(/^0+(?=.)/, '') || '0';
      const fraction = scale === 0 ? '' : `.${digits.slice(point)}`;
      const reader = new ByteReader(packed(digits, scale, negative));
      const expected = `${negative ? '-' : ''}${whole}${fraction}`;
      expect(decimalReader(digits.length, scale)(reader)).toBe(expected);
      reader.finish();
    }),
    { numRuns: 1_000 },
  );
});
