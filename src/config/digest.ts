/** A digest of what a sync is configured to do, without its secrets, to be compared between instances. */
import { createHash } from 'node:crypto';
import type { Config } from './config.ts';
import { redact } from './redact.ts';

const digestChars = 16;

type Digests = ReadonlyMap<string, string>;

/** Each sync asks for its own: hundreds of them would each redact the whole configuration. */
const known = new WeakMap<Config, Digests>();

/** By the name of the sync. */
export function syncDigests(config: Config): Digests {
  const digests = known.get(config) ?? digestsOf(config);
  known.set(config, digests);
  return digests;
}

function digestsOf(config: Config): Digests {
  const syncs = redact(config).syncs as Readonly<Record<string, unknown>>;
  return new Map(
    Object.entries(syncs).map(([name, sync]) => {
      const hash = createHash('sha256').update(JSON.stringify(sync)).digest('base64url');
      return [name, hash.slice(0, digestChars)];
    }),
  );
}
