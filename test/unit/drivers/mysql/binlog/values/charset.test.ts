import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../../../../../src/drivers/mysql/binlog/reader.ts';
import {
  decodeLenient,
  textReader,
} from '../../../../../../src/drivers/mysql/binlog/values/charset.ts';
import { charsetOfCollation } from '../../../../../../src/drivers/mysql/binlog/values/collations.ts';
import { quote } from '../../../../../../src/drivers/mysql/binlog/values/text.ts';

function decode(charset: string, hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  const reader = new ByteReader(bytes);
  const text = textReader(charset)(reader, bytes.length);
  reader.finish();
  return text;
}

/** Asked of MySQL 9.7: SELECT CONVERT(_charset x'…' USING utf8mb4). */
test.each([
  ['latin1', '80819fff', '€\u0081Ÿÿ'],
  ['latin1', '4122', 'A"'],
  ['cp1251', 'cff0e898', 'При?'],
  ['ascii', '41ff', 'A?'],
  ['swe7', '405b7b', 'ÉÄä'],
  ['tis620', 'a1fc', 'ก\ufffd'],
  ['gbk', 'd6d0cec4a140', '中文?'],
  ['gb2312', 'd6d0a1a4', '中・'],
  ['gb18030', '8130813094 39da33a3a0'.replaceAll(' ', ''), '\u0080💩\ue5e5'],
  ['big5', 'a4a4a145a1e3', '中•∼'],
  ['sjis', '93faa68160815f8191', '日ｦ〜\\¢'],
  ['sjis', '8740', '?'],
  ['cp932', '93fa87408160f040', '日①～\ue000'],
  ['euckr', 'b0a18141a2e6c654', '가갂€?'],
  ['ujis', 'c6fc8eb18fb0a1a1c1', '日ｱ丂〜'],
  ['eucjpms', 'ada18ff3f3', '①ⅰ'],
  ['ucs2', '00fc4e2d', 'ü中'],
  ['utf16', '00fcd83dde42', 'ü🙂'],
  ['utf16le', 'fc003dd842de', 'ü🙂'],
  ['utf32', '000000fc0001f642', 'ü🙂'],
  ['utf8mb4', 'c3bcf09f9982', 'ü🙂'],
  ['utf8mb3', 'efbfbd', '\ufffd'],
])('%s %s', (charset, hex, text) => {
  expect(decode(charset, hex)).toBe(text);
});

describe('refused', () => {
  test.each([
    ['utf8mb4', 'c328'],
    ['utf8mb4', 'eda080'],
    ['gbk', 'd6'],
    ['gbk', '80'],
    ['gbk', 'd630'],
    ['gb18030', '81308'.padEnd(6, '1')],
    ['sjis', 'fd'],
    ['ujis', '8fb0'],
    ['euckr', '41b0'],
    ['ucs2', '00'],
    ['utf16', 'd83d'],
    ['utf16le', '3dd8'],
    ['utf32', '00110000'],
    ['utf32', '0000d800'],
    ['utf32', '0000'],
  ])('%s: %s is no text', (charset, hex) => {
    expect(() => decode(charset, hex)).toThrow(
      expect.objectContaining({ code: 'unsupported_value' }),
    );
  });

  test('a charset or a collation that is not known is named', () => {
    expect(() => textReader('filename')).toThrow('charset filename');
    expect(() => charsetOfCollation(9999)).toThrow('collation 9999');
  });
});

test('a statement is decoded as far as it can be', () => {
  const statement = Buffer.from("insert into t values ('\xe9')", 'latin1');
  expect(decodeLenient(statement, 8)).toBe("insert into t values ('é')");
  expect(decodeLenient(statement, 45)).toBe("insert into t values ('\ufffd')");
  expect(decodeLenient(statement, null)).toBe("insert into t values ('\ufffd')");
});

test('collations of all servers', () => {
  const names: [number, string][] = [
    [8, 'latin1'],
    [33, 'utf8mb3'],
    [45, 'utf8mb4'],
    [63, 'binary'],
    [255, 'utf8mb4'],
    [309, 'utf8mb4'],
    [1041, 'unknown'],
    [1070, 'utf8mb4'],
    [2304, 'utf8mb4'],
  ];
  for (const [id, charset] of names) {
    if (charset === 'unknown') expect(() => charsetOfCollation(id)).toThrow();
    else expect(charsetOfCollation(id)).toBe(charset);
  }
});

test('the two ways to quote are one', () => {
  for (const text of ['', 'plain', 'é', '"', '\\', '\u0001', '\u007f', '🙂\n']) {
    const bytes = Buffer.from(text);
    const fragment = new ByteReader(bytes).quotedText(bytes.length);
    expect(fragment).toBe(quote(text));
    expect(JSON.parse(fragment)).toBe(text);
  }
});
