/** The HTTP server of Watcher: the plugin `api` and what only a server can set. It does not listen. */
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { checkAccess, setSecurityHeaders } from './access.ts';
import { answerClientError } from './client-error.ts';
import { type ApiOptions, api } from './plugin.ts';
import { problem, sendProblem, toProblem } from './problems.ts';
import { RequestLog } from './request-log.ts';
import { pathOf } from './route-table.ts';

export interface AppOptions extends ApiOptions {
  /** A pino logger; see logger.ts. */
  readonly logger: FastifyBaseLogger;
}

const requestTimeoutMs = 30_000;

/** Call `listen` (or `inject`, in a test) on what it returns, and `close` at the end. */
export function buildApp({ logger, ...options }: AppOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: logger,
    logController: new RequestLog(),
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
    requestTimeout: requestTimeoutMs,
    // While it closes, the server answers what still arrives as ever.
    return503OnClosing: false,
  });
  app.register(api, options);
  return app;
}

/** Errors of the router itself, which come before every hook. */
function answerFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  setSecurityHeaders(reply);
  try {
    checkAccess(request);
    sendProblem(reply, malformedName(request) ? problem('unknown_sync') : toProblem(error));
  } catch (refused) {
    sendProblem(reply, toProblem(refused));
  }
}

/** A name that cannot even be decoded (`%zz`) is unknown, as any malformed one. */
function malformedName(request: FastifyRequest): boolean {
  return pathOf(request.url).startsWith('/v1/syncs/');
}
