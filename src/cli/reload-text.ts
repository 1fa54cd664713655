/** What a reload did, or would do, as `watcher reload` shows it. Pure. */
import type { Style } from './surroundings.ts';

export function reloadLines(_answer: unknown, _dryRun: boolean, _style: Style): string[] {
  return [];
}
