/** A digest of what a sync is configured to do, without its secrets, to be compared between instances. */
import { createHash } from 'node:crypto';
import type { Config } from './config.ts';
import { redact } from './redact.ts';

const digestChars = 16;

/** By the name of the sync. */
export function syncDigests(config: Config): ReadonlyMap<string, string> {
  const syncs = redact(config).syncs as Readonly<Record<string, unknown>>;
  return new Map(
    Object.entries(syncs).map(([name, sync]) => {
      const hash = createHash('sha256').update(JSON.stringify(sync)).digest('base64url');
      return [name, hash.slice(0, digestChars)];
    }),
  );
}
