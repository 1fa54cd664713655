/** What the leader of a sync publishes for the other instances (SPEC §7): the sync of the API, and whether it is stalled. */
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { SyncStatus } from '../replication/status.ts';
import { strict } from './schemas/atoms.ts';
import { Sync } from './schemas/sync.ts';
import { syncFromJson, syncToJson } from './sync-json.ts';

const Published = Compile(Type.Object({ ...Sync.properties, stalled: Type.Boolean() }, strict));

export function encodeStatus(status: SyncStatus): string {
  return JSON.stringify({ ...syncToJson(status), stalled: status.stalled });
}

/** Null when it is not one that this version understands. */
export function decodeStatus(text: string): SyncStatus | null {
  let published: unknown;
  try {
    published = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Published.Check(published)) return null;
  const { stalled, ...sync } = published;
  return { ...syncFromJson(sync), stalled };
}
