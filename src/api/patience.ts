/**
 * Routes that answer when their work is done, however long that takes: the limits of the server for silence, ours or a
 * host's, do not end their requests. A connection that breaks is noticed as ever.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Fastify has no "for ever" for a route (https://fastify.dev/docs/latest/Reference/Server/#handlertimeout). */
const longestTimerMs = 2 ** 31 - 1;

/** Options of such a route. */
export const patient = {
  handlerTimeout: longestTimerMs,
  preHandler: async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    allowSilence(request, reply);
  },
};

/** From now until the answer is out. Before, the request itself has to arrive in time. */
function allowSilence({ raw: { socket } }: FastifyRequest, reply: FastifyReply): void {
  const { timeout } = socket;
  // No limit; or no network, as in `inject`.
  if (timeout === undefined || timeout === 0) return;
  socket.setTimeout(0);
  // Before Node's own listener, which sets the limit between two requests.
  reply.raw.prependOnceListener('finish', () => socket.setTimeout(timeout));
}
