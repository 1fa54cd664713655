import { expect, test } from 'vitest';
import { GtidSet } from '../../../../src/drivers/mysql/binlog/gtid-set.ts';
import { decodeGtidSet } from '../../../../src/drivers/mysql/binlog/gtid-set-binary.ts';
import {
  dumpCommand,
  dumpGtidCommand,
  registerCommand,
  replicaHost,
} from '../../../../src/drivers/mysql/log-commands.ts';

test('by file and offset', () => {
  const command = dumpCommand(
    0x01020304,
    { file: 'b.1', offset: 0xfffffffe },
    { heartbeatV2: true },
  );
  expect(command.toString('hex')).toBe(
    '0e000000' + '12' + 'feffffff' + '0200' + '04030201' + '622e31',
  );
});

test('by GTIDs, with tags', () => {
  const text = '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:9:tag:1-3';
  const command = dumpGtidCommand(7, GtidSet.parse(text), { heartbeatV2: false });
  expect(command.readUIntLE(0, 3)).toBe(command.length - 4);
  expect(command.subarray(3, 27).toString('hex')).toBe(
    '00' +
      '1e' +
      '0000' +
      '07000000' +
      '00000000' +
      '0400000000000000' +
      command.subarray(23, 27).toString('hex'),
  );
  expect(command.readUInt32LE(23)).toBe(command.length - 27);
  expect(decodeGtidSet(command.subarray(27)).format()).toBe(text);
});

test('as a replica, by a name that fits into the older servers', () => {
  expect(registerCommand(7, 'me').toString('hex')).toBe(
    ['14000000', '15', '07000000', '026d65', '00'.repeat(12)].join(''),
  );
  expect(replicaHost(`watcher ${'x'.repeat(80)}`)).toHaveLength(60);
  expect(replicaHost('é\n')).toBe('???');
});
