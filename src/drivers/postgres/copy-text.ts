/**
 * Decodes COPY … TO STDOUT in text format with its default delimiter, null and encoding UTF8.
 * Source: PostgreSQL documentation, COPY, "File Formats", "Text Format".
 */
import { constants } from 'node:buffer';
import { WatcherError } from '../../errors.ts';

const newline = 0x0a;
const nonAscii = /[\x80-\xff]/;

/** What the server writes; it never writes the octal and hexadecimal forms that COPY FROM also takes. */
const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/**
 * @param row one CopyData payload: a row with the newline that ends it.
 * @param columns how many values the row must have.
 * @throws WatcherError `unsupported_value` for anything that the server would not have written;
 *   `row_too_large` for half a gigabyte and more.
 */
export function decodeCopyRow(row: Buffer, columns: number): (string | null)[] {
  if (row[row.length - 1] !== newline) throw malformedRow('it does not end with a newline');
  if (row.length > constants.MAX_STRING_LENGTH) throw new WatcherError('row_too_large');
  const end = row.length - 1;
  let text = row.toString('latin1', 0, end);
  if (nonAscii.test(text)) text = row.toString('utf8', 0, end);
  if (text.includes('\n')) throw malformedRow('it holds a second newline');
  const values: (string | null)[] = columns === 0 && text === '' ? [] : text.split('\t');
  if (values.length !== columns) {
    throw malformedRow(`it has ${values.length} columns instead of ${columns}`);
  }
  if (text.includes('\\')) unescapeAll(values);
  return values;
}

function unescapeAll(values: (string | null)[]): void {
  for (let column = 0; column < values.length; column++) {
    const value = values[column];
    if (value === '\\N') values[column] = null;
    else if (value?.includes('\\')) values[column] = unescapeOne(value);
  }
}

function unescapeOne(value: string): string {
  let result = '';
  let done = 0;
  for (let at = value.indexOf('\\'); at !== -1; at = value.indexOf('\\', done)) {
    const character = escapes[value.charAt(at + 1)];
    if (character === undefined) throw malformedRow('it holds an unknown escape');
    result += value.substring(done, at) + character;
    done = at + 2;
  }
  return result + value.substring(done);
}

function malformedRow(what: string): WatcherError {
  return new WatcherError('unsupported_value', {
    message: `COPY sent a row that is not understood: ${what}`,
  });
}
