/** What a watch saw, revision by revision. */
import type { Checkpoint, TableRecords } from '../../../src/replication/sink.ts';
import type { EtcdEvent } from '../../support/etcd-gateway.ts';
import { jsonTokens } from '../../support/json-tokens.ts';

export interface Observed {
  /** Of the rows; keys without their prefix. */
  readonly rows: readonly EtcdEvent[];
  /** Of the sync's own keys; keys without their prefix, for example `checkpoint`. */
  readonly state: readonly EtcdEvent[];
}

export type StoredCheckpoint = Checkpoint & {
  readonly writer: { readonly id: string; readonly batch: number };
};

export interface Revision {
  readonly revision: bigint;
  readonly rows: EtcdEvent[];
  checkpoint: StoredCheckpoint | null;
  tables: TableRecords | null;
}

export function inRevisions({ rows, state }: Observed): readonly Revision[] {
  const revisions = new Map<bigint, Revision>();
  const at = (revision: bigint): Revision => {
    const known = revisions.get(revision) ?? { revision, rows: [], checkpoint: null, tables: null };
    revisions.set(revision, known);
    return known;
  };
  for (const event of rows) at(event.modRevision).rows.push(event);
  for (const event of state) {
    if (event.type !== 'put') continue;
    if (event.key === 'checkpoint') at(event.modRevision).checkpoint = JSON.parse(event.value);
    if (event.key === 'tables') at(event.modRevision).tables = JSON.parse(event.value);
  }
  return [...revisions.values()].sort((a, b) => (a.revision < b.revision ? -1 : 1));
}

export function sameJson(a: string | null, b: string | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  const [left, right] = [jsonTokens(a), jsonTokens(b)];
  return left.length === right.length && left.every((token, index) => token === right[index]);
}
