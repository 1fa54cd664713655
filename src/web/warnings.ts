/** What is not replicated, or not as one may expect, each with what to do about it. */
import { plural } from './format.ts';
import { copyOf, part, setChildren, setHidden, setText } from './parts.ts';
import type { Sync, Warning } from './sync.ts';

export function showWarnings(root: ParentNode, { warnings }: Sync): void {
  setHidden(part(root, 'warnings', HTMLElement), warnings.length === 0);
  setText(part(root, 'warnings-count', HTMLElement), plural(warnings.length, 'warning'));
  const list = part(root, 'warnings-list', HTMLElement);
  setChildren(list, warnings, () => copyOf('warning-template', HTMLLIElement), showWarning);
}

function showWarning(row: Element, { code, message, remedy, table }: Warning): void {
  setText(part(row, 'warning-message', HTMLElement), message);
  setText(part(row, 'warning-code', HTMLElement), code);
  setText(part(row, 'warning-table', HTMLElement), table ?? '');
  setText(part(row, 'warning-remedy', HTMLElement), remedy);
}
