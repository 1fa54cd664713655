/** Which syncs are shown: by what they ask of a person, and by name. */
import { copyOf, part, setAttribute, setHidden, setText } from './parts.ts';
import { type Group, type Sync, wordsOf } from './sync.ts';

type Choice = 'all' | Group;

const choices: readonly (readonly [Choice, string])[] = [
  ['all', 'All'],
  ['attention', 'Needs attention'],
  ['running', 'Running'],
  ['standby', 'Standby'],
  ['stopped', 'Stopped'],
];

/** From so many on, a field to find one by name. */
const searchFrom = 8;

export class Filters {
  readonly #buttons = new Map<Choice, HTMLButtonElement>();
  readonly #search: HTMLInputElement;
  #choice: Choice = 'all';

  constructor(onChange: () => void) {
    const box = part(document, 'filters', HTMLElement);
    for (const [choice, name] of choices) {
      const button = copyOf('filter-template', HTMLButtonElement);
      button.dataset.filter = choice;
      setText(part(button, 'filter-name', HTMLElement), name);
      button.addEventListener('click', () => {
        this.#choice = choice;
        onChange();
      });
      this.#buttons.set(choice, button);
      box.append(button);
    }
    this.#search = part(document, 'search', HTMLInputElement);
    this.#search.addEventListener('input', onChange);
  }

  /** Counts them, and answers which are to be shown. */
  apply(syncs: readonly Sync[]): ReadonlySet<string> {
    const counts = new Map<Choice, number>([['all', syncs.length]]);
    for (const { state } of syncs) {
      const { group } = wordsOf(state);
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    for (const [choice, button] of this.#buttons) {
      const number = counts.get(choice) ?? 0;
      setText(part(button, 'filter-count', HTMLElement), String(number));
      setAttribute(button, 'aria-pressed', String(choice === this.#choice));
      setHidden(button, number === 0 && choice !== 'all' && choice !== this.#choice);
    }
    const searchable = syncs.length >= searchFrom;
    setHidden(part(document, 'search-label', HTMLElement), !searchable);
    const wanted = searchable ? this.#search.value.trim().toLowerCase() : '';
    const shown = syncs.filter(({ name, state }) => {
      const inGroup = this.#choice === 'all' || wordsOf(state).group === this.#choice;
      return inGroup && name.includes(wanted);
    });
    return new Set(shown.map(({ name }) => name));
  }
}
