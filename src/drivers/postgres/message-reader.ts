/**
 * Reads the fields of one message of the logical replication protocol, in order. Every read is checked
 * against the end of the message: a truncated one is a WatcherError `unsupported_event`, never a wrong value.
 * Source: PostgreSQL documentation, "Message Data Types" and "Logical Replication Message Formats".
 */
import { constants } from 'node:buffer';
import { WatcherError } from '../../errors.ts';

/** Stands for a value that the log omits because it is unchanged and stored out of line (TOAST). */
export const unchanged: unique symbol = Symbol('unchanged');

export type TupleValue = string | null | typeof unchanged;

/** The values of a row in text format, in the order of the Relation message's columns. */
export type Tuple = readonly TupleValue[];

const nonAscii = /[\x80-\xff]/;

const byteN = 0x6e; // n
const byteT = 0x74; // t
const byteU = 0x75; // u

/** 2000-01-01 00:00 UTC, the epoch of PostgreSQL's timestamps, as Unix time. */
export const postgresEpochMs = 946_684_800_000;

export class MessageReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #offset: number;
  /**
   * The rest of the message from the first tuple on, a character per byte: one call out of JavaScript and a
   * substring per value are three times as fast as one call per value.
   */
  #latin1 = '';
  #latin1Start = -1;
  #ascii = false;

  constructor(bytes: Buffer, offset: number) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = bytes.length;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  /** Also an oid or an xid. */
  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8));
  }

  /** Microseconds since 2000-01-01, cut to milliseconds. */
  timestamp(): Date {
    const microseconds = this.#bytes.readBigInt64BE(this.#take(8));
    return new Date(Math.floor(Number(microseconds) / 1000) + postgresEpochMs);
  }

  /** Zero-terminated. */
  string(): string {
    const start = this.#offset;
    const zero = this.#bytes.indexOf(0, start);
    if (zero === -1) throw truncated();
    this.#offset = zero + 1;
    return this.#bytes.toString('utf8', start, zero);
  }

  /** A view of `length` bytes. */
  bytes(length: number): Buffer {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** How many elements of `sizeBytes` a list has: its length field, if the message can hold so many. */
  count(sizeBytes: number): number {
    const count = this.uint32();
    if (count * sizeBytes > this.#end - this.#offset) throw truncated();
    return count;
  }

  /** TupleData. */
  tuple(): Tuple {
    const count = this.uint16();
    if (this.#latin1Start === -1) this.#prepareText();
    const values = new Array<TupleValue>(count);
    for (let column = 0; column < count; column++) {
      const kind = this.uint8();
      if (kind === byteT) values[column] = this.#text();
      else if (kind === byteN) values[column] = null;
      else if (kind === byteU) values[column] = unchanged;
      else throw malformed(`column format ${describeByte(kind)}`);
    }
    return values;
  }

  finish(): void {
    if (this.#offset !== this.#end) throw malformed('bytes after its end');
  }

  #text(): string {
    const length = this.uint32();
    const start = this.#take(length);
    const end = start + length;
    const text = this.#latin1.substring(start - this.#latin1Start, end - this.#latin1Start);
    if (this.#ascii || !nonAscii.test(text)) return text;
    return this.#bytes.toString('utf8', start, end);
  }

  #prepareText(): void {
    if (this.#end > constants.MAX_STRING_LENGTH) throw new WatcherError('row_too_large');
    this.#latin1Start = this.#offset;
    this.#latin1 = this.#bytes.toString('latin1', this.#offset, this.#end);
    this.#ascii = !nonAscii.test(this.#latin1);
  }

  #take(length: number): number {
    const start = this.#offset;
    const next = start + length;
    if (next > this.#end) throw truncated();
    this.#offset = next;
    return start;
  }
}

export function malformed(what: string): WatcherError {
  return new WatcherError('unsupported_event', {
    message: `The replication stream holds a message that is not understood: ${what}`,
  });
}

export function describeByte(byte: number): string {
  const printable = byte > 0x20 && byte < 0x7f;
  return printable ? `'${String.fromCharCode(byte)}'` : `0x${byte.toString(16).padStart(2, '0')}`;
}

function truncated(): WatcherError {
  return malformed('it is truncated');
}
