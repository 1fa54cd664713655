/**
 * INSERT statements as mysqldump and mariadb-dump write them with --complete-insert and --hex-blob: one a line, with
 * backslash escapes. Source: mysqldump's `dump_table`, `mysql_real_escape_string`. Pure.
 */
import { WatcherError } from '../../errors.ts';

export interface InsertStatement {
  readonly table: string;
  readonly columns: readonly string[];
  /** Values as SELECT would send them; strings in UTF-8. */
  readonly rows: readonly (readonly (Buffer | null)[])[];
}

const code = {
  newline: 0x0a,
  quote: 0x27,
  open: 0x28,
  close: 0x29,
  comma: 0x2c,
  backslash: 0x5c,
  backtick: 0x60,
  semicolon: 0x3b,
} as const;

const insertInto = Buffer.from('INSERT INTO ');
const values = Buffer.from(' VALUES ');
const binaryIntroducer = Buffer.from('_binary ');

export function isInsert(line: Buffer): boolean {
  return line.subarray(0, insertInto.length).equals(insertInto);
}

/** @throws WatcherError `mysqldump_failed` when the line is not as expected; no part of it is in the text. */
export function parseInsert(line: Buffer): InsertStatement {
  const cursor = new Cursor(line, insertInto.length);
  const table = cursor.name();
  cursor.expect(0x20);
  const columns = cursor.list(() => cursor.name());
  cursor.literal(values);
  const rows: (Buffer | null)[][] = [];
  do {
    cursor.skipSpace();
    const row = cursor.list(() => cursor.value());
    if (row.length !== columns.length) throw notUnderstood();
    rows.push(row);
  } while (cursor.skip(code.comma));
  cursor.expect(code.semicolon);
  return { table, columns, rows };
}

class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  skip(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  expect(byte: number): void {
    if (!this.skip(byte)) throw notUnderstood();
  }

  skipSpace(): void {
    while (this.skip(code.newline) || this.skip(0x20));
  }

  literal(text: Buffer): void {
    if (!this.#follows(text)) throw notUnderstood();
    this.#at += text.length;
  }

  /** `(`, items with commas between them, `)`. */
  list<T>(item: () => T): T[] {
    this.expect(code.open);
    const items: T[] = [];
    do {
      this.skipSpace();
      items.push(item());
    } while (this.skip(code.comma));
    this.expect(code.close);
    return items;
  }

  name(): string {
    this.expect(code.backtick);
    let text = '';
    for (;;) {
      const end = this.#bytes.indexOf(code.backtick, this.#at);
      if (end < 0) throw notUnderstood();
      text += this.#bytes.toString('utf8', this.#at, end);
      this.#at = end + 1;
      if (!this.skip(code.backtick)) return text;
      text += '`';
    }
  }

  value(): Buffer | null {
    if (this.#bytes[this.#at] === binaryIntroducer[0]) this.literal(binaryIntroducer);
    if (this.skip(code.quote)) return this.#string();
    const start = this.#at;
    while (this.#at < this.#bytes.length && !this.#endsBare()) this.#at += 1;
    const text = this.#bytes.subarray(start, this.#at);
    return bareValue(text.toString('latin1'), text);
  }

  #follows(text: Buffer): boolean {
    return this.#bytes.subarray(this.#at, this.#at + text.length).equals(text);
  }

  #endsBare(): boolean {
    const byte = this.#bytes[this.#at];
    return byte === code.comma || byte === code.close;
  }

  /** After its opening quote. */
  #string(): Buffer {
    const start = this.#at;
    let escaped = false;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw notUnderstood();
      this.#at += 1;
      if (byte === code.backslash) {
        escaped = true;
        this.#at += 1;
      } else if (byte === code.quote) {
        if (!this.skip(code.quote)) break;
        escaped = true;
      }
    }
    const raw = this.#bytes.subarray(start, this.#at - 1);
    return escaped ? unescaped(raw) : raw;
  }
}

const hexadecimal = /^0x([0-9A-Fa-f]*)$/;
const bits = /^b'([01]*)'$/;
const number = /^-?[0-9]/;

function bareValue(text: string, bytes: Buffer): Buffer | null {
  if (text === 'NULL') return null;
  const hex = hexadecimal.exec(text);
  if (hex !== null) return Buffer.from(hex[1] ?? '', 'hex');
  const bit = bits.exec(text);
  if (bit !== null) return bitBytes(bit[1] ?? '');
  if (number.test(text)) return bytes;
  throw notUnderstood();
}

function bitBytes(digits: string): Buffer {
  const hex = BigInt(`0b${digits}`).toString(16);
  return Buffer.from(hex.padStart(Math.ceil(digits.length / 8) * 2, '0'), 'hex');
}

const escapes: Readonly<Record<number, number>> = {
  48: 0x00,
  110: 0x0a,
  114: 0x0d,
  116: 0x09,
  98: 0x08,
  90: 0x1a,
};

function unescaped(raw: Buffer): Buffer {
  const result = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at += 1) {
    let byte = raw[at] as number;
    if (byte === code.backslash) {
      at += 1;
      const letter = raw[at] as number;
      byte = escapes[letter] ?? letter;
    } else if (byte === code.quote) {
      at += 1;
    }
    result[length] = byte;
    length += 1;
  }
  return result.subarray(0, length);
}

export function notUnderstood(): WatcherError {
  return new WatcherError('mysqldump_failed', {
    message: 'The dump program prints what is not understood',
    remedy: 'Use mysqldump of MySQL 5.6 or later, or mariadb-dump; or set dump.method: native.',
  });
}
