/**
 * Bytes from the socket → payloads of packets. A payload of 2^24 - 1 bytes or more comes in several packets, of which
 * the last is shorter, if need be empty. Source: MySQL, "Protocol Basics: Sending More Than 16Mb".
 * The sequence numbers are not looked at: an event says how long it is, and has a checksum.
 */
import { malformed } from './binlog/reader.ts';

const packetHeaderBytes = 4;
const longestPacket = 0xff_ffff;
/** In the payload: a status byte, then the header of the event. */
const eventSizeOffset = 1 + 9;
const statusBytes = 1;
/** max_allowed_packet is 1 GiB at most, and an event may be a little longer. */
const maxEventBytes = 0x4000_0000 + 0x10_0000;

export type TakePayload = (bytes: Buffer, start: number, end: number) => void;

const empty = Buffer.alloc(0);

export class PacketSplitter {
  /** The beginning of a packet header. */
  #head: Buffer = empty;
  /** What is put together, from several chunks or packets; null: nothing is. */
  #payload: Buffer | null = null;
  #filled = 0;
  /** Bytes of the current packet that are still to come. */
  #missing = 0;
  #continues = false;

  /**
   * Hands out the payloads that end in this chunk: from where to where, of which bytes. Those are the chunk, where it
   * has the payload whole; they are never written to again.
   * @throws WatcherError `unsupported_event` when an event over 16 MB is longer than it says.
   */
  push(chunk: Buffer, take: TakePayload): void {
    let bytes = chunk;
    if (this.#head.length > 0) {
      bytes = Buffer.concat([this.#head, chunk]);
      this.#head = empty;
    }
    let at = 0;
    for (;;) {
      if (this.#missing > 0) {
        at = this.#fill(bytes, at);
        if (this.#missing > 0) return;
        this.#endOfPacket(take);
      }
      if (bytes.length - at < packetHeaderBytes) break;
      const length = bytes.readUIntLE(at, 3);
      at += packetHeaderBytes;
      if (this.#payload === null && length < longestPacket && at + length <= bytes.length) {
        take(bytes, at, at + length);
        at += length;
        continue;
      }
      this.#begin(length);
      if (length === 0) this.#endOfPacket(take);
    }
    this.#head = bytes.subarray(at);
  }

  #begin(length: number): void {
    if (this.#payload === null) {
      this.#payload = Buffer.allocUnsafe(length);
      this.#filled = 0;
    } else if (this.#filled + length > this.#payload.length) {
      throw malformed('longer than its size field');
    }
    this.#missing = length;
    this.#continues = length === longestPacket;
  }

  #fill(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#missing);
    if (this.#payload !== null) bytes.copy(this.#payload, this.#filled, at, end);
    this.#filled += end - at;
    this.#missing -= end - at;
    return end;
  }

  #endOfPacket(take: TakePayload): void {
    const payload = this.#payload;
    if (payload === null) return;
    if (!this.#continues) {
      this.#payload = null;
      take(payload, 0, this.#filled);
    } else if (this.#filled === longestPacket) {
      this.#payload = wholeEvent(payload);
    }
  }
}

/** Room for all of the event, whose size is in its header: it is put together without being copied again. */
function wholeEvent(first: Buffer): Buffer {
  const size = first.readUInt32LE(eventSizeOffset);
  if (size > maxEventBytes) throw malformed(`an event of ${size} bytes`);
  const whole = Buffer.allocUnsafe(Math.max(statusBytes + size, first.length));
  first.copy(whole);
  return whole;
}
