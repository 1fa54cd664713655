/**
 * The commands by which a replica asks for the log, as whole packets. Pure.
 * Source: MySQL Source Code Documentation, "COM_BINLOG_DUMP", "COM_BINLOG_DUMP_GTID", "COM_REGISTER_SLAVE".
 */
import type { GtidSet } from './binlog/gtid-set.ts';
import { encodeGtidSet } from './binlog/gtid-set-binary.ts';
import type { LogPlace } from './log-place.ts';

const commands = { binlogDump: 0x12, registerReplica: 0x15, binlogDumpGtid: 0x1e } as const;

/** USE_HEARTBEAT_EVENT_V2, MySQL 8.0.26 and later: heartbeats have offsets of 64 bits. */
const heartbeatV2 = 0x02;

/** Of a file, without its magic number. */
export const startOfFile = 4;

/** COM_BINLOG_DUMP has an offset of 32 bits. */
export const largestRequestOffset = 0xffff_ffff;

/** HOSTNAME_LENGTH of the older servers. */
const maxHostBytes = 60;

/** From a place on. `file` empty: from the place that @slave_connect_state says (MariaDB). */
export function dumpCommand(
  serverId: number,
  { file, offset }: LogPlace,
  flags: { readonly heartbeatV2: boolean },
): Buffer {
  const name = Buffer.from(file);
  const body = Buffer.alloc(11);
  body.writeUInt8(commands.binlogDump, 0);
  body.writeUInt32LE(offset, 1);
  body.writeUInt16LE(flags.heartbeatV2 ? heartbeatV2 : 0, 5);
  body.writeUInt32LE(serverId, 7);
  return packet([body, name]);
}

/** All transactions that are not in the set. */
export function dumpGtidCommand(
  serverId: number,
  executed: GtidSet,
  flags: { readonly heartbeatV2: boolean },
): Buffer {
  const set = encodeGtidSet(executed);
  const body = Buffer.alloc(23);
  body.writeUInt8(commands.binlogDumpGtid, 0);
  body.writeUInt16LE(flags.heartbeatV2 ? heartbeatV2 : 0, 1);
  body.writeUInt32LE(serverId, 3);
  // No file name: the server looks for the file.
  body.writeUInt32LE(0, 7);
  body.writeBigUInt64LE(BigInt(startOfFile), 11);
  body.writeUInt32LE(set.length, 19);
  return packet([body, set]);
}

/** As the server shows it under `Host` in SHOW REPLICAS. */
export function replicaHost(name: string): string {
  return Buffer.from(name)
    .subarray(0, maxHostBytes)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '?');
}

/** Makes the reader visible in SHOW REPLICAS (SHOW SLAVE HOSTS). No name and no password are told. */
export function registerCommand(serverId: number, host: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(commands.registerReplica, 0);
  head.writeUInt32LE(serverId, 1);
  const name = Buffer.from(replicaHost(host), 'latin1');
  // An empty user and password, port 0, rank 0, and the source's own id.
  const tail = Buffer.alloc(1 + 1 + 2 + 4 + 4);
  return packet([head, Buffer.from([name.length]), name, tail]);
}

/** The first of a command. None is as long as 16 MB. */
function packet(parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.alloc(4);
  header.writeUIntLE(length, 0, 3);
  return Buffer.concat([header, ...parts]);
}
