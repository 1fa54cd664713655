/** The throughput of a sync: three minutes as a line, and how fast it is now. */
import { chartHeight, chartPath, niceTop } from './chart-path.ts';
import { bytes, duration, shortCount, unknown } from './format.ts';
import { part, setAttribute, setText } from './parts.ts';
import { historySeconds, RateHistory } from './rate-history.ts';
import type { Sync } from './sync.ts';

/** How far events are apart: those of a standby come from what its leader publishes (SPEC §7). */
const apartSeconds = { leader: 2, standby: 7 } as const;

export class Chart {
  readonly #history = new RateHistory(Date.now() / 1_000);
  readonly #svg: SVGSVGElement;
  readonly #line: SVGPathElement;
  readonly #area: SVGPathElement;
  readonly #cursor: SVGPathElement;
  readonly #rate: HTMLElement;
  readonly #more: HTMLElement;
  readonly #scale: HTMLElement;
  #values: readonly (number | null)[] = [];
  /** Where the pointer is, from 0 to 1; null: elsewhere. */
  #pointer: number | null = null;

  constructor(root: ParentNode) {
    this.#svg = part(root, 'chart', SVGSVGElement);
    this.#line = part(root, 'chart-line', SVGPathElement);
    this.#area = part(root, 'chart-area', SVGPathElement);
    this.#cursor = part(root, 'chart-cursor', SVGPathElement);
    this.#rate = part(root, 'rate', HTMLElement);
    this.#more = part(root, 'rate-more', HTMLElement);
    this.#scale = part(root, 'chart-scale', HTMLElement);
    this.#svg.setAttribute('viewBox', `0 0 ${historySeconds - 1} ${chartHeight}`);
    this.#svg.addEventListener('pointermove', (event) => this.#point(event));
    this.#svg.addEventListener('pointerleave', () => this.#point(null));
  }

  observe({ counters, state }: Sync): void {
    const apart = state === 'standby' ? apartSeconds.standby : apartSeconds.leader;
    this.#history.observe(counters, Date.now() / 1_000, apart);
  }

  interrupt(): void {
    this.#history.interrupt(Date.now() / 1_000);
  }

  /** Call it once a second. */
  draw(): void {
    this.#values = this.#history.series(Date.now() / 1_000);
    const peak = Math.max(0, ...this.#values.map((value) => value ?? 0));
    const most = niceTop(peak);
    const { line, area } = chartPath(this.#values, most);
    setAttribute(this.#line, 'd', line);
    setAttribute(this.#area, 'd', area);
    setText(this.#scale, peak === 0 ? '' : `${shortCount(most)}/s`);
    const label = `Rows a second over three minutes: at most ${shortCount(Math.round(peak))}`;
    setAttribute(this.#svg, 'aria-label', label);
    this.#describe();
  }

  #point(event: PointerEvent | null): void {
    const box = this.#svg.getBoundingClientRect();
    this.#pointer = event === null ? null : (event.clientX - box.left) / box.width;
    this.#describe();
  }

  /** What is under the pointer; without one, now. */
  #describe(): void {
    if (this.#pointer === null) {
      const { rows, transactions, bytes: size } = this.#history.rates(Date.now() / 1_000);
      setAttribute(this.#cursor, 'd', '');
      if (this.#values.at(-1) === null) {
        setText(this.#rate, unknown);
        setText(this.#more, '');
        return;
      }
      setText(this.#rate, `${shortCount(rows)} rows/s`);
      setText(this.#more, `${shortCount(transactions)} tx/s · ${bytes(size)}/s`);
      return;
    }
    const last = historySeconds - 1;
    const index = Math.max(0, Math.min(last, Math.round(this.#pointer * last)));
    const value = this.#values[index] ?? null;
    setAttribute(this.#cursor, 'd', `M${index} 0V${chartHeight}`);
    setText(this.#rate, value === null ? 'not known' : `${shortCount(Math.round(value))} rows/s`);
    setText(this.#more, `${duration(last - index)} before now`);
  }
}
