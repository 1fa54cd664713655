/** What syncs must not share with each other, or with Watcher itself. */

import type { SyncConfig } from './config.ts';
import { syncShapes } from './key-spaces.ts';
import { isLoopback } from './loopback.ts';
import type { Draft, LocatedSync } from './normalise.ts';
import { mayMeet, prefixShape } from './overlap.ts';
import { childPath, type Report } from './report.ts';

export function crossChecks(draft: Draft, report: Report): void {
  checkKeys(draft, report);
  refuseShared(draft, report, ['postgres', 'slot'], (sync) =>
    sync.driver === 'pgx' ? [sync.postgres.slot] : null,
  );
  refuseShared(draft, report, ['postgres', 'publication'], (sync) =>
    sync.driver === 'pgx' ? [...sync.database.names, sync.postgres.publication] : null,
  );
  refuseShared(draft, report, ['mysql', 'server_id'], (sync) =>
    sync.driver === 'mysql' && sync.mysql.serverId !== 'auto'
      ? [String(sync.mysql.serverId)]
      : null,
  );
}

function checkKeys({ config, syncs }: Draft, report: Report): void {
  const usable = syncs.filter(
    ({ path }) =>
      !report.has(
        under(path, 'keys', 'template'),
        under(path, 'tables', 'include'),
        under(path, 'database', 'name'),
      ),
  );
  const spaces = usable.map(({ path, sync }) => ({
    name: sync.name,
    path: under(path, 'keys', 'template'),
    shapes: syncShapes(sync),
  }));
  const own = report.has('etcd.state_prefix') ? [] : [prefixShape(config.etcd.statePrefix)];
  for (const [index, space] of spaces.entries()) {
    if (mayMeet(space.shapes, own)) {
      report.add(
        space.path,
        `its keys could be under etcd.state_prefix (${config.etcd.statePrefix})`,
      );
    }
    const other = spaces.slice(0, index).find((earlier) => mayMeet(space.shapes, earlier.shapes));
    if (other !== undefined)
      report.add(space.path, `its keys could overlap with those of the sync "${other.name}"`);
  }
}

/** @param identity What must differ between two syncs of one server; null: nothing. */
function refuseShared(
  { syncs }: Draft,
  report: Report,
  keys: readonly string[],
  identity: (sync: SyncConfig) => readonly string[] | null,
): void {
  const owners = new Map<string, LocatedSync>();
  for (const located of syncs) {
    const { path, sync } = located;
    const parts = identity(sync);
    const at = under(path, ...keys);
    if (parts === null || report.has(at, under(path, 'database'))) continue;
    const id = JSON.stringify([serverOf(sync), ...parts]);
    const owner = owners.get(id);
    if (owner === undefined) owners.set(id, located);
    else report.add(at, `is that of the sync "${owner.sync.name}" too; each sync needs its own`);
  }
}

/** Where the server is; the names of this machine are one. */
export function serverOf({ database }: Pick<SyncConfig, 'database'>): string {
  const host = isLoopback(database.host) ? 'localhost' : database.host.toLowerCase();
  return `${host}:${database.port}`;
}

function under(path: string, ...keys: readonly string[]): string {
  return keys.reduce(childPath, path);
}
