import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { logTail } from './supervised.ts';

/**
 * The first port that the kernel gives to outgoing connections. A server's port lies below: one that the kernel hands out may
 * be taken while the server is down for a restart, even by a client that tries to reach it and is connected with itself.
 */
function firstEphemeralPort(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 0;
  }
}

async function listenOnce(port: number): Promise<number> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

/** A free TCP port of 127.0.0.1. Another process may take it before it is used: be ready to ask again. */
export async function freePort(): Promise<number> {
  const end = firstEphemeralPort();
  for (let attempt = 0; end > 12_000 && attempt < 20; attempt += 1) {
    try {
      return await listenOnce(randomInt(10_000, end));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
  }
  return listenOnce(0);
}

/**
 * Starts a server on a free port; when another process takes the port first, on another one.
 *
 * @param dir where the server's log is
 */
export async function startOnFreePort<T>(
  dir: string,
  start: (port: number) => Promise<T>,
): Promise<{ port: number; process: T }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return { port, process: await start(port) };
    } catch (error) {
      if (attempt === 5 || !/Address already in use/.test(await logTail(dir))) throw error;
      await rm(join(dir, 'server.log'));
    }
  }
}
