/** A server with the dashboard under a prefix, whose syncs are what a test says: for states that are hard to bring about. */

import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { dashboardRoutes } from '../../../src/api/routes/dashboard.ts';
import type { SyncJson } from '../../../src/api/schemas/sync.ts';
import { until } from '../../support/until.ts';

export interface StubServer extends AsyncDisposable {
  /** With the prefix, and a slash at the end. */
  readonly url: string;
  /** `order name` and the body of each that was given. */
  readonly orders: readonly (readonly [order: string, body: unknown])[];
  /** What the page is told, now and when it connects. */
  put(sync: SyncJson): void;
  remove(name: string): void;
  /** Ends the streams, and answers 503 until `allow`. */
  refuse(): void;
  allow(): void;
  /** Waits until a page listens. */
  connected(): Promise<void>;
}

export interface StubOptions {
  /** Each token with whether it may give orders. */
  readonly tokens?: Readonly<Record<string, 'read' | 'admin'>>;
}

const prefix = '/ops/watcher';

export async function startStub({ tokens }: StubOptions = {}): Promise<StubServer> {
  const app = Fastify({ forceCloseConnections: true });
  const syncs = new Map<string, SyncJson>();
  const streams = new Set<ServerResponse>();
  const orders: (readonly [string, unknown])[] = [];
  let refusing = false;
  const tell = (event: string, data: unknown): void => {
    for (const stream of streams) stream.write(frame(event, data));
  };

  const role = (request: FastifyRequest): 'read' | 'admin' | null => {
    if (tokens === undefined) return 'admin';
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    return tokens[token] ?? null;
  };

  await app.register(dashboardRoutes, { prefix });
  app.get(`${prefix}/v1/events`, (request, reply) => {
    if (role(request) === null) return problem(reply, 401, 'A token is needed');
    if (refusing) return problem(reply, 503, 'Out of order');
    reply.hijack();
    const stream = reply.raw;
    stream.writeHead(200, { 'content-type': 'text/event-stream' });
    stream.write('retry: 2000\n\n');
    for (const sync of syncs.values()) stream.write(frame('sync', sync));
    streams.add(stream);
    stream.once('close', () => streams.delete(stream));
  });
  app.post<{ Params: Record<'name' | 'order', string> }>(
    `${prefix}/v1/syncs/:name/:order`,
    (request, reply) => {
      if (role(request) === null) return problem(reply, 401, 'A token is needed');
      if (role(request) === 'read') return problem(reply, 403, 'The token may only read');
      const { name, order } = request.params;
      orders.push([`${order} ${name}`, request.body ?? {}]);
      return reply.code(202).send(syncs.get(name));
    },
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${prefix}/`,
    orders,
    put(sync) {
      syncs.set(sync.name, sync);
      tell('sync', sync);
    },
    remove(name) {
      syncs.delete(name);
      tell('removed', { name });
    },
    refuse() {
      refusing = true;
      for (const stream of streams) stream.destroy();
    },
    allow() {
      refusing = false;
    },
    async connected() {
      await until(() => streams.size > 0, { what: 'a page listens' });
    },
    async [Symbol.asyncDispose]() {
      for (const stream of streams) stream.destroy();
      await app.close();
    },
  };
}

function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function problem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  const body = { title: detail, status, detail, code: 'stub', remedy: 'See the test.' };
  return reply.code(status).type('application/problem+json').send(body);
}
