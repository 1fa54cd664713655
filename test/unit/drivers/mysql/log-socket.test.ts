/** What is used of the inside of mysql2, against mysql2 itself. */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import mysql from 'mysql2';
import { expect, test } from 'vitest';
import { takeSocket } from '../../../../src/drivers/mysql/log-socket.ts';

test('the socket is the one that mysql2 reads, and mysql2 reads it no more', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const accepted = once(server, 'connection');
  const socket = createConnection({ host: '127.0.0.1', port: address.port });
  const client = mysql.createConnection({
    user: 'u',
    stream: () => socket,
  } as mysql.ConnectionOptions);
  client.on('error', () => {});
  const [peer] = (await accepted) as [Socket];
  const taken = takeSocket(client);
  expect(taken).toBe(socket);
  const data = once(taken, 'data');
  // mysql2 would take this for a handshake that makes no sense, and end the connection.
  peer.write('\x05\x00\x00\x00hello');
  expect(String((await data)[0])).toContain('hello');
  expect(taken.destroyed).toBe(false);
  taken.destroy();
  peer.destroy();
  server.close();
});

test('a mysql2 that works otherwise is noticed', () => {
  for (const stream of [undefined, {}]) {
    const client = { stream } as unknown as mysql.Connection;
    expect(() => takeSocket(client)).toThrow(expect.objectContaining({ code: 'internal' }));
  }
});
