/**
 * A connection on which the server sends its log, as to a replica. Decides nothing about what the events mean.
 * Source: MySQL, "Binlog Network Stream"; MariaDB Knowledge Base, "Replica Protocol".
 */
import type { Socket } from 'node:net';
import { WatcherError } from '../../errors.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { eventTypes } from './binlog/event-types.ts';
import type { ChecksumAlgorithm } from './binlog/header.ts';
import type { ConnectTarget, SourceConnection } from './connection.ts';
import { connect } from './connection.ts';
import type { ServerError } from './errors.ts';
import { registerCommand } from './log-commands.ts';
import type { TakePayload } from './log-packets.ts';
import { PacketSplitter } from './log-packets.ts';
import type { LogRequest } from './log-request.ts';
import { requestLog } from './log-request.ts';
import { takeSocket } from './log-socket.ts';
import type { Logger } from './options.ts';
import { assertIdIsFree } from './replicas.ts';
import { assertServer } from './server.ts';
import type { ServerFacts } from './server-facts.ts';

export interface LogReaderOptions {
  readonly target: ConnectTarget;
  readonly facts: ServerFacts;
  readonly serverId: number;
  readonly logger: Logger;
  /** After so long without a byte the connection is dead; 10 s, ten heartbeats. */
  readonly silentMs?: number;
}

/** Bytes of events that may wait to be taken before the socket is stopped. */
const waitingBytes = 512 * 1024;

const silentMs = 10_000;
/** Until the first event that is asked for: the server looks for it in its files, and may say nothing meanwhile. */
const searchMs = 60_000;

/** The first byte of a packet. */
const status = { event: 0x00, end: 0xfe, error: 0xff } as const;

const eventTypeOffset = 4;

export class LogConnection {
  /** Of the events up to the first FORMAT_DESCRIPTION. */
  readonly checksum: ChecksumAlgorithm;
  /** Where reading begins, as far as it was asked for by a place. */
  readonly request: LogRequest;
  readonly #connection: SourceConnection;
  readonly #socket: Socket;
  readonly #silentMs: number;
  readonly #splitter = new PacketSplitter();
  #events: Buffer[] = [];
  #bytes = 0;
  #full = false;
  #failure: unknown = null;
  #wake: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #heard = 0;
  #searching = false;

  private constructor(
    connection: SourceConnection,
    request: LogRequest,
    limitMs: number | undefined,
  ) {
    this.#connection = connection;
    this.request = request;
    this.checksum = request.checksum;
    this.#silentMs = limitMs ?? silentMs;
    this.#socket = takeSocket(connection.client);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(this.#ended('the connection was closed')));
  }

  /**
   * Asks for the log after `from`, which is a place between transactions: by its GTIDs where both it and the server
   * have them, else by file and offset. Aborting `signal` cuts the connection at any time.
   * @throws WatcherError, classified; or the signal's reason.
   */
  static async open(
    options: LogReaderOptions,
    from: MysqlPosition,
    signal: AbortSignal,
  ): Promise<LogConnection> {
    const { target, facts, serverId } = options;
    const connection = await connect(target, signal);
    try {
      await assertServer(connection, facts);
      await assertIdIsFree(connection, facts, serverId, target.applicationName);
      const request = await requestLog(connection, facts, serverId, from);
      const log = new LogConnection(connection, request, options.silentMs);
      if (mayRegister(facts)) {
        log.#listen(target.connectTimeoutMs);
        log.#socket.write(registerCommand(serverId, target.applicationName));
        await log.take();
      }
      log.#searching = true;
      log.#listen(Math.max(searchMs, log.#silentMs));
      log.#socket.write(request.command);
      return log;
    } catch (error) {
      connection.destroy();
      throw connection.toError(error);
    }
  }

  /**
   * All events that have arrived, from header to checksum; waits for one. They stay valid.
   * @throws WatcherError what ended the log, once all before it was taken; or the signal's reason.
   */
  async take(): Promise<readonly Buffer[]> {
    while (this.#events.length === 0 && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#events.length === 0) throw this.#connection.toError(this.#failure);
    const events = this.#events;
    this.#events = [];
    this.#bytes = 0;
    if (this.#full) {
      this.#full = false;
      this.#listen(this.#silentMs);
      this.#socket.resume();
    }
    return events;
  }

  /** The server notices by its next heartbeat. */
  close(): void {
    this.#fail(this.#ended('it was left'));
    this.#events = [];
    this.#connection.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#failure !== null) return;
    this.#heard += 1;
    this.#timer?.refresh();
    try {
      this.#splitter.push(chunk, this.#packet);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#bytes >= waitingBytes && !this.#full && this.#failure === null) {
      this.#full = true;
      this.#quiet();
      this.#socket.pause();
    }
    if (this.#events.length > 0) this.#signal();
  }

  readonly #packet: TakePayload = (bytes, start, end) => {
    if (this.#failure !== null) return;
    const first = start < end ? bytes[start] : undefined;
    if (first === status.error) this.#fail(toServerError(bytes.subarray(start, end)));
    else if (first === status.event) this.#add(bytes.subarray(start + 1, end));
    else
      this.#fail(this.#ended('the server ended it: it is shutting down, or the reader was killed'));
  };

  #add(event: Buffer): void {
    if (this.#searching && !isHead(event)) {
      this.#searching = false;
      this.#listen(this.#silentMs);
    }
    const last = this.#events.at(-1);
    // While nobody takes anything, heartbeats would gather for ever.
    if (last !== undefined && isHeartbeat(event) && isHeartbeat(last)) this.#events.pop();
    else this.#bytes += event.length;
    this.#events.push(event);
  }

  /** What has arrived before is handed out first: it was committed, and an error may come again and again. */
  #fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#quiet();
    this.#connection.destroy();
    this.#signal();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = null;
  }

  #quiet(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** From now on something must come, again and again. */
  #listen(limitMs: number): void {
    this.#quiet();
    if (this.#failure !== null) return;
    this.#timer = setTimeout(() => {
      // A process that was busy for so long has not read yet what has come.
      const heard = this.#heard;
      setImmediate(() => {
        if (this.#heard !== heard) this.#listen(limitMs);
        else
          this.#fail(this.#ended(`nothing came for ${limitMs / 1000} s: the connection is dead`));
      });
    }, limitMs);
  }

  #ended(why: string): WatcherError {
    const { host, port } = this.#connection.context;
    const message = `The log of ${host}:${port} cannot be read on: ${why}`;
    return new WatcherError('source_unavailable', { message });
  }
}

/** MySQL 5.6 shows bytes of its memory as the UUID of a reader that has none. */
function mayRegister({ flavour, version }: ServerFacts): boolean {
  return flavour === 'mariadb' || version >= 80000;
}

/** What comes first, at once. */
function isHead(event: Buffer): boolean {
  const type = event[eventTypeOffset];
  return type === eventTypes.rotate || type === eventTypes.formatDescription;
}

function isHeartbeat(event: Buffer): boolean {
  const type = event[eventTypeOffset];
  return type === eventTypes.heartbeat || type === eventTypes.heartbeatV2;
}

/** As mysql2 would raise it. Source: MySQL, "ERR_Packet". */
function toServerError(payload: Buffer): ServerError {
  const errno = payload.readUInt16LE(1);
  const hasState = payload[3] === 0x23;
  const sqlState = hasState ? payload.toString('latin1', 4, 9) : '';
  const sqlMessage = payload.toString('utf8', hasState ? 9 : 3);
  return Object.assign(new Error(sqlMessage), { errno, sqlState, sqlMessage });
}
