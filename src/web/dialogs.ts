/** What is asked before a sync is stopped or dumped again. Escape is Cancel. */
import { bytes } from './format.ts';
import { copyOf, part, setHidden, setText } from './parts.ts';
import type { Sync } from './sync.ts';

/**
 * Resolves with the value of the button that sent it; `''`: Cancel, or Escape. Cancel is no `submit` button: the first one of
 * those is what Enter means in a field.
 */
function ask(dialog: HTMLDialogElement): Promise<string> {
  dialog.returnValue = '';
  part(dialog, 'cancel', HTMLButtonElement).onclick = () => dialog.close('');
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue), { once: true });
  });
}

/** @returns whether it is to be stopped. */
export async function confirmStop(sync: Sync): Promise<boolean> {
  const dialog = part(document, 'stop-dialog', HTMLDialogElement);
  setText(part(dialog, 'stop-name', HTMLElement), sync.name);
  const retained = sync.retained_log_bytes;
  const text = retained === null ? 'how much is not known' : bytes(retained);
  setText(part(dialog, 'stop-retained', HTMLElement), text);
  return (await ask(dialog)) === 'stop';
}

/** @returns the body of the order; null: there is to be none. */
export async function chooseDump(sync: Sync): Promise<{ readonly tables?: string[] } | null> {
  const dialog = part(document, 'dump-dialog', HTMLDialogElement);
  const all = part(dialog, 'dump-all', HTMLInputElement);
  const some = part(dialog, 'dump-some', HTMLInputElement);
  const list = part(dialog, 'dump-choices', HTMLElement);
  const send = part(dialog, 'dump-send', HTMLButtonElement);
  setText(part(dialog, 'dump-name', HTMLElement), sync.name);
  const boxes = tableBoxes(list, sync);
  setHidden(part(dialog, 'dump-choice', HTMLElement), boxes.length === 0);
  all.checked = true;
  const chosen = (): string[] => boxes.filter(({ checked }) => checked).map(({ value }) => value);
  const refresh = (): void => {
    setHidden(list, all.checked);
    send.disabled = some.checked && chosen().length === 0;
  };
  refresh();
  const ended = new AbortController();
  dialog.addEventListener('change', refresh, { signal: ended.signal });
  const answer = await ask(dialog);
  ended.abort();
  if (answer !== 'dump') return null;
  return some.checked ? { tables: chosen() } : {};
}

function tableBoxes(list: HTMLElement, { dump }: Sync): HTMLInputElement[] {
  const known = dump.tables.filter(({ state }) => state !== 'excluded');
  const labels = known.map(({ table }) => {
    const label = copyOf('choice-template', HTMLLabelElement);
    const box = label.querySelector('input');
    if (box !== null) box.value = table;
    setText(part(label, 'choice-name', HTMLElement), table);
    return label;
  });
  list.replaceChildren(...labels);
  return [...list.querySelectorAll('input')];
}
