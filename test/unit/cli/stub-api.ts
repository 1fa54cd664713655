/** An API of canned answers on loopback, and the surroundings of a command that is called on it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type ProblemOptions, problem } from '../../../src/api/problems.ts';
import type { Surroundings } from '../../../src/cli/surroundings.ts';
import type { ErrorCode } from '../../../src/errors.ts';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

type Answer = (asked: Asked, response: ServerResponse) => unknown;

export interface StubApi extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
}

/** @param answer What it returns is sent as JSON, unless it has answered itself. */
export async function stubApi(answer: Answer, tls?: ServerOptions): Promise<StubApi> {
  const asked: Asked[] = [];
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const call = { method, url, headers, body: await text(request) };
    asked.push(call);
    const body = await answer(call, response);
    if (body === undefined) return;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    respond(request, response).catch((error: unknown) => response.destroy(error as Error));
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export function refuse(response: ServerResponse, code: ErrorCode, options?: ProblemOptions): void {
  const document = problem(code, options);
  response.writeHead(document.status, {
    'content-type': 'application/problem+json; charset=utf-8',
  });
  response.end(JSON.stringify(document));
}

export interface TestSurroundings extends Surroundings {
  /** What was printed so far. */
  readonly printed: { out: string; err: string };
  /** As Ctrl-C does. */
  readonly interrupt: () => void;
}

/** No terminal, and colours as `<red>text</red>`. */
export function surroundings(changes: Partial<Surroundings> = {}): TestSurroundings {
  const printed = { out: '', err: '' };
  const controller = new AbortController();
  return {
    printed,
    interrupt: () => controller.abort(),
    env: {},
    style: (_format, text) => text,
    out: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += text;
    },
    size: () => null,
    readFile: (path) => {
      throw Object.assign(new Error(path), { code: 'ENOENT' });
    },
    pauseMs: 10,
    interrupted: () => controller.signal,
    ...changes,
  };
}

export const tagged: Surroundings['style'] = (format, text) => `<${format}>${text}</${format}>`;
