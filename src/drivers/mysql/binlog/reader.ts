/**
 * Reads the primitives of binlog events, in order. Every read is checked against the end: a truncated event is a
 * WatcherError `unsupported_event`, never a wrong value.
 * Source: MySQL Source Code Documentation, "Binary Log Events"; MariaDB Knowledge Base, "Replication Protocol".
 */
import { constants, isUtf8 } from 'node:buffer';
import { WatcherError } from '../../../errors.ts';

const nonAscii = /[\x80-\xff]/;
/** Not ASCII, or with an escape in JSON. */
const needsWork = /["\\\x00-\x1f\x80-\xff]/;

export class ByteReader {
  bytes: Buffer;
  end: number;
  offset: number;
  /**
   * What follows the first text, a character per byte: one call out of JavaScript and a substring per value are
   * several times as fast as one call per value.
   */
  #latin1 = '';
  #latin1Start = -1;
  #ascii = false;

  constructor(bytes: Buffer, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  /** Reads something else from now on. For what is read many times a second: a reader each time is garbage. */
  reset(bytes: Buffer, offset = 0, end = bytes.length): this {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
    this.#latin1Start = -1;
    return this;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  uint8(): number {
    return this.bytes.readUInt8(this.take(1));
  }

  int8(): number {
    return this.bytes.readInt8(this.take(1));
  }

  uint16(): number {
    return this.bytes.readUInt16LE(this.take(2));
  }

  int16(): number {
    return this.bytes.readInt16LE(this.take(2));
  }

  uint24(): number {
    const at = this.take(3);
    return this.bytes.readUInt16LE(at) | (this.bytes.readUInt8(at + 2) << 16);
  }

  int24(): number {
    return (this.uint24() << 8) >> 8;
  }

  uint32(): number {
    return this.bytes.readUInt32LE(this.take(4));
  }

  int32(): number {
    return this.bytes.readInt32LE(this.take(4));
  }

  uint48(): number {
    return this.bytes.readUIntLE(this.take(6), 6);
  }

  uint64(): bigint {
    return this.bytes.readBigUInt64LE(this.take(8));
  }

  int64(): bigint {
    return this.bytes.readBigInt64LE(this.take(8));
  }

  float(): number {
    return this.bytes.readFloatLE(this.take(4));
  }

  double(): number {
    return this.bytes.readDoubleLE(this.take(8));
  }

  /** Big-endian, 1 to 6 bytes. */
  uintBE(length: number): number {
    return this.bytes.readUIntBE(this.take(length), length);
  }

  /** Little-endian, 1 to 6 bytes. */
  uint(length: number): number {
    if (length === 1) return this.uint8();
    if (length === 2) return this.uint16();
    // How long a length is says the table map, which may be damaged.
    if (length < 1 || length > 6) throw malformed(`an integer of ${length} bytes`);
    return this.bytes.readUIntLE(this.take(length), length);
  }

  /** A length-encoded integer of the client/server protocol; 0xfb (NULL) and 0xff are refused. */
  lengthEncoded(): number {
    const first = this.uint8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.uint16();
    if (first === 0xfd) return this.uint24();
    if (first !== 0xfe) throw malformed(`length prefix ${first}`);
    const value = this.uint64();
    if (value > Number.MAX_SAFE_INTEGER) throw malformed('a length of more than 2^53');
    return Number(value);
  }

  /** A view of `length` bytes. */
  view(length: number): Buffer {
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }

  rest(): Buffer {
    return this.view(this.remaining);
  }

  /** UTF-8, as the text of a JSON string. @throws WatcherError `unsupported_value` when it is not valid. */
  quotedText(length: number): string {
    const start = this.take(length);
    if (this.#latin1Start === -1) this.#prepareText(start);
    if (this.#latin1Start !== -1 && start >= this.#latin1Start) {
      const at = start - this.#latin1Start;
      const text = this.#latin1.substring(at, at + length);
      if (!needsWork.test(text)) return `"${text}"`;
    }
    return JSON.stringify(utf8(this.bytes, start, start + length));
  }

  /** UTF-8. @throws WatcherError `unsupported_value` when it is not valid. */
  text(length: number): string {
    const start = this.take(length);
    const end = start + length;
    if (this.#latin1Start === -1) this.#prepareText(start);
    if (this.#latin1Start !== -1 && start >= this.#latin1Start) {
      const text = this.#latin1.substring(start - this.#latin1Start, end - this.#latin1Start);
      if (this.#ascii || !nonAscii.test(text)) return text;
    }
    return utf8(this.bytes, start, end);
  }

  /** UTF-8 up to a zero byte, which is skipped. */
  zeroTerminated(): string {
    const zero = this.bytes.indexOf(0, this.offset);
    if (zero === -1 || zero >= this.end) throw truncated();
    const text = utf8(this.bytes, this.offset, zero);
    this.offset = zero + 1;
    return text;
  }

  skip(length: number): void {
    this.take(length);
  }

  finish(): void {
    if (this.offset !== this.end) throw malformed('bytes after its end');
  }

  /** Goes past `length` bytes. @returns where they start */
  take(length: number): number {
    const start = this.offset;
    const next = start + length;
    if (next > this.end) throw truncated();
    this.offset = next;
    return start;
  }

  #prepareText(start: number): void {
    if (this.end - start > constants.MAX_STRING_LENGTH) return;
    this.#latin1Start = start;
    this.#latin1 = this.bytes.toString('latin1', start, this.end);
    this.#ascii = !nonAscii.test(this.#latin1);
  }
}

function utf8(bytes: Buffer, start: number, end: number): string {
  if (end - start > constants.MAX_STRING_LENGTH) throw new WatcherError('row_too_large');
  const text = bytes.toString('utf8', start, end);
  // The replacement character stands for invalid bytes, or for itself.
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
    throw unsupportedValue('text that is not valid UTF-8');
  }
  return text;
}

export function malformed(what: string, cause?: unknown): WatcherError {
  return new WatcherError('unsupported_event', {
    message: `The binlog holds an event that is not understood: ${what}`,
    cause,
  });
}

export function truncated(): WatcherError {
  return malformed('it is truncated');
}

/** `what` follows "a value of … holds"; never the value itself. */
export function unsupportedValue(what: string): WatcherError {
  return new WatcherError('unsupported_value', {
    message: `A value cannot be represented: ${what}`,
  });
}
