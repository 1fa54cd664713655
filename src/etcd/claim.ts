/**
 * A leadership of a moment, under a lease of its own: the process's own candidate, under the lease of all its syncs,
 * waits behind it as any other does.
 */
import { WatcherError } from '../errors.ts';
import type { Claim } from '../replication/coordination.ts';
import type { EtcdCoordinationOptions } from './coordination.ts';
import { campaign, type Leadership } from './election.ts';
import { grantLease } from './lease.ts';
import { ownerOfThisProcess } from './owner.ts';
import { createEtcdSink } from './sink.ts';
import { prefixEnd, type StateKeys, stateKeys } from './state-keys.ts';

const ttlSeconds = 10;

/** @throws WatcherError `sync_not_stopped` when somebody leads, `etcd_unavailable`. */
export async function claimSync(
  options: EtcdCoordinationOptions,
  digest: string,
  signal: AbortSignal,
): Promise<Claim> {
  const { client, limits, statePrefix, sync, instance } = options;
  const lease = await grantLease({ client, ttlSeconds, signal });
  try {
    const leadership = await leadAtOnce(options, lease, digest, signal);
    const keys = stateKeys(statePrefix, sync);
    const guard = { client, limits, statePrefix, sync, writerId: instance, leader: leadership };
    return {
      sink: createEtcdSink(guard),
      lost: leadership.lost,
      stateKeys: (caller) => listState(options, keys, caller),
      removeState: (caller) => removeState(options, keys, leadership, caller),
      release: () => lease.revoke(),
    };
  } catch (error) {
    // It expires by itself where etcd does not answer; what went wrong is the other error.
    await lease.revoke().catch(() => undefined);
    throw error;
  }
}

async function leadAtOnce(
  { client, statePrefix, sync, instance, now }: EtcdCoordinationOptions,
  lease: Awaited<ReturnType<typeof grantLease>>,
  digest: string,
  signal: AbortSignal,
): Promise<Leadership> {
  const led = new AbortController();
  return await campaign({
    client,
    statePrefix,
    sync,
    lease,
    candidate: {
      instance,
      owner: ownerOfThisProcess(),
      started_at: now().toISOString(),
      config: digest,
    },
    signal: AbortSignal.any([signal, led.signal]),
    onStandby(leader) {
      const message = `The instance ${leader?.instance ?? 'of an unknown name'} leads the sync`;
      led.abort(new WatcherError('sync_not_stopped', { message }));
    },
  });
}

/** Ranges of all own keys but `desired` and those of the election. */
function stateRanges({ prefix, desired, leader }: StateKeys) {
  return [
    { key: prefix, end: desired },
    { key: `${desired}\0`, end: leader },
    { key: prefixEnd(leader), end: prefixEnd(prefix) },
  ];
}

async function listState(
  { client }: EtcdCoordinationOptions,
  keys: StateKeys,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const success = stateRanges(keys).map(
    (range) => ({ kind: 'range', ...range, keysOnly: true }) as const,
  );
  const { ranges } = await client.txn({ compare: [], success }, { signal });
  const found = ranges.flatMap(({ kvs }) => kvs.map(({ key }) => key));
  const ofPrefix = (key: string) => key.slice(keys.prefix.length).replace(/\/.*$/s, '/');
  return [...new Set(found.map((key) => `${keys.prefix}${ofPrefix(key)}`))].sort();
}

async function removeState(
  { client }: EtcdCoordinationOptions,
  keys: StateKeys,
  leadership: Leadership,
  signal: AbortSignal,
): Promise<void> {
  const { key, createRevision: revision } = leadership;
  const request = {
    compare: [{ key, target: 'create', revision }],
    success: stateRanges(keys).map((range) => ({ kind: 'delete', ...range }) as const),
  } as const;
  const { succeeded } = await client.txn(request, { signal });
  if (!succeeded) throw new WatcherError('fenced');
}
