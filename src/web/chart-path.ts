/** The line of a small chart, as the `d` of SVG paths. */

export interface ChartPath {
  readonly line: string;
  readonly area: string;
}

/** The box that the paths are drawn in: as wide as there are steps between the values. */
export const chartHeight = 100;
const top = 6;
const base = chartHeight - 1;

/** @param values oldest first, all at the same distance; null interrupts the line */
export function chartPath(values: readonly (number | null)[], most: number): ChartPath {
  const y = (value: number): string => (base - (value / most) * (base - top)).toFixed(1);
  let line = '';
  let area = '';
  for (const run of runsOf(values)) {
    const points = run.values.map((value, index) => `${run.start + index} ${y(value)}`).join('L');
    const end = run.start + run.values.length - 1;
    line += `M${points}`;
    area += `M${run.start} ${base}L${points}L${end} ${base}Z`;
  }
  return { line, area };
}

interface Run {
  readonly start: number;
  readonly values: number[];
}

function runsOf(values: readonly (number | null)[]): Run[] {
  const runs: Run[] = [];
  let run: Run | null = null;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      run = null;
      continue;
    }
    if (run === null) {
      run = { start: index, values: [] };
      runs.push(run);
    }
    run.values.push(value);
  }
  return runs;
}

/** The least of 1, 2 and 5 times a power of ten that is not below: the top of the chart, which so stays for a while. */
export function niceTop(value: number): number {
  if (value <= 10) return 10;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5].find((factor) => value <= factor * power) ?? 10;
  return step * power;
}
