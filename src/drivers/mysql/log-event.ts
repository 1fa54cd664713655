/** An event of the log and where it is: what `readLog` hands to the assembler. */
import type { BinlogEvent } from './binlog/decode.ts';
import type { EventHeader } from './binlog/header.ts';

/**
 * Events of a compressed transaction all have the place of the piece that holds them. `event` is never a
 * `transaction_payload`, and its views are valid until the next batch is asked for.
 */
export interface LogEvent {
  readonly event: BinlogEvent;
  readonly header: EventHeader;
  readonly file: string;
  /** Where the event begins in the file. More than 2^32 in large files. */
  readonly start: number;
  /** Where the next one begins. For what is not in the file (`artificial`, a heartbeat): equal to `start`. */
  readonly end: number;
}
