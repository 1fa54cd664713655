/** One sync on the page. */
import { Chart } from './chart.ts';
import { showDetails } from './details.ts';
import { showDump, showLastDump } from './dump-block.ts';
import { type FaultBlock, faultBlock } from './fault-block.ts';
import { bytes, count, duration, unknown } from './format.ts';
import { copyOf, part, setAttribute, setHidden, setText } from './parts.ts';
import { driverName, ordersOf, type Sync, shortPosition, wordsOf } from './sync.ts';
import { setTime } from './times.ts';
import { showWarnings } from './warnings.ts';

export interface CardActions {
  /** Start, or stop if it is to run. */
  toggle(card: Card): void;
  retry(card: Card): void;
  dump(card: Card): void;
}

export class Card {
  readonly element = copyOf('sync-template', HTMLElement);
  readonly #toggle: HTMLButtonElement;
  readonly #dump: HTMLButtonElement;
  readonly #chart: Chart;
  readonly #fault: FaultBlock;
  #sync: Sync;
  #changed = true;

  constructor(sync: Sync, actions: CardActions) {
    this.#sync = sync;
    const { element } = this;
    const title = part(element, 'name', HTMLElement);
    title.id = `sync-${sync.name}`;
    setText(title, sync.name);
    element.setAttribute('aria-labelledby', title.id);
    this.#toggle = part(element, 'toggle', HTMLButtonElement);
    this.#toggle.addEventListener('click', () => actions.toggle(this));
    this.#dump = part(element, 'dump-order', HTMLButtonElement);
    this.#dump.setAttribute('aria-label', `Dump ${sync.name}…`);
    this.#dump.addEventListener('click', () => {
      if (this.#dump.ariaDisabled !== 'true') actions.dump(this);
    });
    part(element, 'notice-close', HTMLButtonElement).addEventListener('click', () =>
      this.notice(null),
    );
    disclose(element, sync.name, 'warnings', () => {});
    disclose(element, sync.name, 'details', () => this.#details());
    const details = part(element, 'details-toggle', HTMLButtonElement);
    details.setAttribute('aria-label', `Details of ${sync.name}`);
    this.#fault = faultBlock(element, this.#toggle, () => actions.retry(this));
    this.#chart = new Chart(element);
    this.#chart.observe(sync);
  }

  get sync(): Sync {
    return this.#sync;
  }

  /** What is new is shown by the next `draw`. */
  update(sync: Sync): void {
    this.#sync = sync;
    this.#changed = true;
    this.#chart.observe(sync);
  }

  /** The connection is lost: how fast it goes from here on is not known. */
  interrupt(): void {
    this.#chart.interrupt();
  }

  draw(): void {
    if (!this.#changed) return;
    this.#changed = false;
    const { element } = this;
    const sync = this.#sync;
    const { label, tone } = wordsOf(sync.state);
    setAttribute(element, 'data-tone', tone);
    setText(part(element, 'state', HTMLElement), label);
    setText(part(element, 'who', HTMLElement), `${driverName(sync.driver)}${leaderText(sync)}`);
    this.#drawOrders();
    this.#fault.show(sync);
    showFigures(element, sync);
    showDump(element, sync);
    showWarnings(element, sync);
    this.#details();
  }

  /** What changes by itself; call it once a second. */
  tick(): void {
    this.#chart.draw();
    this.#fault.tick();
  }

  /** Says that an order was refused; null: no longer. */
  notice(text: { readonly message: string; readonly remedy: string } | null): void {
    const box = part(this.element, 'notice', HTMLElement);
    if (text === null && box.contains(document.activeElement)) this.#toggle.focus();
    setHidden(box, text === null);
    setText(part(box, 'notice-what', HTMLElement), text?.message ?? '');
    setText(part(box, 'notice-remedy', HTMLElement), text?.remedy ?? '');
  }

  /** Its orders wait for an answer. */
  set busy(busy: boolean) {
    setAttribute(this.element, 'aria-busy', busy ? 'true' : null);
  }

  get busy(): boolean {
    return this.element.ariaBusy === 'true';
  }

  #drawOrders(): void {
    const { toggle, noDump } = ordersOf(this.#sync);
    const { name } = this.#sync;
    setText(this.#toggle, toggle === 'start' ? 'Start' : 'Stop…');
    const label = toggle === 'start' ? `Start ${name}` : `Stop ${name}…`;
    setAttribute(this.#toggle, 'aria-label', label);
    this.#toggle.classList.toggle('primary', toggle === 'start');
    // Not `disabled`: it would lose the focus, and could not say why.
    setAttribute(this.#dump, 'aria-disabled', noDump === null ? null : 'true');
    setAttribute(this.#dump, 'title', noDump);
  }

  #details(): void {
    if (part(this.element, 'details', HTMLElement).hidden) return;
    showDetails(this.element, this.#sync);
    showLastDump(this.element, this.#sync);
  }
}

/** A button that shows a part of the card, and hides it again. */
function disclose(root: ParentNode, sync: string, name: string, onOpen: () => void): void {
  const button = part(root, `${name}-toggle`, HTMLButtonElement);
  const panel = part(root, name, HTMLElement);
  panel.id = `${name}-${sync}`;
  button.setAttribute('aria-controls', panel.id);
  button.addEventListener('click', () => {
    setHidden(panel, !panel.hidden);
    button.setAttribute('aria-expanded', String(!panel.hidden));
    if (!panel.hidden) onOpen();
  });
}

function leaderText({ state, instance }: Sync): string {
  if (instance === null) return '';
  const leader = ` · led by ${instance}`;
  return state === 'standby' ? `${leader}, this one stands by` : leader;
}

function showFigures(element: Element, sync: Sync): void {
  const text = (name: string, value: string): HTMLElement => {
    const target = part(element, name, HTMLElement);
    setText(target, value);
    return target;
  };
  const { lag, checkpoint } = sync;
  const late = lag.seconds !== null && lag.seconds >= 60;
  text('lag', duration(lag.seconds)).classList.toggle('late', late);
  text('lag-bytes', lag.bytes === null ? '' : `${bytes(lag.bytes)} behind`);
  const position = shortPosition(sync.position);
  setAttribute(text('position', position ?? unknown), 'title', position);
  const source = shortPosition(sync.source_position);
  const sourceText = source === null || source === position ? 'as the source' : `of ${source}`;
  const placed = position === null ? '' : sourceText;
  setAttribute(text('source-position', source === null ? '' : placed), 'title', source);
  setTime(part(element, 'committed', HTMLTimeElement), checkpoint.committed_at);
  const { revision } = checkpoint;
  text('revision', revision === null ? '' : `etcd revision ${count(revision)}`);
  text('retained', bytes(sync.retained_log_bytes));
}
