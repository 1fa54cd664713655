/** Numbers and times as people read them. The digits are grouped in one way everywhere; times are local. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** What is not known. */
export const unknown = '–';

export function count(value: number | null): string {
  return value === null ? unknown : whole.format(value);
}

/** As `count`, shortened from a hundred thousand on: `1.2M`. */
export function shortCount(value: number): string {
  return value < 100_000 ? whole.format(value) : compact.format(value);
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Powers of 1024, three digits: `1.46 MiB`. */
export function bytes(value: number | null): string {
  if (value === null) return unknown;
  let scaled = value;
  let unit = 0;
  // 999.5 KiB would be written as a thousand of them.
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${threeDigits.format(scaled)} ${units[unit]}`;
}

/** Two units at most: `250 ms`, `3.2 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`. */
export function duration(seconds: number | null): string {
  if (seconds === null) return unknown;
  if (seconds <= 0) return '0 s';
  if (seconds < 0.9995) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95) return `${(Math.round(seconds * 10) / 10).toString()} s`;
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3_600) return two(rounded, 60, 'min', 1, 's');
  if (rounded < 86_400) return two(rounded, 3_600, 'h', 60, 'min');
  return two(rounded, 86_400, 'd', 3_600, 'h');
}

function two(seconds: number, large: number, name: string, small: number, rest: string): string {
  const left = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${name}${left === 0 ? '' : ` ${left} ${rest}`}`;
}

/** `14:03:11`, with the day before it unless that is today. */
export function localTime(time: Date, now: Date): string {
  const text = clock.format(time);
  return time.toDateString() === now.toDateString() ? text : `${day.format(time)}, ${text}`;
}

/** `2026-11-22 14:03:11.345 UTC` */
export function utcTime(time: Date): string {
  return time.toISOString().replace('T', ' ').replace('Z', ' UTC');
}

/** Never 100 % before the end, nor more. */
export function percent(part: number, all: number | null): number | null {
  if (all === null || all <= 0) return null;
  return Math.min(99, Math.floor((100 * part) / all));
}

/** `1 table`, `2 tables` */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
