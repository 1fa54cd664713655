/** Where events are: a file, and offsets of 64 bits from the 32 that an event has. Pure. */
import type { Heartbeat } from './binlog/control.ts';
import type { BinlogEvent } from './binlog/decode.ts';
import { type EventHeader, headerFlags } from './binlog/header.ts';
import type { LogEvent } from './log-event.ts';
import type { LogPlace } from './log-place.ts';

const range = 2 ** 32;

export class PlaceTracker {
  #file: string;
  /** The end of the event before. */
  #offset: number;

  /** `from`: what was asked for. Where each file begins, the server says by an artificial ROTATE. */
  constructor(from: LogPlace) {
    this.#file = from.file;
    this.#offset = from.offset;
  }

  /**
   * To be asked for each event, in order. Events that the server has left out are no hindrance, unless they are more
   * than 2 GiB and it said so in no heartbeat.
   */
  locate(event: BinlogEvent, header: EventHeader): LogEvent {
    if (event.type === 'heartbeat') return this.#heartbeat(event, header);
    if (isArtificial(event, header)) {
      if (event.type === 'rotate') this.#moveTo(event);
      return { event, header, file: this.#file, start: this.#offset, end: this.#offset };
    }
    const { nextOffset, sizeBytes } = header;
    // MariaDB 11.4 and later write 0 into events in the middle of a transaction.
    const end = nextOffset === 0 ? this.#offset + sizeBytes : this.#lift(nextOffset);
    this.#offset = end;
    return { event, header, file: this.#file, start: end - sizeBytes, end };
  }

  #heartbeat(event: Heartbeat, header: EventHeader): LogEvent {
    const { file, offset } = event;
    if (file !== this.#file) this.#moveTo({ file, offset: offset ?? header.nextOffset });
    else this.#offset = offset ?? this.#lift(header.nextOffset);
    return { event, header, file, start: this.#offset, end: this.#offset };
  }

  #moveTo({ file, offset }: LogPlace): void {
    this.#file = file;
    this.#offset = offset;
  }

  /** The offset with these 32 low bits that is nearest to the one before. */
  #lift(low: number): number {
    const distance = (low - (this.#offset % range)) | 0;
    const lifted = this.#offset + distance;
    return lifted < 0 ? lifted + range : lifted;
  }
}

/** Made for this connection. The head of a file is sent again when reading begins behind it. */
function isArtificial({ type }: BinlogEvent, { flags, nextOffset }: EventHeader): boolean {
  if ((flags & headerFlags.artificial) !== 0) return true;
  if (nextOffset !== 0) return false;
  return (
    type === 'rotate' || type === 'format_description' || (flags & headerFlags.ignorable) !== 0
  );
}
