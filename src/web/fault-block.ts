/** The last error of a sync: what happened, what to do, and when it is tried again. */
import { duration } from './format.ts';
import { part, setAttribute, setHidden, setText } from './parts.ts';
import { ordersOf, type Sync } from './sync.ts';
import { secondsUntil, setTime } from './times.ts';

export interface FaultBlock {
  show(sync: Sync): void;
  /** The countdown. */
  tick(): void;
}

/** @param next where the focus goes when the block goes that had it */
export function faultBlock(root: ParentNode, next: HTMLElement, onRetry: () => void): FaultBlock {
  const block = part(root, 'fault', HTMLElement);
  const retry = part(block, 'retry', HTMLButtonElement);
  const countdown = part(block, 'fault-retry', HTMLElement);
  let retryAt: string | null = null;
  retry.addEventListener('click', onRetry);

  const tick = (): void => {
    const seconds = retryAt === null ? 0 : Math.ceil(secondsUntil(retryAt));
    const when = seconds > 0 ? `in ${duration(seconds)}` : 'now';
    setText(countdown, retryAt === null ? '' : ` · tried again ${when}`);
  };

  const show = (sync: Sync): void => {
    const { last_error: error, name } = sync;
    const canRetry = ordersOf(sync).retry;
    const losesFocus = error === null || !canRetry;
    if (losesFocus && block.contains(document.activeElement)) next.focus();
    setHidden(block, error === null);
    if (error === null) return;
    setText(part(block, 'fault-message', HTMLElement), error.message);
    setText(part(block, 'fault-code', HTMLElement), error.code);
    setText(part(block, 'fault-remedy', HTMLElement), error.remedy);
    setTime(part(block, 'fault-at', HTMLTimeElement), error.at);
    setHidden(retry, !canRetry);
    setAttribute(retry, 'aria-label', `Try ${name} now`);
    retryAt = error.retry_at;
    tick();
  };
  return { show, tick };
}
