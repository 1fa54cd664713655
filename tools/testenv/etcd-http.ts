/** Calls of etcd's HTTP side: its JSON gateway and its health, with TLS and a token where the server wants them. */

import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import type { KeyPairFiles } from './certificates.ts';

/** Where an etcd is. Plain data. */
export interface EtcdAddress {
  /** URL of the first member, for example `http://127.0.0.1:2379`. */
  readonly endpoint: string;
  /** URLs of all members. */
  readonly endpoints: readonly string[];
  /** For example `3.4.23`. */
  readonly version: string;
}

/** What a call needs to know of the server. */
export interface EtcdTarget {
  readonly endpoint: string;
  /** With TLS: the paths of the authority and, where the server asks for one, of a client certificate. */
  readonly tls?: { readonly ca: string; readonly client?: KeyPairFiles | undefined } | undefined;
  /** From `authenticate`, where authentication is on. */
  readonly token?: string | undefined;
}

export interface EtcdRequest {
  /** For example `/v3/kv/range`. */
  readonly path: string;
  /** Posted as JSON; without it, a GET. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** The refusal of a call: etcd's own words. */
export class EtcdRefusal extends Error {
  override readonly name = 'EtcdRefusal';
}

/** Sends a request; resolves with the answer's head. Its body is still to be read. Rejects unless the status is 200. */
export async function openCall(target: EtcdTarget, call: EtcdRequest): Promise<IncomingMessage> {
  const url = new URL(call.path, target.endpoint);
  const { tls } = target;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(
      url,
      {
        method: call.body === undefined ? 'GET' : 'POST',
        headers: {
          'content-type': 'application/json',
          ...(target.token !== undefined && { authorization: target.token }),
        },
        ...(tls && { ca: readFileSync(tls.ca) }),
        ...(tls?.client && {
          cert: readFileSync(tls.client.cert),
          key: readFileSync(tls.client.key),
        }),
        ...(call.signal && { signal: call.signal }),
      },
      resolve,
    );
    request.once('error', reject);
    request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  });
  if (response.statusCode !== 200) {
    throw new EtcdRefusal(`etcd ${call.path}: ${response.statusCode} ${await text(response)}`);
  }
  return response;
}

/** One call; gives up after `timeoutMs`. */
export async function callEtcd(
  target: EtcdTarget,
  call: Omit<EtcdRequest, 'signal'>,
  timeoutMs = 30_000,
): Promise<unknown> {
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new Error(`no answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return JSON.parse(await text(await openCall(target, { ...call, signal: giveUp.signal })));
  } finally {
    clearTimeout(timer);
  }
}

/** A key or value in the form of the JSON gateway. */
export function base64(value: string | Uint8Array): string {
  return Buffer.from(value).toString('base64');
}

/** The end of the range of all keys that begin with a prefix. */
export function prefixEnd(prefix: string): Buffer {
  const bytes = Buffer.from(prefix);
  const last = bytes.findLastIndex((byte) => byte < 0xff);
  if (last === -1) return Buffer.of(0);
  const end = Buffer.from(bytes.subarray(0, last + 1));
  end[last] = (end[last] ?? 0) + 1;
  return end;
}
