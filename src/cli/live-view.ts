/**
 * Syncs on a terminal, drawn over what was drawn before. Control sequences: ECMA-48, and the private modes of xterm,
 * https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
 */
import type { SyncJson } from '../api/schemas/sync.ts';
import { countText, percentText, printable, secondsText } from './quantities.ts';
import type { Surroundings } from './surroundings.ts';
import { bar, detailLines, overviewLines, tableProgressLines } from './sync-text.ts';
import type { Column } from './table.ts';
import type { WatchView } from './watch-view.ts';

/** No cursor, and lines that are too long are cut, not wrapped: the height of a frame is the number of its lines. */
const enter = '\u001b[?25l\u001b[?7l';
const leave = '\u001b[?7h\u001b[?25h';
const eraseRight = '\u001b[K';
const eraseBelow = '\u001b[J';

const redrawMs = 1_000;
/** A sync that changes has an event each second: after two without one, nothing is written. */
const quietMs = 2_500;

interface Seen {
  readonly puts: number;
  readonly at: number;
  readonly perSecond: number | null;
}

export class LiveView implements WatchView {
  readonly #around: Surroundings;
  readonly #name: string | null;
  readonly #now: () => number;
  readonly #seen = new Map<string, Seen>();
  readonly #timer: NodeJS.Timeout;
  #syncs: ReadonlyMap<string, SyncJson> = new Map();
  #note: string | null = null;
  #height = 0;

  /**
   * @param name The one sync that is watched; null: all.
   * @param now Milliseconds of a clock that never goes back.
   */
  constructor(around: Surroundings, name: string | null, now = () => performance.now()) {
    this.#around = around;
    this.#name = name;
    this.#now = now;
    around.out(enter);
    // What passes without an event: a rate that falls to nothing, a window that changes its size.
    this.#timer = setInterval(() => this.#draw(), redrawMs);
  }

  show(syncs: ReadonlyMap<string, SyncJson>, name: string): void {
    this.#syncs = syncs;
    this.#note = null;
    const sync = syncs.get(name);
    if (sync === undefined) this.#seen.delete(name);
    else this.#see(sync);
    this.#draw();
  }

  interrupted(why: string): void {
    this.#note = why;
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#around.out(leave);
  }

  #see({ name, counters: { puts } }: SyncJson): void {
    const at = this.#now();
    const before = this.#seen.get(name);
    const elapsedMs = before === undefined ? 0 : at - before.at;
    // Counters begin anew with each leadership.
    const perSecond =
      before === undefined || elapsedMs === 0 || puts < before.puts
        ? null
        : ((puts - before.puts) / elapsedMs) * 1_000;
    this.#seen.set(name, { puts, at, perSecond });
  }

  #rateOf(name: string): number | null {
    const seen = this.#seen.get(name);
    if (seen === undefined) return null;
    return this.#now() - seen.at > quietMs ? 0 : seen.perSecond;
  }

  #draw(): void {
    const { columns, rows } = this.#around.size() ?? { columns: 80, rows: 24 };
    const lines = this.#frame(columns);
    const room = Math.max(rows - 1, 1);
    const shown =
      lines.length <= room
        ? lines
        : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`];
    const up = this.#height === 0 ? '' : `\u001b[${this.#height}A`;
    this.#height = shown.length;
    this.#around.out(
      `${up}\r${shown.map((line) => `${line}${eraseRight}\n`).join('')}${eraseBelow}`,
    );
  }

  #frame(columns: number): string[] {
    const { style } = this.#around;
    const all = [...this.#syncs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const only = this.#name === null ? undefined : all[0];
    const body =
      only === undefined
        ? [
            ...overviewLines(all, style, columns, [this.#rateColumn()]),
            ...all.flatMap((sync) => dumpLines(sync, this.#around, columns)),
          ]
        : [...detailLines(only, style, columns)];
    const foot =
      this.#note === null
        ? style('dim', 'Ctrl-C ends')
        : style('yellow', `${printable(this.#note)}; trying again. Ctrl-C ends`);
    return [...body, '', foot];
  }

  #rateColumn(): Column<SyncJson> {
    return {
      title: 'PUTS/S',
      rank: 2,
      right: true,
      cell: ({ name }) => {
        const rate = this.#rateOf(name);
        return { text: countText(rate === null ? null : Math.round(rate)) };
      },
    };
  }
}

function dumpLines(sync: SyncJson, { style }: Surroundings, columns: number): string[] {
  const { dump, name } = sync;
  if (dump.state !== 'running') return [];
  const rest = dump.eta_seconds === null ? '' : `  ${secondsText(dump.eta_seconds)} left`;
  const share = dump.percent === null ? null : dump.percent / 100;
  const head = `${style('bold', printable(name))}  ${style('cyan', bar(share))} ${percentText(dump.percent)}${rest}`;
  // What is done or left out tells nothing of the progress.
  const tables = dump.tables.filter(({ state }) => state === 'running' || state === 'pending');
  return ['', head, ...tableProgressLines({ ...dump, tables }, style, columns)];
}
