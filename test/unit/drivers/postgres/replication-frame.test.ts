import { expect, test } from 'vitest';
import { decodePgoutput } from '../../../../src/drivers/postgres/pgoutput.ts';
import {
  encodeStatusUpdate,
  frameKind,
  parseKeepalive,
  parseXLogDataHeader,
  xlogDataHeaderBytes,
} from '../../../../src/drivers/postgres/replication-frame.ts';

const refused = expect.objectContaining({ code: 'unsupported_event' });
const y2k = '0000000000000000';

test('XLogData', () => {
  const frame = Buffer.from(`77000000010000000200000001000000ff${y2k}490000401d4e00016e`, 'hex');
  expect(frameKind(frame)).toBe('xlogdata');
  expect(parseXLogDataHeader(frame)).toEqual({
    walStart: 0x100000002n,
    walEnd: 0x1000000ffn,
    sentAt: new Date('2000-01-01T00:00:00Z'),
  });
  expect(decodePgoutput(frame, xlogDataHeaderBytes)).toMatchObject({ type: 'insert', new: [null] });
});

test('keepalive', () => {
  const frame = Buffer.from(`6b00000001000000ff00000000000f424001`, 'hex');
  expect(frameKind(frame)).toBe('keepalive');
  expect(parseKeepalive(frame)).toEqual({
    walEnd: 0x1000000ffn,
    sentAt: new Date('2000-01-01T00:00:01Z'),
    replyRequested: true,
  });
});

test.each([
  ['empty', ''],
  ['unknown', '7a00'],
  ['XLogData without its header', `770000000100000002${y2k}00000000000000`],
])('%s is refused', (_name, hex) => {
  expect(() => frameKind(Buffer.from(hex, 'hex'))).toThrow(refused);
});

test.each([
  ['truncated', `6b00000001000000ff${y2k}`],
  ['too long', `6b00000001000000ff${y2k}0000`],
])('a keepalive that is %s is refused', (_name, hex) => {
  expect(() => parseKeepalive(Buffer.from(hex, 'hex'))).toThrow(refused);
});

test('status update', () => {
  const frame = encodeStatusUpdate({
    written: 3n,
    flushed: 2n,
    applied: 0xffffffffffffffffn,
    sentAt: new Date('2000-01-01T00:00:00.001Z'),
    replyRequested: true,
  });
  expect(frame.toString('hex')).toBe(
    '72000000000000000300000000000000' + '02ffffffffffffffff00000000000003e801',
  );
});
