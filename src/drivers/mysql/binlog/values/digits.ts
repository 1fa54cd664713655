const texts = Array.from({ length: 100 }, (_, value) => `${value}`.padStart(2, '0'));

/** With two digits at least. */
export function two(value: number): string {
  return texts[value] ?? `${value}`;
}

/** With four digits at least. */
export function four(value: number): string {
  return `${value}`.padStart(4, '0');
}
