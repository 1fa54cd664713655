/** `watcher status [name]` */
import type { SyncJson } from '../api/schemas/sync.ts';
import { type Client, connect } from './client.ts';
import type { RemoteOptions, Surroundings } from './surroundings.ts';
import { callOn } from './sync-calls.ts';
import { detailLines, overviewLines } from './sync-text.ts';
import { watch } from './watch.ts';

export interface StatusOptions extends RemoteOptions {
  /** Null: all syncs. */
  readonly name: string | null;
  readonly watch?: boolean;
}

/** @returns the exit code: 0 whatever the state of a sync is. @throws CommandFailed */
export async function status(options: StatusOptions, around: Surroundings): Promise<number> {
  const { name, json = false } = options;
  const client = connect(options, around);
  const answer = await ask(client, name);
  if (options.watch === true) return watch(client, { name, json }, around);
  if (json) {
    around.out(`${JSON.stringify(answer, null, 2)}\n`);
    return 0;
  }
  const width = around.size()?.columns ?? null;
  const lines =
    name === null
      ? overviewLines((answer as { syncs: SyncJson[] }).syncs, around.style, width)
      : detailLines(answer as SyncJson, around.style, width);
  around.out(`${lines.join('\n')}\n`);
  return 0;
}

function ask(client: Client, name: string | null): Promise<unknown> {
  if (name === null) return client.get('/v1/syncs');
  return callOn(client, name, (path) => client.get(path));
}
