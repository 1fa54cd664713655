/**
 * Bytes of a character set → text, as the server converts them: what a SELECT with utf8mb4 results gives.
 * Bytes that are no character of the set (the server never stores them) are `unsupported_value`.
 */
import { TextDecoder } from 'node:util';
import { ByteReader, unsupportedValue } from '../reader.ts';
import { type MultiByteTable, multiByteTable } from './charset-multi-byte.ts';
import { runs } from './charset-runs.ts';
import { singleByteRuns } from './charset-single-byte.ts';
import { charsetOfCollation } from './collations.ts';

/** Reads `length` bytes as text. */
export type TextReader = (reader: ByteReader, length: number) => string;

export const utf8Reader: TextReader = (reader, length) => reader.text(length);

const readers = new Map<string, TextReader>([
  ['utf8', utf8Reader],
  ['utf8mb3', utf8Reader],
  ['utf8mb4', utf8Reader],
  ['ucs2', utf16BigEndian],
  ['utf16', utf16BigEndian],
  ['utf16le', utf16LittleEndian],
  ['utf32', utf32],
]);

/** @throws WatcherError `unsupported_value`, which names the charset, when it is not known. */
export function textReader(charset: string): TextReader {
  const known = readers.get(charset);
  if (known !== undefined) return known;
  const made = singleByteReader(charset) ?? multiByteReader(charset);
  if (made === null) throw unsupportedValue(`charset ${charset} is not known`);
  readers.set(charset, made);
  return made;
}

/** For statements, which are only looked at for names: what cannot be decoded becomes U+FFFD. */
export function decodeLenient(bytes: Buffer, collation: number | null): string {
  try {
    const charset = collation === null ? 'utf8mb4' : charsetOfCollation(collation);
    return textReader(charset)(new ByteReader(bytes), bytes.length);
  } catch {
    return bytes.toString('utf8'); // a client may send any bytes inside a literal
  }
}

const nonAscii = /[\x80-\xff]/;

function singleByteReader(charset: string): TextReader | null {
  const text = singleByteRuns[charset];
  if (text === undefined) return null;
  const table = Array.from({ length: 256 }, (_, byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : '?',
  );
  let asciiIsAscii = true;
  for (const { code, codePoint, count } of runs(text)) {
    if (code < 0x80) asciiIsAscii = false;
    for (let index = 0; index < count; index++) {
      table[code + index] = String.fromCharCode(codePoint + index);
    }
  }
  return (reader, length) => {
    const start = reader.take(length);
    const latin1 = reader.bytes.toString('latin1', start, start + length);
    if (asciiIsAscii && !nonAscii.test(latin1)) return latin1;
    let result = '';
    for (let at = start; at < start + length; at++) result += table[reader.bytes[at] ?? 0];
    return result;
  };
}

function multiByteReader(charset: string): TextReader | null {
  const table = multiByteTable(charset);
  if (table === null) return null;
  const fourBytes = charset === 'gb18030' ? new TextDecoder('gb18030', { fatal: true }) : null;
  return (reader, length) => {
    const start = reader.take(length);
    const latin1 = reader.bytes.toString('latin1', start, start + length);
    if (!nonAscii.test(latin1)) return latin1;
    return decodeMultiByte(latin1, table, fourBytes, charset);
  };
}

function decodeMultiByte(
  bytes: string,
  table: MultiByteTable,
  fourBytes: TextDecoder | null,
  charset: string,
): string {
  let result = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes.charCodeAt(at);
    const trail = bytes.charCodeAt(at + 1); // NaN at the end: code 00, which no lead byte has
    const one = table.one[lead] ?? 0;
    const two = table.two[(lead << 8) | trail] ?? 0;
    if (one !== 0 || lead === 0) {
      result += String.fromCharCode(one);
      at += 1;
    } else if (lead === 0x8f && table.three !== null) {
      result += character(table.three[(trail << 8) | bytes.charCodeAt(at + 2)], charset);
      at += 3;
    } else if (two === 0 && fourBytes !== null) {
      result += decodeFour(bytes.slice(at, at + 4), fourBytes, charset);
      at += 4;
    } else {
      result += character(two, charset);
      at += 2;
    }
  }
  return result;
}

function character(unit: number | undefined, charset: string): string {
  if (unit === undefined || unit === 0) throw notOfCharset(charset);
  return String.fromCharCode(unit);
}

function decodeFour(bytes: string, decoder: TextDecoder, charset: string): string {
  try {
    return decoder.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    throw notOfCharset(charset);
  }
}

function utf16LittleEndian(reader: ByteReader, length: number): string {
  const start = reader.take(length);
  return checkedUtf16(reader.bytes.toString('utf16le', start, start + length), length);
}

function utf16BigEndian(reader: ByteReader, length: number): string {
  const bytes = Buffer.from(reader.view(length));
  if (length % 2 !== 0) throw notOfCharset('utf16');
  return checkedUtf16(bytes.swap16().toString('utf16le'), length);
}

const loneSurrogate = /\p{Surrogate}/u;

function checkedUtf16(text: string, length: number): string {
  if (length % 2 !== 0 || loneSurrogate.test(text)) throw notOfCharset('utf16');
  return text;
}

function utf32(reader: ByteReader, length: number): string {
  if (length % 4 !== 0) throw notOfCharset('utf32');
  let result = '';
  for (let at = 0; at < length; at += 4) {
    const codePoint = reader.uintBE(4);
    const surrogate = codePoint >= 0xd800 && codePoint < 0xe000;
    if (codePoint > 0x10ffff || surrogate) throw notOfCharset('utf32');
    result += String.fromCodePoint(codePoint);
  }
  return result;
}

function notOfCharset(charset: string) {
  return unsupportedValue(`bytes that are not valid in charset ${charset}`);
}
