/**
 * When a binlog file was begun: the timestamp of its FORMAT_DESCRIPTION_EVENT. After a reset binlog.000001 exists
 * again, and only that tells the two apart (DESIGN §5). It also shows that the account may read the log at all.
 * Source: MySQL, COM_BINLOG_DUMP; BINLOG_DUMP_NON_BLOCK and server id 0, as mysqlbinlog uses them: no other reader is
 * ended by it.
 */
import type mysql from 'mysql2';
import { WatcherError } from '../../errors.ts';
import { eventTypes } from './binlog/event-types.ts';
import { parseHeader } from './binlog/header.ts';
import type { ConnectTarget } from './connection.ts';
import { connect } from './connection.ts';

const commandBinlogDump = 0x12;
const nonBlocking = 0x01;
const startOfFile = 4;
const packetHeaderBytes = 4;
/** The byte before an event that says OK. */
const statusBytes = 1;

/** Checksums stay off: nothing but the header of an event is looked at. The names are MySQL's, old and new. */
const sessionSql = `SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE', @mariadb_slave_capability = 4`;

/**
 * @returns seconds since 1970.
 * @throws WatcherError, classified: `privilege_missing`, `binlog_purged`, …; or the signal's reason.
 */
export async function readFileCreated(
  target: ConnectTarget,
  file: string,
  signal: AbortSignal,
): Promise<number> {
  const connection = await connect(target, signal);
  const timer = setTimeout(() => connection.destroy(), target.connectTimeoutMs);
  try {
    await connection.query(sessionSql);
    return await formatTimestamp(connection.client, file);
  } catch (error) {
    throw connection.toError(error);
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}

/** As mysql2 hands one to a command. */
interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isError(): boolean;
  isEOF(): boolean;
  asError(encoding: string): Error;
}

interface CommandHost {
  readonly clientEncoding: string;
  readonly sequenceId: number;
  _resetSequenceId(): void;
  _bumpSequenceId(count: number): void;
  write(bytes: Buffer): void;
}

function formatTimestamp(client: mysql.Connection, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const command = {
      /** Of a connection that ends. */
      onResult: reject,
      started: false,
      /** @returns true when the command is over; see lib/commands/command.js of mysql2. */
      execute(packet: Packet | undefined, host: CommandHost): boolean {
        if (!command.started) {
          command.started = true;
          host._resetSequenceId();
          host.write(dumpRequest(file, host.sequenceId));
          host._bumpSequenceId(1);
          return false;
        }
        if (packet === undefined) return false;
        if (packet.isError()) reject(packet.asError(host.clientEncoding));
        else if (packet.isEOF()) reject(withoutFormat(file));
        else return takeEvent(packet, resolve, reject);
        return true;
      },
    };
    (client as unknown as { addCommand(added: typeof command): void }).addCommand(command);
  });
}

function takeEvent(
  packet: Packet,
  resolve: (timestamp: number) => void,
  reject: (error: unknown) => void,
): boolean {
  try {
    const { buffer, offset, end } = packet;
    const header = parseHeader(buffer.subarray(offset + statusBytes, end));
    if (header.type === eventTypes.formatDescription) resolve(header.timestamp);
  } catch (error) {
    reject(error);
  }
  return false;
}

function withoutFormat(file: string): WatcherError {
  return new WatcherError('unsupported_event', {
    message: `The binlog ${file} does not say how it is written`,
  });
}

function dumpRequest(file: string, sequence: number): Buffer {
  const name = Buffer.from(file);
  const body = Buffer.alloc(11);
  body.writeUInt8(commandBinlogDump, 0);
  body.writeUInt32LE(startOfFile, 1);
  body.writeUInt16LE(nonBlocking, 5);
  body.writeUInt32LE(0, 7);
  const header = Buffer.alloc(packetHeaderBytes);
  header.writeUIntLE(body.length + name.length, 0, 3);
  header.writeUInt8(sequence, 3);
  return Buffer.concat([header, body, name]);
}
