/** Coordination of the instances of one sync, over etcd. */
import type { Coordination, Lead, SyncOrders } from '../replication/coordination.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { claimSync } from './claim.ts';
import type { EtcdClient } from './client.ts';
import { createControl, createStatusPublisher, parseDesired, parseRequest } from './control.ts';
import { campaign, candidateKey, parseCandidate } from './election.ts';
import type { ServerLimits } from './limits.ts';
import { ownerOfThisProcess } from './owner.ts';
import { createRowKeys } from './records.ts';
import type { KeyValue } from './responses.ts';
import type { Session } from './session.ts';
import { createEtcdSink } from './sink.ts';
import { type StateKeys, stateKeys } from './state-keys.ts';
import { WatchCompacted, watch } from './watch.ts';

export interface EtcdCoordinationOptions {
  readonly client: EtcdClient;
  readonly session: Session;
  readonly limits: ServerLimits;
  readonly statePrefix: string;
  readonly sync: string;
  readonly instance: string;
  /** Digest of this instance's configuration of the sync. */
  readonly digest: string;
  /** A status could not be published; the next one is tried again. */
  readonly onPublishError: (error: Error) => void;
  readonly now: () => Date;
}

export function createEtcdCoordination(options: EtcdCoordinationOptions): Coordination {
  const { client, statePrefix, sync } = options;
  const own: Own = { digest: options.digest, key: null };
  const control = createControl(client, statePrefix, sync);
  const keys = stateKeys(statePrefix, sync);
  return {
    campaign: (signal, onStandby) => lead(options, own, signal, onStandby),
    claim: (signal) => claimSync(options, own.digest, signal),
    orders: (signal) => followOrders(client, keys, own, signal),
    checkpoint: (signal) => readCheckpoint(client, keys.checkpoint, signal),
    tables: () => createRowKeys(client, statePrefix).records(sync),
    configure(digest) {
      own.digest = digest;
    },
    setDesired: (desired) => control.writeDesired(desired),
    putRequest: ({ id, tables }) =>
      control.writeRequest({ id, tables, requested_at: options.now().toISOString() }),
    async clearRequest(id) {
      const stored = await control.readRequest();
      if (stored?.request.id === id) await control.removeRequest(stored);
    },
  };
}

async function readCheckpoint(
  client: EtcdClient,
  key: string,
  signal: AbortSignal,
): ReturnType<Coordination['checkpoint']> {
  const { kvs } = await client.range({ key }, { signal });
  const [kv] = kvs;
  if (kv === undefined) return { checkpoint: null, revision: 0n };
  return { checkpoint: decodeCheckpoint(key, kv.value).checkpoint, revision: kv.modRevision };
}

/** What this instance tells the others of itself. */
interface Own {
  digest: string;
  /** Its key in the election, once it has campaigned. */
  key: string | null;
}

async function lead(
  options: EtcdCoordinationOptions,
  own: Own,
  signal: AbortSignal,
  onStandby: (leader: string | null) => void,
): Promise<Lead> {
  const { client, statePrefix, sync, instance, limits } = options;
  const lease = await options.session.lease(signal);
  const entered = {
    instance,
    owner: ownerOfThisProcess(),
    started_at: options.now().toISOString(),
  };
  let stated = own.digest;
  own.key = candidateKey(statePrefix, sync, lease.id);
  const leadership = await campaign({
    client,
    statePrefix,
    sync,
    lease,
    candidate: { ...entered, config: stated },
    signal,
    onStandby: (leader) => onStandby(leader?.instance ?? null),
  });
  const publisher = createStatusPublisher({
    client,
    statePrefix,
    sync,
    lease,
    leader: leadership,
    onError: options.onPublishError,
  });
  return {
    sink: createEtcdSink({
      client,
      limits,
      statePrefix,
      sync,
      writerId: instance,
      leader: leadership,
    }),
    lost: leadership.lost,
    publish(status) {
      publisher.publish(status);
      if (stated === own.digest) return;
      const before = stated;
      stated = own.digest;
      leadership.restate({ ...entered, config: stated }).catch((error: Error) => {
        // The next status tries again.
        stated = before;
        options.onPublishError(error);
      });
    },
    async release() {
      publisher.close();
      await leadership.resign([stateKeys(statePrefix, sync).status]);
    },
  };
}

/** `desired`, `leader/`, `request` and `status` stand between `checkpoint` and `tables`, which change all the time. */
async function* followOrders(
  client: EtcdClient,
  keys: StateKeys,
  own: Own,
  signal: AbortSignal,
): AsyncGenerator<SyncOrders, never> {
  const range = { key: keys.desired, end: keys.tables };
  for (;;) {
    const { kvs, revision } = await client.range(range, { signal });
    const current = new Map(kvs.map((kv) => [kv.key, kv]));
    yield ordersFrom(current, keys, own);
    try {
      for await (const event of watch({ client, ...range, revision: revision + 1n, signal })) {
        if (event.type === 'delete') current.delete(event.key);
        else current.set(event.key, { ...event, createRevision: 0n });
        yield ordersFrom(current, keys, own);
      }
    } catch (error) {
      if (!(error instanceof WatchCompacted)) throw error;
    }
  }
}

function ordersFrom(current: ReadonlyMap<string, KeyValue>, keys: StateKeys, own: Own): SyncOrders {
  const desired = current.get(keys.desired);
  const request = current.get(keys.request);
  return {
    desired: desired === undefined ? null : parseDesired(desired.key, desired.value),
    desiredRevision: desired?.modRevision ?? 0n,
    request: request === undefined ? null : parseRequest(request.key, request.value),
    published: current.get(keys.status)?.value ?? null,
    differing: differing([...current.values()], keys, own),
  };
}

/** The candidates that say another digest; a version that says none is not judged. */
function differing(kvs: readonly KeyValue[], keys: StateKeys, own: Own): readonly string[] {
  const others = kvs
    .filter(({ key }) => key.startsWith(keys.leader) && key !== own.key)
    .map(({ value }) => parseCandidate(value))
    .filter((candidate) => (candidate?.config ?? own.digest) !== own.digest);
  return [...new Set(others.map((candidate) => candidate?.instance ?? ''))].sort();
}
