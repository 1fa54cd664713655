/** A TCP proxy that misbehaves on request: the network between Watcher and a server. */

import { EventEmitter, once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface TcpProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections that were ever taken. */
  readonly accepted: number;
  /** Connections that are open. */
  readonly open: number;
  /** Bytes handed on to the server. */
  readonly sentBytes: number;
  /** Bytes handed on to clients. */
  readonly receivedBytes: number;
  /** Resets all connections once; new ones are taken. */
  drop(): void;
  /** Resets all connections, and every new one, until `resume`. */
  cut(): void;
  /** Hands nothing on, not even an end, and closes nothing, until `resume`. New connections are taken, and silent. */
  halfOpen(): void;
  /** Holds every piece of data, in both directions, for that many milliseconds. 0 ends it. */
  delay(ms: number): void;
  /** Ends `cut` and `halfOpen`. What was held back by `halfOpen` is handed on. */
  resume(): void;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

class MisbehavingProxy implements TcpProxy {
  readonly host = '127.0.0.1';
  port = 0;
  accepted = 0;
  sentBytes = 0;
  receivedBytes = 0;
  readonly #target: Target;
  readonly #server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isCut = false;
  #delayMs = 0;
  #isSilent = false;
  readonly #resumed = new EventEmitter().setMaxListeners(0);

  constructor(target: Target) {
    this.#target = target;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, this.host);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    this.port = address.port;
  }

  get open(): number {
    return this.#pairs.size;
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    if (this.#isCut) {
      client.resetAndDestroy();
      return;
    }
    const server = createConnection({ ...this.#target, allowHalfOpen: true });
    const pair = [client, server] as const;
    for (const socket of pair) {
      socket.setNoDelay(true);
      // Seen where the socket is read; one that comes after its end is of no interest.
      socket.on('error', () => {});
    }
    this.#pairs.add(pair);
    const sent = (bytes: number) => {
      this.sentBytes += bytes;
    };
    const received = (bytes: number) => {
      this.receivedBytes += bytes;
    };
    const ways = [this.#carry(client, server, sent), this.#carry(server, client, received)];
    void Promise.all(ways).finally(() => this.#pairs.delete(pair));
  }

  /** Carries one direction to its end; an error on one side resets the other. Never rejects. */
  async #carry(from: Socket, to: Socket, count: (bytes: number) => void): Promise<void> {
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false })) {
        if (this.#delayMs > 0) await delay(this.#delayMs);
        await this.#mayFlow();
        if (!to.write(piece)) await writable(to);
        if (to.destroyed) throw new Error('the other side is gone');
        count(piece.length);
      }
      await this.#mayFlow();
      to.end();
    } catch {
      // A reset is an ordinary end here; it is handed on as one, once data may flow.
      await this.#mayFlow();
      from.destroy();
      to.resetAndDestroy();
    }
  }

  async #mayFlow(): Promise<void> {
    while (this.#isSilent) await once(this.#resumed, 'resumed');
  }

  drop(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  cut(): void {
    this.#isCut = true;
    this.drop();
  }

  halfOpen(): void {
    this.#isSilent = true;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  resume(): void {
    this.#isCut = false;
    this.#isSilent = false;
    this.#resumed.emit('resumed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.drop();
    this.resume();
    await closed;
  }
}

/** Starts a proxy on a free port of 127.0.0.1 that hands everything on to `target`. */
export async function startTcpProxy(target: Target): Promise<TcpProxy> {
  const proxy = new MisbehavingProxy(target);
  await proxy.listen();
  return proxy;
}

/** Until it takes more, or is gone. */
async function writable(socket: Socket): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]);
  over.abort();
}
