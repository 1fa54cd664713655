/** What `watcher status --watch` shows, on a terminal and without one. */
import type { SyncJson } from '../api/schemas/sync.ts';
import { bytesText, printable, secondsText, unknown } from './quantities.ts';
import type { Surroundings } from './surroundings.ts';
import { dumpWord } from './sync-text.ts';

export interface WatchView {
  /** @param name The one that changed; it is not among `syncs` when it was removed. */
  show(syncs: ReadonlyMap<string, SyncJson>, name: string): void;
  /** The stream broke; it will be opened again. */
  interrupted(why: string): void;
  end(): void;
}

/** A line for each change, for files and pipes. */
export function createLineView(around: Surroundings, json: boolean): WatchView {
  let silentSince: string | null = null;
  return {
    show(syncs, name) {
      silentSince = null;
      const sync = syncs.get(name);
      if (json) around.out(`${JSON.stringify(sync ?? { name, state: 'removed' })}\n`);
      else around.out(`${sync === undefined ? `${printable(name)} removed` : lineOf(sync)}\n`);
    },
    interrupted(why) {
      if (silentSince === why) return;
      silentSince = why;
      around.err(`watcher: ${why}; trying again\n`);
    },
    end: () => undefined,
  };
}

function lineOf(sync: SyncJson): string {
  const { lag, dump, last_error: error } = sync;
  const parts = [
    printable(sync.name),
    printable(sync.state),
    `lag ${secondsText(lag.seconds)}, ${bytesText(lag.bytes)}`,
    ...(dumpWord(dump) === unknown ? [] : [`dump ${dumpWord(dump)}`]),
    ...(error === null ? [] : [printable(`${error.code}: ${error.message}`)]),
  ];
  return parts.join('  ');
}
