/** Batches and checkpoints for tests of the sink, and the errors that a connection makes. */
import { status } from '@grpc/grpc-js';
import { createEtcdClient, type EtcdClient } from '../../src/etcd/client.ts';
import { etcdError } from '../../src/etcd/errors.ts';
import { createServerLimits } from '../../src/etcd/limits.ts';
import { createEtcdSink, type EtcdSinkOptions } from '../../src/etcd/sink.ts';
import type { Batch, Checkpoint, KeyOp, Sink } from '../../src/replication/sink.ts';
import type { TestPrefix } from './prefix.ts';
import { etcd } from './servers.ts';

export function checkpointAt(lsn: string): Checkpoint {
  return {
    version: 1,
    phase: 'stream',
    position: { lsn },
    committed_at: '2020-01-01T00:00:00.000Z',
    source: { system: '1' },
    options: {
      include: ['public.*'],
      exclude: [],
      columns_exclude: [],
      key_columns: {},
      template: '/{sync}/{schema}/{table}/{key}',
      numbers: 'number',
    },
    dump: null,
    partial: null,
  };
}

export function put(prefix: string, name: string, value = '{"a":1}'): KeyOp {
  return { kind: 'put', key: `${prefix}${name}`, value, prefix };
}

export function remove(prefix: string, name: string): KeyOp {
  return { kind: 'delete', key: `${prefix}${name}`, prefix };
}

export function batchOf(ops: readonly KeyOp[], more: Partial<Batch> = {}): Batch {
  return {
    ops: new Map(ops.map((op) => [op.key, op])),
    clears: [],
    sweeps: [],
    checkpoint: checkpointAt('0/1'),
    tables: null,
    ...more,
  };
}

export type SinkParts = Partial<EtcdSinkOptions> & { readonly client: EtcdClient };

/** A sink of the sync `test` under the prefix, loaded. */
export async function loadedSink(prefix: TestPrefix, parts: SinkParts): Promise<Sink> {
  const sink = createEtcdSink({
    limits: createServerLimits(),
    statePrefix: prefix.state,
    sync: 'test',
    writerId: 'test',
    ...parts,
  });
  await sink.load(never);
  return sink;
}

/** A signal that nobody aborts. */
export const never = new AbortController().signal;

export type DisposableClient = EtcdClient & Disposable;

/** A client of the shared etcd, or of the endpoints given. */
export function clientOf(
  endpoints: readonly string[] = etcd().endpoints,
  options: Partial<Parameters<typeof createEtcdClient>[0]> = {},
): DisposableClient {
  const client = createEtcdClient({ endpoints, user: null, tls: null, ...options });
  return { ...client, [Symbol.dispose]: () => client.close() };
}

/** What a call ends with when its answer does not come. */
export function deadlineExceeded(): Error {
  return etcdError(
    Object.assign(new Error('no answer'), { code: status.DEADLINE_EXCEEDED, details: 'no answer' }),
  );
}

/** What a full etcd answers, sometimes also when the write was applied. */
export function noSpace(): Error {
  const details = 'etcdserver: mvcc: database space exceeded';
  return etcdError(Object.assign(new Error(details), { code: status.RESOURCE_EXHAUSTED, details }));
}
