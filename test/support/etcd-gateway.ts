/** What is in etcd, read by its JSON gateway: tests of our own client do not believe our own client. */

import {
  base64,
  callEtcd,
  type EtcdTarget,
  openCall,
  prefixEnd,
} from '../../tools/testenv/etcd-http.ts';
import { until } from './until.ts';

export interface EtcdEntry {
  readonly key: string;
  readonly value: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** 1 for a key's first put, one more for each further one. */
  readonly version: bigint;
}

/** `put`, or `delete` with an empty value; both happened at `modRevision`. */
export interface EtcdEvent extends EtcdEntry {
  readonly type: 'put' | 'delete';
}

export interface EtcdWatch extends AsyncDisposable {
  /** Grows while the watch is open: every event since it began, in etcd's order. */
  readonly events: readonly EtcdEvent[];
  /** The revision of the store when the watch began. */
  readonly startRevision: bigint;
  /** Rejects when the watch breaks; never resolves. For `until(…, { failure })`. */
  readonly failure: Promise<never>;
  /** Waits for an event at this revision or a later one. */
  reached(revision: bigint): Promise<void>;
  close(): Promise<void>;
}

export interface EtcdGateway {
  get(key: string): Promise<EtcdEntry | undefined>;
  /** Everything under a prefix, at one revision, by key in etcd's order. */
  list(prefix: string): Promise<Map<string, EtcdEntry>>;
  /** The same, values alone. */
  values(prefix: string): Promise<Map<string, string>>;
  /** Answers the put's revision. */
  put(key: string, value: string): Promise<bigint>;
  /** Answers the number of keys deleted. */
  deletePrefix(prefix: string): Promise<number>;
  /** The store's revision now. */
  revision(): Promise<bigint>;
  /** Resolves once the watch stands: nothing that happens afterwards is missed. */
  watchPrefix(prefix: string, fromRevision?: bigint): Promise<EtcdWatch>;
}

/** The gateway writes 64-bit integers as strings and leaves out members that are zero or empty. */
interface WireEntry {
  readonly key: string;
  readonly value?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
  readonly version?: string;
}

interface WireRange {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly WireEntry[];
  readonly more?: boolean;
}

interface WireWatch {
  readonly error?: { readonly message?: string };
  readonly result?: {
    readonly header: { readonly revision: string };
    readonly created?: boolean;
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly { readonly type?: 'PUT' | 'DELETE'; readonly kv: WireEntry }[];
  };
}

const pageSize = 10_000;

function toText(encoded = ''): string {
  return Buffer.from(encoded, 'base64').toString('utf8');
}

function toEntry(wire: WireEntry): EtcdEntry {
  return {
    key: toText(wire.key),
    value: toText(wire.value),
    createRevision: BigInt(wire.create_revision ?? 0),
    modRevision: BigInt(wire.mod_revision ?? 0),
    version: BigInt(wire.version ?? 0),
  };
}

function rangeOf(prefix: string) {
  return { key: base64(prefix), range_end: base64(prefixEnd(prefix)) };
}

async function list(target: EtcdTarget, prefix: string): Promise<Map<string, EtcdEntry>> {
  const entries = new Map<string, EtcdEntry>();
  let range = rangeOf(prefix);
  let revision = '0';
  for (;;) {
    const body = { ...range, limit: pageSize, revision };
    const page = (await callEtcd(target, { path: '/v3/kv/range', body })) as WireRange;
    for (const wire of page.kvs ?? []) entries.set(toText(wire.key), toEntry(wire));
    const last = page.kvs?.at(-1);
    if (!page.more || last === undefined) return entries;
    // The next page starts right behind the last key, at the revision of the first page.
    range = {
      ...range,
      key: base64(Buffer.concat([Buffer.from(last.key, 'base64'), Buffer.of(0)])),
    };
    if (revision === '0') revision = page.header.revision;
  }
}

/** The messages of a stream, one JSON text a line, however large and however cut into pieces. */
async function* messages(pieces: AsyncIterable<Buffer>): AsyncGenerator<WireWatch> {
  let pending: Buffer[] = [];
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
      pending.push(piece.subarray(start, end));
      yield JSON.parse(Buffer.concat(pending).toString('utf8')) as WireWatch;
      pending = [];
      start = end + 1;
    }
    if (start < piece.length) pending.push(piece.subarray(start));
  }
}

function resultOf(message: WireWatch): NonNullable<WireWatch['result']> {
  const { result, error } = message;
  if (result === undefined) throw new Error(`etcd ended the watch: ${error?.message}`);
  if (result.canceled) {
    const compacted = result.compact_revision && `compacted at ${result.compact_revision}`;
    throw new Error(
      `etcd cancelled the watch: ${result.cancel_reason || compacted || 'no reason'}`,
    );
  }
  return result;
}

async function watchPrefix(
  target: EtcdTarget,
  prefix: string,
  fromRevision: bigint | undefined,
): Promise<EtcdWatch> {
  const stop = new AbortController();
  const start = fromRevision === undefined ? {} : { start_revision: String(fromRevision) };
  const body = { create_request: { ...rangeOf(prefix), ...start, fragment: true } };
  const response = await openCall(target, { path: '/v3/watch', body, signal: stop.signal });
  const stream = messages(response);
  const first = await stream.next();
  if (first.done) throw new Error('etcd ended the watch before it began');
  const startRevision = BigInt(resultOf(first.value).header.revision);
  const events: EtcdEvent[] = [];
  const collect = async (): Promise<never> => {
    for await (const message of stream) {
      for (const { type = 'PUT', kv } of resultOf(message).events ?? []) {
        events.push({ type: type === 'PUT' ? 'put' : 'delete', ...toEntry(kv) });
      }
    }
    throw new Error('etcd ended the watch');
  };
  const failure = collect();
  // Whoever waits on it sees it; closing it on purpose is nobody's failure.
  failure.catch(() => {});
  const close = async () => {
    stop.abort();
    await failure.catch(() => {});
  };
  return {
    events,
    startRevision,
    failure,
    close,
    async reached(revision) {
      const what = `the watch of ${prefix} reaches revision ${revision}`;
      await until(() => (events.at(-1)?.modRevision ?? 0n) >= revision, { what, failure });
    },
    [Symbol.asyncDispose]: close,
  };
}

/** A view of an etcd, independent of the code under test. */
export function etcdGateway(target: EtcdTarget): EtcdGateway {
  const post = (path: string, body: object) => callEtcd(target, { path, body });
  return {
    async get(key) {
      const { kvs } = (await post('/v3/kv/range', { key: base64(key) })) as WireRange;
      return kvs?.[0] && toEntry(kvs[0]);
    },
    list: (prefix) => list(target, prefix),
    async values(prefix) {
      const entries = await list(target, prefix);
      return new Map([...entries].map(([key, { value }]) => [key, value]));
    },
    async put(key, value) {
      const answer = await post('/v3/kv/put', { key: base64(key), value: base64(value) });
      return BigInt((answer as WireRange).header.revision);
    },
    async deletePrefix(prefix) {
      const answer = await post('/v3/kv/deleterange', rangeOf(prefix));
      return Number((answer as { deleted?: string }).deleted ?? 0);
    },
    async revision() {
      const answer = await post('/v3/kv/range', { key: base64('\0'), count_only: true });
      return BigInt((answer as WireRange).header.revision);
    },
    watchPrefix: (prefix, fromRevision) => watchPrefix(target, prefix, fromRevision),
  };
}
