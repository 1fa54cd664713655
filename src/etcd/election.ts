/**
 * The election of a sync's leader: etcd's recipe (client/v3/concurrency). Each candidate puts a key under its
 * lease; the one with the lowest create revision leads; each other waits until the one before it is gone. The
 * lease alone excludes nobody: every write compares the create revision of the leader's key (DESIGN §6).
 */
import { WatcherError } from '../errors.ts';
import type { EtcdClient } from './client.ts';
import { etcdError, reasonOf } from './errors.ts';
import type { Lease } from './lease.ts';
import { isCertainlyDead, type Owner } from './owner.ts';
import { pause } from './pause.ts';
import type { KeyValue } from './responses.ts';
import type { LeaderGuard } from './sink.ts';
import { prefixEnd, stateKeys } from './state-keys.ts';
import { WatchCompacted, watch } from './watch.ts';

/** The JSON at a candidate's key. */
export interface Candidate {
  readonly instance: string;
  /** null where the system does not tell; then nobody takes over before the lease expires. */
  readonly owner: Owner | null;
  /** RFC 3339 */
  readonly started_at: string;
  /** Digest of its configuration of the sync, without secrets: instances of one sync should have the same. */
  readonly config: string;
}

export interface CampaignOptions {
  readonly client: EtcdClient;
  readonly statePrefix: string;
  readonly sync: string;
  readonly lease: Lease;
  readonly candidate: Candidate;
  readonly signal: AbortSignal;
  /** Called each time that another candidate is found to lead; null: its key cannot be read. */
  readonly onStandby?: (leader: Candidate | null) => void;
  readonly isDead?: (owner: Owner) => boolean;
}

export interface Leadership extends LeaderGuard {
  /** Aborted once the lease is lost. */
  readonly lost: AbortSignal;
  /** Writes the candidate's key anew, if it is still there: its configuration has changed. */
  restate(candidate: Candidate): Promise<void>;
  /**
   * Lets the next candidate lead at once; another's leadership is left alone.
   * @param keys Deleted with it, in the same transaction.
   * @throws WatcherError when etcd does not answer.
   */
  resign(keys?: readonly string[]): Promise<void>;
}

const deadCheckIntervalMs = 1_000;
const withdrawMs = 1_000;
/** A process that ends has 10 s for everything; what etcd does not take by then goes with the lease. */
const resignMs = 3_000;

/**
 * Resolves when this instance leads.
 * @throws WatcherError `fenced` when the lease or the candidate's key is lost meanwhile; `etcd_unavailable`: try
 * again with the same lease; the reason of an aborted signal.
 */
export async function campaign(options: CampaignOptions): Promise<Leadership> {
  const { client, lease } = options;
  const key = candidateKey(options.statePrefix, options.sync, lease.id);
  const signal = AbortSignal.any([options.signal, lease.lost]);
  let createRevision: bigint;
  try {
    createRevision = await enter(client, key, options.candidate, lease.id, signal);
    await untilFirst({ ...options, signal }, key, createRevision);
  } catch (error) {
    if (options.signal.aborted && lease.isValid()) await withdraw(client, key);
    throw error;
  }
  return {
    key,
    createRevision,
    lost: lease.lost,
    isValid: () => lease.isValid(),
    restate: (candidate) => restate(client, { key, createRevision, lease: lease.id }, candidate),
    resign: (keys = []) => resign(client, { key, createRevision }, keys),
  };
}

/** Waits until no older candidate is left. */
async function untilFirst(
  { client, statePrefix, sync, isDead = isCertainlyDead, onStandby, signal }: CampaignOptions,
  key: string,
  createRevision: bigint,
): Promise<void> {
  const { leader: prefix } = stateKeys(statePrefix, sync);
  for (;;) {
    const { kvs, revision } = await client.range(
      { key: prefix, end: prefixEnd(prefix) },
      { signal },
    );
    if (!kvs.some((kv) => kv.key === key && kv.createRevision === createRevision)) {
      throw new WatcherError('fenced', { message: 'The key of this candidate was deleted' });
    }
    const before = byAge(kvs).filter((kv) => kv.createRevision < createRevision);
    const alive: KeyValue[] = [];
    for (const kv of before) {
      if (!(await removeIfDead(client, kv, isDead, signal))) alive.push(kv);
    }
    const [leader] = alive;
    const predecessor = alive.at(-1);
    if (leader === undefined || predecessor === undefined) return;
    onStandby?.(parseCandidate(leader.value));
    await untilGone(client, predecessor, revision, isDead, signal);
  }
}

/**
 * A candidate that waits no more leaves the queue: its lease lives on with the process, and nobody behind its key
 * could lead. What etcd does not take in a second goes with the lease.
 */
async function withdraw(client: EtcdClient, key: string): Promise<void> {
  try {
    await client.delete({ key }, { timeoutMs: withdrawMs });
  } catch (error) {
    if (etcdError(error).code === 'internal') throw error;
  }
}

async function resign(
  client: EtcdClient,
  { key, createRevision }: Pick<Leadership, 'key' | 'createRevision'>,
  keys: readonly string[],
): Promise<void> {
  const request = {
    compare: [{ key, target: 'create', revision: createRevision }],
    success: [...keys, key].map((own) => ({ kind: 'delete', key: own }) as const),
  } as const;
  await client.txn(request, { timeoutMs: resignMs });
}

async function restate(
  client: EtcdClient,
  own: { readonly key: string; readonly createRevision: bigint; readonly lease: bigint },
  candidate: Candidate,
): Promise<void> {
  const { key, createRevision, lease } = own;
  await client.txn({
    compare: [{ key, target: 'create', revision: createRevision }],
    success: [{ kind: 'put', key, value: JSON.stringify(candidate), lease }],
  });
}

/** The key of the instance that holds a lease. */
export function candidateKey(statePrefix: string, sync: string, lease: bigint): string {
  return `${stateKeys(statePrefix, sync).leader}${lease.toString(16)}`;
}

/** Who leads a sync now, or null. */
export async function currentLeader(
  client: EtcdClient,
  statePrefix: string,
  sync: string,
  signal: AbortSignal,
): Promise<Candidate | null> {
  const { leader: prefix } = stateKeys(statePrefix, sync);
  const { kvs } = await client.range({ key: prefix, end: prefixEnd(prefix) }, { signal });
  const leader = byAge(kvs)[0];
  return leader === undefined ? null : parseCandidate(leader.value);
}

/** Puts the candidate's key unless it is there (from an attempt whose answer was lost). */
async function enter(
  client: EtcdClient,
  key: string,
  candidate: Candidate,
  lease: bigint,
  signal: AbortSignal,
): Promise<bigint> {
  const value = JSON.stringify(candidate);
  const request = {
    compare: [{ key, target: 'create', revision: 0n }],
    success: [{ kind: 'put', key, value, lease }],
    failure: [{ kind: 'range', key }],
  } as const;
  const { succeeded, revision, ranges } = await client.txn(request, { signal });
  return succeeded ? revision : (ranges[0]?.kvs[0]?.createRevision ?? revision);
}

function byAge(kvs: readonly KeyValue[]): readonly KeyValue[] {
  return [...kvs].sort((a, b) => (a.createRevision < b.createRevision ? -1 : 1));
}

export function parseCandidate(text: string): Candidate | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('instance' in value)) return null;
    return value as Candidate;
  } catch {
    return null;
  }
}

async function removeIfDead(
  client: EtcdClient,
  { key, value, createRevision }: KeyValue,
  isDead: (owner: Owner) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const owner = parseCandidate(value)?.owner ?? null;
  if (owner === null || !isDead(owner)) return false;
  await removeKey(client, key, createRevision, signal);
  return true;
}

async function removeKey(
  client: EtcdClient,
  key: string,
  createRevision: bigint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const request = {
    compare: [{ key, target: 'create', revision: createRevision }],
    success: [{ kind: 'delete', key }],
  } as const;
  await client.txn(request, { signal });
}

/** Until a candidate's key is deleted; deletes it when its process dies on this machine. */
async function untilGone(
  client: EtcdClient,
  candidate: KeyValue,
  revision: bigint,
  isDead: (owner: Owner) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  // What is wrong with them ends the watch, which may have nothing to say for hours.
  const checks = checkForDeath(client, candidate, isDead, either).catch((error) =>
    done.abort(error),
  );
  const range = { key: candidate.key, end: null, revision: revision + 1n };
  try {
    for await (const event of watch({ client, ...range, signal: either })) {
      if (event.type === 'delete') return;
    }
  } catch (error) {
    if (!(error instanceof WatchCompacted)) throw error;
  } finally {
    done.abort();
    await checks;
  }
}

async function checkForDeath(
  client: EtcdClient,
  candidate: KeyValue,
  isDead: (owner: Owner) => boolean,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await pause(deadCheckIntervalMs, signal);
      try {
        if (await removeIfDead(client, candidate, isDead, signal)) return;
      } catch (error) {
        // The watch waits for etcd to come back; so does this.
        if (reasonOf(error) !== 'unavailable') throw error;
      }
    }
  } catch (error) {
    if (!signal.aborted) throw etcdError(error);
  }
}
