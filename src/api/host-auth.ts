/**
 * The authentication of a server that Watcher is a part of. It is asked as Fastify asks a hook, so that a hook which the
 * server has already will do (https://fastify.dev/docs/latest/Reference/Hooks/).
 *
 * 1. `read` or `admin` is what the caller may do. Undefined: the hook let the request pass, as hooks do; that is `admin`.
 * 2. Null, false and every other value refuse, and so does an error with the status 401 (`unauthorized`) or 403 (`forbidden`).
 * 3. Any other error is the server's own: `internal`, and its text goes to the log alone.
 * 4. A hook that answers the request itself refuses too, and its answer is left as it is.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TokenConfig } from '../config/config.ts';
import { WatcherError } from '../errors.ts';

export type Role = TokenConfig['role'];

/** The reply: what a hook of Fastify returns once it has sent an answer. */
// biome-ignore lint/suspicious/noConfusingVoidType: of an async function that returns nothing
export type Verdict = Role | null | false | undefined | void | FastifyReply;

/** Who sends a request, and what the caller may do. */
export type Authenticate = (
  request: FastifyRequest,
  reply: FastifyReply,
) => Verdict | Promise<Verdict>;

/** `answered`: there is an answer already, or on its way. An error: what to answer. */
export type HostAnswer = Role | 'refused' | 'answered' | WatcherError;

export async function askHost(
  authenticate: Authenticate | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<HostAnswer> {
  if (authenticate === undefined) return 'refused';
  const isAnswered = watchAnswer(reply);
  try {
    const verdict: unknown = await authenticate.call(request.server, request, reply);
    if (isAnswered()) return 'answered';
    if (verdict === undefined) return 'admin';
    return verdict === 'read' || verdict === 'admin' ? verdict : 'refused';
  } catch (error) {
    if (!isAnswered()) return refusalOf(error, reply);
    request.log.warn({ err: error }, 'authenticate failed after it had answered');
    return 'answered';
  } finally {
    Reflect.deleteProperty(reply, 'send');
  }
}

/**
 * `reply.sent` is false while hooks `onSend` of the server are still at work: who goes by it alone would let a request
 * pass that was refused just now.
 * @returns whether an answer was sent. The own property `send` of the reply is to be deleted at the end.
 */
function watchAnswer(reply: FastifyReply): () => boolean {
  let begun = false;
  const { send } = reply;
  reply.send = (payload) => {
    begun = true;
    return send.call(reply, payload);
  };
  return () => begun || reply.sent || reply.raw.headersSent;
}

/** The status is found where Fastify looks for it: on the error, or on the reply. */
function refusalOf(error: unknown, reply: FastifyReply): 'refused' | WatcherError {
  const { statusCode, status } = Object(error) as Readonly<Record<string, unknown>>;
  const found = statusCode ?? status ?? reply.statusCode;
  if (found === 401) return 'refused';
  if (found !== 403) return new WatcherError('internal', { cause: error });
  return new WatcherError('forbidden', {
    message: 'The server that Watcher is a part of does not allow this',
    remedy: 'Ask whoever runs that server for the right to do it.',
  });
}
