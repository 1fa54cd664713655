/** The API and its dashboard in a foreign server under a prefix, whose syncs are what a test says. */

import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { api } from '../../../src/api/plugin.ts';
import type { SyncJson } from '../../../src/api/schemas/sync.ts';
import { syncFromJson } from '../../../src/api/sync-json.ts';
import type { TokenConfig } from '../../../src/config/config.ts';
import { StubConfiguration } from '../../support/configuration.ts';
import { StubControl } from '../../unit/api/stub-control.ts';

export interface PageServer extends AsyncDisposable {
  /** With the prefix, and a slash at the end. */
  readonly url: string;
  /** What was ordered: `['desired', name, 'stopped']`, `['dump', name, tables]`. */
  readonly orders: readonly unknown[];
  /** What the page is told within a second, or when it connects. */
  put(sync: SyncJson): void;
  remove(name: string): void;
  stop(): Promise<void>;
  /** Again, at the same address. */
  start(): Promise<void>;
}

const prefix = '/ops/watcher';

/** @param tokens without them, everybody is an admin */
export async function startPageServer(tokens: readonly TokenConfig[] = []): Promise<PageServer> {
  const control = new StubControl();
  let app: FastifyInstance | undefined;
  let port = 0;
  const start = async (): Promise<void> => {
    app = Fastify();
    await app.register(api, {
      prefix,
      control,
      configuration: new StubConfiguration(),
      version: '1.2.3',
      node: '20.19.0',
      tokens: () => tokens,
      authenticate: () => (tokens.length === 0 ? 'admin' : null),
    });
    await app.listen({ host: '127.0.0.1', port });
    port = (app.server.address() as AddressInfo).port;
  };
  const stop = async (): Promise<void> => {
    await app?.close();
    app = undefined;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}${prefix}/`,
    orders: control.orders,
    put(sync) {
      const status = syncFromJson(sync);
      if (status === null) throw new TypeError(`${sync.name} is no sync`);
      control.statuses.set(sync.name, status);
    },
    remove: (name) => control.statuses.delete(name),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
