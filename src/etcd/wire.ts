/**
 * The wire format of Protocol Buffers, as far as etcd's messages use it: varints and length-delimited fields.
 * https://protobuf.dev/programming-guides/encoding/
 */

const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;
const wireFixed32 = 5;

/**
 * Lengths of nested messages are varints padded to this many bytes (28 bits, 256 MiB), so that a message is
 * written in one pass: its length is filled in when it is closed. Every decoder takes padded varints.
 */
const paddedLengthBytes = 4;
const maxPaddedLength = 2 ** 28 - 1;

/** Writes one message into one buffer that grows. */
export class Writer {
  #buffer: Buffer;
  #length = 0;

  /** @param space a buffer to write into while it is large enough, or the bytes to begin with. */
  constructor(space: Buffer | number = 256) {
    this.#buffer = typeof space === 'number' ? Buffer.allocUnsafeSlow(space) : space;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  int64(field: number, value: bigint): void {
    this.#reserve(15);
    this.#varint(field * 8 + wireVarint);
    if (value >= 0n && value <= 0x1fffffffffffffn) {
      this.#varint(Number(value));
      return;
    }
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  /** A small unsigned number: an enum or a boolean. */
  uint(field: number, value: number): void {
    this.#reserve(15);
    this.#varint(field * 8 + wireVarint);
    this.#varint(value);
  }

  string(field: number, value: string): void {
    const bytes = Buffer.byteLength(value);
    this.#reserve(bytes + 15);
    this.#varint(field * 8 + wireBytes);
    this.#varint(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  /** Begins a nested message; the result is for `close`. */
  open(field: number): number {
    this.#reserve(5 + paddedLengthBytes);
    this.#varint(field * 8 + wireBytes);
    this.#length += paddedLengthBytes;
    return this.#length;
  }

  close(start: number): void {
    const length = this.#length - start;
    if (length > maxPaddedLength) throw new RangeError(`a message of ${length} bytes is too long`);
    const buffer = this.#buffer;
    buffer[start - 4] = (length & 0x7f) | 0x80;
    buffer[start - 3] = ((length >>> 7) & 0x7f) | 0x80;
    buffer[start - 2] = ((length >>> 14) & 0x7f) | 0x80;
    buffer[start - 1] = length >>> 21;
  }

  /** The message: a view, which no later write may follow. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Reads the fields of one message in the order in which they come. A field that is not read must be skipped. */
export class Reader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #position: number;
  #wireType = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#position = start;
    this.#end = end;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#position;
  }

  /** The number of the next field; 0 at the end of the message. */
  next(): number {
    if (this.#position >= this.#end) return 0;
    const tag = this.uint();
    this.#wireType = tag % 8;
    return Math.floor(tag / 8);
  }

  /** @throws RangeError when the value is beyond 2^53. */
  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new RangeError('a varint does not fit a number');
    return value;
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  int64(): bigint {
    // Seven groups of seven bits are exact in a number; bigint arithmetic is only for what is longer.
    let low = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 0x80) {
      const byte = this.#byte();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new RangeError('a varint is longer than ten bytes');
  }

  string(): string {
    const end = this.#delimited();
    const text = this.#buffer.toString('utf8', this.#position, end);
    this.#position = end;
    return text;
  }

  message(): Reader {
    const end = this.#delimited();
    const reader = new Reader(this.#buffer, this.#position, end);
    this.#position = end;
    return reader;
  }

  skip(): void {
    if (this.#wireType === wireVarint) this.int64();
    else if (this.#wireType === wireBytes) this.#position = this.#delimited();
    else if (this.#wireType === wireFixed64) this.#position += 8;
    else if (this.#wireType === wireFixed32) this.#position += 4;
    else throw new RangeError(`wire type ${this.#wireType} is not known`);
  }

  /** Where the length-delimited value that comes now ends. */
  #delimited(): number {
    const length = this.uint();
    const end = this.#position + length;
    if (end > this.#end) throw new RangeError('a message ends before its last field');
    return end;
  }

  #byte(): number {
    if (this.#position >= this.#end) throw new RangeError('a message ends within a varint');
    return this.#buffer[this.#position++] ?? 0;
  }
}
