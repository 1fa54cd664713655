/** Times in the page: local, with UTC in the title. */
import { localTime, unknown, utcTime } from './format.ts';
import { setAttribute, setText } from './parts.ts';

/** Milliseconds that the server's clock is ahead of the one of this machine. */
let skewMs = 0;

export const serverClock = {
  set skew(ms: number) {
    // `Date` has whole seconds: less than that says nothing.
    skewMs = Math.abs(ms) < 1_500 ? 0 : ms;
  },
  /** Milliseconds since the epoch. */
  now(): number {
    return Date.now() + skewMs;
  },
};

/** @param iso RFC 3339; null: not known */
export function setTime(element: HTMLTimeElement, iso: string | null): void {
  if (iso === null) {
    setText(element, unknown);
    setAttribute(element, 'datetime', null);
    setAttribute(element, 'title', null);
    return;
  }
  const time = new Date(iso);
  setText(element, localTime(time, new Date()));
  setAttribute(element, 'datetime', iso);
  setAttribute(element, 'title', utcTime(time));
}

/** Seconds from now until then; negative: it has been. */
export function secondsUntil(iso: string): number {
  return (Date.parse(iso) - serverClock.now()) / 1_000;
}
