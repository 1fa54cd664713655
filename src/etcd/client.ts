/** The calls of the etcd v3 API that Watcher makes, typed. Nothing here is ever sent twice by itself. */

import { type CallOptions, Channel, type ChannelOptions, type MessageStream } from './channel.ts';
import { reasonOf } from './errors.ts';
import { pause } from './pause.ts';
import {
  type DeleteRequest,
  encodeDelete,
  encodeLeaseGrant,
  encodeLeaseId,
  encodePut,
  encodeRange,
  encodeTxn,
  type PutRequest,
  type RangeRequest,
  type TxnRequest,
} from './requests.ts';
import {
  type DeleteResponse,
  decodeDelete,
  decodeHeaderOnly,
  decodeLease,
  decodeRange,
  decodeStatus,
  decodeTxn,
  type LeaseResponse,
  type RangeResponse,
  type StatusResponse,
  type TxnResponse,
} from './responses.ts';

export interface Call {
  readonly signal?: AbortSignal | undefined;
  /** Default: `callTimeoutMs` of the client. */
  readonly timeoutMs?: number;
}

export interface EtcdClientOptions extends ChannelOptions {
  /** Default deadline of a call; 5 s. */
  readonly callTimeoutMs?: number;
}

/** Every call throws WatcherError (see `errors.ts`), or the reason of an aborted signal. */
export interface EtcdClient {
  range(request: RangeRequest, call?: Call): Promise<RangeResponse>;
  put(request: PutRequest, call?: Call): Promise<{ readonly revision: bigint }>;
  delete(request: DeleteRequest, call?: Call): Promise<DeleteResponse>;
  /** A buffer is an encoded TxnRequest. */
  txn(request: TxnRequest | Buffer, call?: Call): Promise<TxnResponse>;
  leaseGrant(ttlSeconds: number, call?: Call): Promise<LeaseResponse>;
  leaseKeepAlive(id: bigint, call?: Call): Promise<LeaseResponse>;
  leaseRevoke(id: bigint, call?: Call): Promise<void>;
  /** Of the member in use. A role without rights on the cluster may be refused it: information only. */
  status(call?: Call): Promise<StatusResponse>;
  watchStream(call?: Call): Promise<MessageStream>;
  /** After a stream has failed. */
  leaveMember(): void;
  /**
   * Waits until a read of `key` is answered.
   * @throws WatcherError `etcd_unavailable` after `timeoutMs`; other errors at once.
   */
  connect(key: string, timeoutMs: number, signal?: AbortSignal): Promise<void>;
  close(): void;
}

const retryDelayMs = 250;

export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  const channel = new Channel(options);
  const { callTimeoutMs = 5_000 } = options;
  const settings = ({ signal, timeoutMs = callTimeoutMs }: Call = {}): CallOptions => ({
    timeoutMs,
    signal,
  });

  const client: EtcdClient = {
    range: (request, call) =>
      channel.unary('/etcdserverpb.KV/Range', encodeRange(request), decodeRange, settings(call)),
    put: (request, call) =>
      channel.unary('/etcdserverpb.KV/Put', encodePut(request), decodeHeaderOnly, settings(call)),
    delete: (request, call) => {
      const message = encodeDelete(request);
      return channel.unary('/etcdserverpb.KV/DeleteRange', message, decodeDelete, settings(call));
    },
    txn: (request, call) => {
      const message = Buffer.isBuffer(request) ? request : encodeTxn(request);
      return channel.unary('/etcdserverpb.KV/Txn', message, decodeTxn, settings(call));
    },
    leaseGrant: (ttlSeconds, call) => {
      const message = encodeLeaseGrant(ttlSeconds);
      return channel.unary('/etcdserverpb.Lease/LeaseGrant', message, decodeLease, settings(call));
    },
    leaseKeepAlive: (id, call) => {
      const method = '/etcdserverpb.Lease/LeaseKeepAlive';
      return channel.unary(method, encodeLeaseId(id), decodeLease, settings(call));
    },
    leaseRevoke: async (id, call) => {
      const method = '/etcdserverpb.Lease/LeaseRevoke';
      await channel.unary(method, encodeLeaseId(id), decodeHeaderOnly, settings(call));
    },
    status: (call) => {
      const method = '/etcdserverpb.Maintenance/Status';
      return channel.unary(method, Buffer.alloc(0), decodeStatus, settings(call));
    },
    watchStream: (call) => channel.stream('/etcdserverpb.Watch/Watch', settings(call)),
    leaveMember: () => channel.leaveMember(),
    connect: async (key, timeoutMs, signal) => {
      const end = performance.now() + timeoutMs;
      for (;;) {
        const leftMs = Math.max(1, end - performance.now());
        try {
          const call = { signal, timeoutMs: Math.min(callTimeoutMs, leftMs) };
          await client.range({ key, countOnly: true }, call);
          return;
        } catch (error) {
          signal?.throwIfAborted();
          if (reasonOf(error) !== 'unavailable') throw error;
          if (performance.now() + retryDelayMs >= end) throw error;
        }
        await pause(retryDelayMs, signal);
      }
    },
    close: () => channel.close(),
  };
  return client;
}
