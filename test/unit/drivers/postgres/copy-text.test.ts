import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCopyRow } from '../../../../src/drivers/postgres/copy-text.ts';

test.each<[string, string, (string | null)[]]>([
  ['plain values', '1\tann\t\n', ['1', 'ann', '']],
  [
    'NULL, and texts that look like it',
    '\\N\t\\\\N\tNULL\t\\\\\\\\N\n',
    [null, '\\N', 'NULL', '\\\\N'],
  ],
  ['every escape', '\\b\\f\\n\\r\\t\\v\\\\\n', ['\b\f\n\r\t\v\\']],
  ['control characters that are not escaped', '\u0001\u007f\u0000\n', ['\u0001\u007f\u0000']],
  ['an escaped backslash before a letter', 'a\\\\tb\n', ['a\\tb']],
  ['not ASCII', 'naïve\t🙂\u2028\tx\n', ['naïve', '🙂\u2028', 'x']],
  ['no columns', '\n', []],
  ['one empty column', '\n', ['']],
  ['a byte order mark', '\ufeffx\n', ['\ufeffx']],
])('%s', (_name, row, values) => {
  expect(decodeCopyRow(Buffer.from(row), values.length)).toEqual(values);
});

test.each([
  ['no newline', '1', 1],
  ['nothing', '', 1],
  ['two rows', '1\n2\n', 1],
  ['too few columns', '1\n', 2],
  ['too many columns', '1\t2\n', 1],
  ['an octal escape', '\\101\n', 1],
  ['a hexadecimal escape', '\\x41\n', 1],
  ['a backslash at the end', 'a\\\n', 1],
  ['NULL within a value', 'a\\N\n', 1],
])('%s is refused', (_name, row, columns) => {
  const refused = expect.objectContaining({ code: 'unsupported_value' });
  expect(() => decodeCopyRow(Buffer.from(row), columns)).toThrow(refused);
});

test('what COPY writes is read back', () => {
  const letters: Record<string, string> = {
    '\b': 'b',
    '\f': 'f',
    '\n': 'n',
    '\r': 'r',
    '\t': 't',
    '\v': 'v',
    '\\': '\\',
  };
  const unit = fc.oneof(
    fc.constantFrom(...Object.keys(letters), 'N', 'n', 'é'),
    fc.string({ unit: 'grapheme', maxLength: 3 }),
  );
  const value = fc.option(fc.array(unit).map((parts) => parts.join('')));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 5 }), (values) => {
      const fields = values.map(
        (text) => text?.replace(/[\b\f\n\r\t\v\\]/g, (c) => `\\${letters[c]}`) ?? '\\N',
      );
      expect(decodeCopyRow(Buffer.from(`${fields.join('\t')}\n`), values.length)).toEqual(values);
    }),
  );
});
