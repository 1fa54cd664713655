/**
 * The socket of a mysql2 connection, after mysql2 has logged in. From COM_BINLOG_DUMP on the server only sends, for
 * days, and mysql2 has no way to stop it: a paused connection of it reads on and keeps what it read. So the packets
 * are cut here. This is all that is used of the inside of mysql2; log-socket.test.ts and the tests on servers hold it.
 */
import { Socket } from 'node:net';
import type mysql from 'mysql2';
import { WatcherError } from '../../errors.ts';

/**
 * Takes the socket away from a connection on which nothing is under way. The connection still sees errors and the end.
 * @returns a TLSSocket when the connection is encrypted.
 */
export function takeSocket(client: mysql.Connection): Socket {
  const { stream } = client as unknown as { readonly stream?: unknown };
  if (!(stream instanceof Socket) || stream.listenerCount('data') !== 1) {
    throw new WatcherError('internal', {
      message: 'This version of mysql2 reads its socket in another way than the one that is known',
    });
  }
  stream.removeAllListeners('data');
  return stream;
}
