const texts = Array.from({ length: 100 }, (_, value) => `${value}`.padStart(2, '0'));

/** With two digits at least. */
export function two(value: number): string {
  return texts[value] ?? `${value}`;
}
