/** The HTTP server of Watcher: the plugin `api` and what only a server can set. It does not listen. */
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { createGuard, type Guard } from './auth.ts';
import { answerClientError } from './client-error.ts';
import { type ApiOptions, api } from './plugin.ts';
import { problem, sendProblem, toProblem } from './problems.ts';
import { RequestLog } from './request-log.ts';
import { pathOf } from './route-table.ts';
import { setSecurityHeaders } from './security-headers.ts';
import {
  boundConnections,
  defaultLimits,
  ignoreExpectations,
  type ServerLimits,
  serverOptions,
} from './server.ts';
import type { ApiTls } from './tls.ts';

export interface AppOptions extends ApiOptions {
  /** A pino logger; see logger.ts. */
  readonly logger: FastifyBaseLogger;
  /** Null or absent: plain HTTP. */
  readonly tls?: ApiTls | null;
  /** Other limits than the default ones. */
  readonly limits?: Partial<ServerLimits>;
}

/** One year, for this host alone. */
const strictTransport = 'max-age=31536000';

/** Call `listen` (or `inject`, in a test) on what it returns, and `close` at the end. */
export function buildApp({ logger, tls = null, limits, ...options }: AppOptions): FastifyInstance {
  const allLimits = { ...defaultLimits, ...limits };
  const guard = createGuard(options);
  const app = Fastify({
    ...serverOptions(tls, allLimits),
    loggerInstance: logger,
    logController: new RequestLog(),
    frameworkErrors: (error, request, reply) => answerFrameworkError(guard, error, request, reply),
    clientErrorHandler: answerClientError,
    // While it closes, the server answers what still arrives as ever.
    return503OnClosing: false,
  });
  boundConnections(app, allLimits.connections);
  ignoreExpectations(app);
  if (tls !== null) {
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('strict-transport-security', strictTransport);
    });
  }
  app.register(api, options);
  return app;
}

/** Errors of the router itself, which come before every hook. */
function answerFrameworkError(
  guard: Guard,
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  setSecurityHeaders(reply);
  guard(request, reply, 'read').then(
    () => {
      if (reply.sent) return;
      sendProblem(reply, malformedName(request) ? problem('unknown_sync') : toProblem(error));
    },
    (refused) => sendProblem(reply, toProblem(refused)),
  );
}

/** A name that cannot even be decoded (`%zz`) is unknown, as any malformed one. */
function malformedName(request: FastifyRequest): boolean {
  return pathOf(request.url).startsWith('/v1/syncs/');
}
