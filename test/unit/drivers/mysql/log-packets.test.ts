import { describe, expect, test } from 'vitest';
import { PacketSplitter } from '../../../../src/drivers/mysql/log-packets.ts';

const longest = 0xff_ffff;

function packet(body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  return Buffer.concat([header, body]);
}

/** As the server cuts it: a payload of a multiple of 2^24 - 1 ends with an empty packet. */
function packets(payload: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at <= payload.length; at += longest) {
    parts.push(packet(payload.subarray(at, at + longest)));
  }
  return Buffer.concat(parts);
}

function split(bytes: Buffer, chunkBytes: number): Buffer[] {
  const splitter = new PacketSplitter();
  const payloads: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    splitter.push(bytes.subarray(at, at + chunkBytes), (whole, start, end) =>
      payloads.push(whole.subarray(start, end)),
    );
  }
  return payloads;
}

/** With its size in the header, as the first packet of an event has it. */
function eventPayload(size: number): Buffer {
  const payload = Buffer.alloc(1 + size, 'abcdefg');
  payload[0] = 0;
  payload.writeUInt32LE(size, 10);
  return payload;
}

test.each([1, 2, 3, 4, 5, 7, 64, 1000])(
  'payloads come out as they went in, %d bytes at a time',
  (size) => {
    const bodies = [0, 1, 3, 4, 5, 200, 255, 256, 300].map((length) =>
      Buffer.alloc(length, length),
    );
    expect(split(Buffer.concat(bodies.map(packet)), size)).toEqual(bodies);
  },
);

describe('payloads over 16 MB', () => {
  test.each([longest - 1, longest, longest + 1, 2 * longest - 1, 2 * longest, 2 * longest + 1])(
    'of %d bytes, and what follows them',
    (length) => {
      const payload = eventPayload(length - 1);
      const next = Buffer.from('next');
      const bytes = Buffer.concat([packets(payload), packet(next)]);
      for (const chunkBytes of [65_536, 1_000_003, bytes.length]) {
        const [first, second, ...more] = split(bytes, chunkBytes);
        expect(first?.equals(payload)).toBe(true);
        expect(second).toEqual(next);
        expect(more).toEqual([]);
      }
    },
  );

  test('one that is longer than it says is refused', () => {
    const payload = eventPayload(longest + 100);
    payload.writeUInt32LE(longest + 10, 10);
    expect(() => split(packets(payload), 65_536)).toThrow(
      expect.objectContaining({ code: 'unsupported_event' }),
    );
  });

  test('no memory is set aside for a size that no event has', () => {
    const payload = eventPayload(longest + 100);
    payload.writeUInt32LE(0xf000_0000, 10);
    expect(() => split(packets(payload), 65_536)).toThrow(
      expect.objectContaining({ code: 'unsupported_event' }),
    );
  });
});
