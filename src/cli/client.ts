/** Calls to the API of a running Watcher. By node:http, because `fetch` takes no certificate authority of its own. */
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { refusal, unreachable } from './answers.ts';
import { CommandFailed } from './failure.ts';
import { type ServerSentEvent, serverSentEvents } from './server-sent-events.ts';
import type { RemoteOptions, Surroundings } from './surroundings.ts';

export interface Client {
  /** As it is shown to a person: without what `user:password@` may have stood in it. */
  readonly url: string;
  /** @returns the body. @throws CommandFailed */
  get(path: string): Promise<unknown>;
  /** @returns the body. @throws CommandFailed */
  post(path: string, body?: unknown): Promise<unknown>;
  /** `GET /v1/events`, until it ends or breaks. @throws CommandFailed */
  events(signal: AbortSignal): AsyncGenerator<ServerSentEvent>;
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Nothing arrives for so long: it is given up. */
  readonly silenceMs: number;
}

const answerMs = 15_000;
/** An order waits for etcd, and a reload for the syncs that stop. */
const orderMs = 60_000;
/** The stream has a comment every 15 s. */
const streamSilenceMs = 45_000;

const defaultUrl = 'http://127.0.0.1:8080';

/** @throws CommandFailed with exit code 2 when what was given is no address, or no certificate. */
export function connect(options: RemoteOptions, around: Surroundings): Client {
  const base = parseUrl(options.url ?? (around.env.WATCHER_URL || defaultUrl));
  const ca = options.ca === undefined ? undefined : readAuthority(options.ca, around);
  const token = around.env.WATCHER_TOKEN || null;
  const server = { url: `${base.origin}${base.pathname}`.replace(/\/$/, ''), token };
  const send = (call: Call): Promise<IncomingMessage> => {
    const { method, signal, silenceMs } = call;
    return open(`${server.url}${call.path}`, call.body, {
      method,
      timeout: silenceMs,
      ...(ca === undefined ? {} : { ca }),
      ...(signal === undefined ? {} : { signal }),
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });
  };
  const exchange = async (call: Call): Promise<unknown> => {
    try {
      const answer = await send(call);
      return readBody(answer, await text(answer), server);
    } catch (error) {
      throw unreachable(error, server);
    }
  };
  return {
    url: server.url,
    get: (path) => exchange({ method: 'GET', path, silenceMs: answerMs }),
    post: (path, body) => exchange({ method: 'POST', path, body, silenceMs: orderMs }),
    async *events(signal) {
      const path = '/v1/events';
      try {
        const answer = await send({ method: 'GET', path, signal, silenceMs: streamSilenceMs });
        if (answer.statusCode !== 200) throw refusal(answer, await text(answer), server);
        yield* serverSentEvents(answer.setEncoding('utf8'));
      } catch (error) {
        throw unreachable(error, server);
      }
    },
  };
}

function open(
  url: string,
  body: unknown,
  options: RequestOptions & { readonly ca?: string },
): Promise<IncomingMessage> {
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    // A connection of its own: a command asks once, and a kept one would hold the process.
    const request = send(url, { ...options, agent: false }, resolve);
    request.once('timeout', () => {
      request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
    });
    request.once('error', reject);
    if (body !== undefined) request.setHeader('content-type', 'application/json');
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function readBody(
  answer: IncomingMessage,
  body: string,
  server: { readonly url: string; readonly token: string | null },
): unknown {
  const { statusCode = 0 } = answer;
  if (statusCode < 200 || statusCode > 299) throw refusal(answer, body, server);
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw refusal(answer, body, server, cause);
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new CommandFailed(
    'The address of Watcher is not an http:// or https:// URL',
    `Give --url or WATCHER_URL as ${defaultUrl}, with the prefix behind it where Watcher has one.`,
    { exitCode: 2 },
  );
}

function readAuthority(path: string, around: Surroundings): string {
  let pem: string;
  try {
    pem = around.readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : 'unknown error';
    throw new CommandFailed(`${path} cannot be read: ${code}`, 'Name a PEM file with --ca.', {
      exitCode: 2,
      cause,
    });
  }
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new CommandFailed(`${path} holds no certificate`, 'Name a PEM file with --ca.', {
    exitCode: 2,
  });
}
