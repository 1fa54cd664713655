/** The end: what etcd holds against the rows of the source. */
import type { TestPrefix } from '../../support/prefix.ts';
import { keyOf } from './keys.ts';
import { sameJson } from './revisions.ts';
import type { FirstRow } from './source.ts';

/** The last one that changed rows. */
export async function lastRevision(prefix: TestPrefix): Promise<bigint> {
  const entries = await prefix.gateway.list(prefix.rows);
  let last = 0n;
  for (const { modRevision } of entries.values()) if (modRevision > last) last = modRevision;
  return last;
}

export function differences(
  source: readonly FirstRow[],
  values: ReadonlyMap<string, string>,
  prefixLength: number,
): string[] {
  const left = new Map([...values].map(([key, value]) => [key.slice(prefixLength), value]));
  const found: string[] = [];
  for (const { table, value } of source) {
    const key = keyOf(table, value);
    const stored = left.get(key) ?? null;
    left.delete(key);
    if (!sameJson(stored, value)) found.push(`${key} is ${stored ?? 'absent'}, and not ${value}`);
  }
  return [...found, ...[...left.keys()].map((key) => `${key} stands for no row`)].slice(0, 40);
}
