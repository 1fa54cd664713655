import { beforeAll, describe, expect, test } from 'vitest';
import type { TransactionPayload } from '../../../../src/drivers/mysql/binlog/payload.ts';
import { PayloadSplitter } from '../../../../src/drivers/mysql/binlog/payload.ts';
import { loadZstd, payloadEvents } from '../../../../src/drivers/mysql/log-payload.ts';
import { cpuMsOf } from '../../../support/cpu-time.ts';
import { eventBytes, events } from './binlog/fixtures.ts';

const captured = events('mysql-9.7/compressed').filter(
  (event): event is Extract<typeof event, TransactionPayload> =>
    event.type === 'transaction_payload',
);
const plain = eventBytes('mysql-9.7/compressed-payloads');

/** Over 256 KiB, so that it is unpacked piece by piece: raw and repeated blocks of zstd, by hand. */
function large(megabytes: number): TransactionPayload {
  const size = megabytes * 1024 * 1024;
  const event = Buffer.alloc(19);
  event.writeUInt32LE(size, 9);
  const block = 128 * 1024;
  const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
  // No content size, a window of 128 KiB.
  const frame = [magic, Buffer.from([0x00, 0x38]), blockHeader(event.length, 0, false), event];
  let left = size - event.length;
  while (left > 0) {
    const length = Math.min(left, block);
    left -= length;
    frame.push(blockHeader(length, 1, left === 0), Buffer.from('x'));
  }
  const payload = Buffer.concat(frame);
  return { type: 'transaction_payload', compression: 'zstd', uncompressedBytes: size, payload };
}

function blockHeader(length: number, type: 0 | 1, last: boolean): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((length << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return header;
}

beforeAll(loadZstd);

test('small ones', () => {
  expect(captured.length).toBeGreaterThan(0);
  for (const [index, payload] of captured.entries()) {
    const found = [...payloadEvents(payload)].flat();
    expect(Buffer.concat(found)).toEqual(plain[index]);
  }
});

test('one that is not compressed', () => {
  const [bytes = Buffer.alloc(0)] = plain;
  const payload: TransactionPayload = {
    type: 'transaction_payload',
    compression: 'none',
    uncompressedBytes: bytes.length,
    payload: bytes,
  };
  expect(Buffer.concat([...payloadEvents(payload)].flat())).toEqual(bytes);
});

test('a large one, and one that is left in the middle', () => {
  const payload = large(3);
  const [event] = [...payloadEvents(payload)].flat();
  expect(event?.length).toBe(payload.uncompressedBytes);
  expect(event?.subarray(19).every((byte) => byte === 0x78)).toBe(true);
  for (const _ of payloadEvents(payload)) break;
  expect([...payloadEvents(payload)].flat()).toHaveLength(1);
});

describe('damage is an error, and no hang', () => {
  const damaged = expect.objectContaining({ code: 'unsupported_event' });
  const unpack = (payload: TransactionPayload) => () => [...payloadEvents(payload)];

  test('cut off', () => {
    for (const payload of [...captured, large(1)]) {
      for (const length of [0, 1, 5, 20, payload.payload.length - 1]) {
        expect(unpack({ ...payload, payload: payload.payload.subarray(0, length) })).toThrow(
          damaged,
        );
      }
    }
  });

  test('another length than it says', () => {
    const [payload] = captured;
    if (payload === undefined) throw new Error('no fixture');
    for (const more of [-1, 1, 1_000_000]) {
      const uncompressedBytes = payload.uncompressedBytes + more;
      expect(unpack({ ...payload, uncompressedBytes })).toThrow(damaged);
    }
  });

  test('bytes that are changed', () => {
    for (const payload of [...captured, large(1)]) {
      for (let at = 0; at < Math.min(payload.payload.length, 60); at++) {
        const bytes = Buffer.from(payload.payload);
        bytes[at] = (bytes[at] ?? 0) ^ 0xff;
        try {
          [...payloadEvents({ ...payload, payload: bytes })];
        } catch (error) {
          expect(error).toEqual(damaged);
        }
      }
    }
  });
});

test('an event in many pieces is put together once', () => {
  const splitter = new PayloadSplitter();
  const size = 64 * 1024 * 1024;
  const event = Buffer.alloc(size);
  event.writeUInt32LE(size, 9);
  const pieces: Buffer[] = [];
  for (let at = 0; at < size; at += 16_384) pieces.push(event.subarray(at, at + 16_384));
  let found: Buffer[] = [];
  const split = cpuMsOf(() => {
    found = pieces.flatMap((piece) => splitter.push(piece));
    splitter.finish();
  });
  expect(found.map(({ length }) => length)).toEqual([size]);
  // Put together with each of its 4,096 pieces, it would take thousands of times as long as a copy.
  expect(split / cpuMsOf(() => Buffer.concat(pieces))).toBeLessThan(100);
});
