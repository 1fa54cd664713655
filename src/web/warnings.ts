/** What is not replicated, or not as one may expect, each with what to do about it. */
import { plural } from './format.ts';
import { copyOf, part, setAttribute, setChildren, setHidden, setText } from './parts.ts';
import type { Sync, Warning } from './sync.ts';

/** The button says how many there are; it shows and hides them. */
export function showWarnings(root: ParentNode, { warnings }: Sync): void {
  const toggle = part(root, 'warnings-toggle', HTMLElement);
  const list = part(root, 'warnings', HTMLElement);
  setText(toggle, plural(warnings.length, 'warning'));
  setHidden(toggle, warnings.length === 0);
  if (warnings.length === 0) {
    setHidden(list, true);
    setAttribute(toggle, 'aria-expanded', 'false');
  }
  setChildren(list, warnings, () => copyOf('warning-template', HTMLLIElement), showWarning);
}

function showWarning(row: Element, { code, message, remedy, table }: Warning): void {
  setText(part(row, 'warning-message', HTMLElement), message);
  setText(part(row, 'warning-code', HTMLElement), code);
  setText(part(row, 'warning-table', HTMLElement), table ?? '');
  setText(part(row, 'warning-remedy', HTMLElement), remedy);
}
