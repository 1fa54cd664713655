/** Numbers as people read them. `-` is what is not known. */

export const unknown = '-';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1.4 MiB` */
export function bytesText(bytes: number | null): string {
  if (bytes === null) return unknown;
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

/** `0.3 s`, `12 s`, `2 min 5 s`, `3 h 20 min`, `4 d 1 h` */
export function secondsText(seconds: number | null): string {
  if (seconds === null) return unknown;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `1,234,567` */
export function countText(count: number | null): string {
  return count === null ? unknown : count.toLocaleString('en');
}

/** `45 %`: rounded down, so that 100 % is the end. */
export function percentText(percent: number | null): string {
  return percent === null ? unknown : `${Math.floor(percent)} %`;
}

/** What a server says may hold anything; in a terminal, control characters are commands. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
