/** Calls on one sync, whose refusals name the next command. */
import { distance } from 'fastest-levenshtein';
import type { SyncJson } from '../api/schemas/sync.ts';
import type { Client } from './client.ts';
import { CommandFailed } from './failure.ts';
import { printable } from './quantities.ts';

/**
 * @param call Is given the path of the sync.
 * @throws CommandFailed
 */
export async function callOn<T>(
  client: Client,
  name: string,
  call: (path: string) => Promise<T>,
): Promise<T> {
  try {
    return await call(`/v1/syncs/${encodeURIComponent(name)}`);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    if (error.code === 'unknown_sync') throw await unknownSync(client, name, error);
    const remedy = commands[error.code ?? '']?.(name);
    if (remedy === undefined) throw error;
    throw new CommandFailed(error.message, remedy, { cause: error });
  }
}

/** Where the remedy of the problem is a call of the API, the command that makes it. */
const commands: Readonly<Record<string, (name: string) => string>> = {
  sync_stopped: (name) => `Start it first: watcher start ${name}`,
  dump_running: (name) =>
    `Wait for its end (watcher status ${name} --watch shows it), or stop it: watcher stop ${name}`,
  unknown_table: (name) => `watcher status ${name} lists its tables; name them as schema.table.`,
};

async function unknownSync(client: Client, name: string, cause: Error): Promise<CommandFailed> {
  const { syncs } = (await client.get('/v1/syncs')) as { syncs: readonly SyncJson[] };
  const names = syncs.map((sync) => sync.name);
  const nearest = names.toSorted((a, b) => distance(a, name) - distance(b, name))[0] ?? '';
  const guess = nearest !== '' && distance(nearest, name) <= 2 ? ` Did you mean ${nearest}?` : '';
  const remedy =
    names.length === 0 ? 'No sync is configured.' : `There are: ${names.join(', ')}.${guess}`;
  return new CommandFailed(`There is no sync named ${printable(name)}`, printable(remedy), {
    cause,
  });
}
