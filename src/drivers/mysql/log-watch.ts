/**
 * Whether the server still sends its log. A RESET of the binlogs leaves a reader at the end of a file that is gone, and the
 * server goes on to say that nothing happens (seen on MySQL 9.7 and MariaDB 10.11). So where the log ends is asked on another
 * connection from time to time, and compared with what was read:
 *   1. it ends before what was read when it was asked                the log was reset, or set back
 *   2. it ends behind what was read, and the reader, which was at    the reader was forgotten, or the log was reset and has
 *      its end before, only hears that nothing happens               grown; when it is read anew, that will be seen
 * A transaction that is being synced to the disk looks like 2 for a while, too.
 */
import { WatcherError } from '../../errors.ts';
import type { StreamMessage } from '../../replication/change.ts';
import type { LogPlace } from './log-place.ts';
import { comparePlaces } from './log-place.ts';
import { mysqlPosition } from './snapshot-mark.ts';

/** Heartbeats come once a second. */
const silentHeartbeats = 10;

export class LogWatch {
  #read: LogPlace | null = null;
  #end: LogPlace | null = null;
  #wasAtEnd = false;
  #heartbeats = 0;
  #fault: unknown = null;

  /** Up to where the log was read, on this connection; null: nothing was. */
  get read(): LogPlace | null {
    return this.#read;
  }

  /** @param before `read` when it was asked where the log ends */
  ends(end: LogPlace, before: LogPlace | null): void {
    if (before !== null && comparePlaces(end, before) < 0) this.#fault = wasReset(end, before);
    // Heartbeats of before say nothing of this end.
    if (this.#end === null || comparePlaces(end, this.#end) !== 0) this.#heartbeats = 0;
    this.#end = end;
  }

  /** It cannot be asked any more: the stream ends with this error, because a RESET would be missed. */
  fails(error: unknown): void {
    this.#fault ??= error;
  }

  /** @throws WatcherError `source_replaced`, `source_unavailable`, or why the source could not be asked. */
  arrived(message: StreamMessage): void {
    if (this.#fault !== null) throw this.#fault;
    if (message.type === 'catalog') return;
    if (message.type === 'transaction' && !message.last) {
      this.#heartbeats = 0;
      return;
    }
    this.#pass(mysqlPosition(message.position));
  }

  #pass(place: LogPlace): void {
    const stands = this.#read !== null && comparePlaces(place, this.#read) === 0;
    this.#read = place;
    const behind = this.#end !== null && comparePlaces(place, this.#end) < 0;
    if (this.#end !== null && !behind) this.#wasAtEnd = true;
    this.#heartbeats = stands && behind && this.#wasAtEnd ? this.#heartbeats + 1 : 0;
    if (this.#heartbeats >= silentHeartbeats && this.#end !== null)
      throw forgotten(place, this.#end);
  }
}

function wasReset(end: LogPlace, read: LogPlace): WatcherError {
  return new WatcherError('source_replaced', {
    message: `The binlog of the server ends at ${end.file}:${end.offset}, and was read up to ${read.file}:${read.offset}: it was reset, or the server was set back`,
  });
}

function forgotten(read: LogPlace, end: LogPlace): WatcherError {
  return new WatcherError('source_unavailable', {
    message: `The binlog of the server ends at ${end.file}:${end.offset}, and the server sends nothing of it behind ${read.file}:${read.offset}`,
    remedy: 'None needed: it is read anew.',
  });
}
