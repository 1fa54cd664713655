/** The HTTP server of Watcher: the plugin `api` and what only a server can set. It does not listen. */
import { createServer, type Server } from 'node:https';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactoryHandler,
  type RawServerDefault,
} from 'fastify';
import { createGuard, type Guard } from './auth.ts';
import { answerClientError } from './client-error.ts';
import { type ApiOptions, api } from './plugin.ts';
import { problem, sendProblem, toProblem } from './problems.ts';
import { RequestLog } from './request-log.ts';
import { pathOf } from './route-table.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { type ApiTls, handshakeTimeoutMs, secureContextOptions } from './tls.ts';

export interface AppOptions extends ApiOptions {
  /** A pino logger; see logger.ts. */
  readonly logger: FastifyBaseLogger;
  /** Null or absent: plain HTTP. */
  readonly tls?: ApiTls | null;
}

/** A whole request; of it, the headers. Who sends slower than that is cut off, and so is who says nothing. */
const requestTimeoutMs = 30_000;
const headersTimeoutMs = 10_000;
const checkTimeoutsMs = 2_000;
/** Without a byte in either direction. Event streams have a comment every 15 s. */
const silenceMs = 60_000;
/** Connections beyond are closed at once. */
const maxConnections = 1_000;

const limits = { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: checkTimeoutsMs };

/** One year, for this host alone. */
const strictTransport = 'max-age=31536000';

/** Call `listen` (or `inject`, in a test) on what it returns, and `close` at the end. */
export function buildApp({ logger, tls = null, ...options }: AppOptions): FastifyInstance {
  const guard = createGuard(options);
  const app = Fastify({
    ...serverOptions(tls),
    loggerInstance: logger,
    logController: new RequestLog(),
    frameworkErrors: (error, request, reply) => answerFrameworkError(guard, error, request, reply),
    clientErrorHandler: answerClientError,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: silenceMs,
    // While it closes, the server answers what still arrives as ever.
    return503OnClosing: false,
  });
  boundConnections(app);
  if (tls !== null) {
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('strict-transport-security', strictTransport);
    });
  }
  app.register(api, options);
  return app;
}

function serverOptions(tls: ApiTls | null): FastifyHttpOptions<RawServerDefault> {
  if (tls === null) return { http: limits };
  return { serverFactory: (handler) => secureServer(tls, handler) };
}

/** Of Fastify's own servers, `localhost` has two, and the certificate of the second one could not be replaced. */
function secureServer(tls: ApiTls, handler: FastifyServerFactoryHandler): Server {
  const server = createServer(
    { ...limits, ...secureContextOptions(tls), handshakeTimeout: handshakeTimeoutMs },
    handler,
  );
  server.requestTimeout = requestTimeoutMs;
  server.setTimeout(silenceMs);
  return server;
}

function boundConnections({ server, log }: FastifyInstance): void {
  server.maxConnections = maxConnections;
  let full = false;
  server.on('drop', () => {
    if (!full) log.warn({ maxConnections }, 'connections are refused: as many are open as served');
    full = true;
  });
  server.on('connection', () => {
    full = false;
  });
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
    () => sendProblem(reply, malformedName(request) ? problem('unknown_sync') : toProblem(error)),
    (refused) => sendProblem(reply, toProblem(refused)),
  );
}

/** A name that cannot even be decoded (`%zz`) is unknown, as any malformed one. */
function malformedName(request: FastifyRequest): boolean {
  return pathOf(request.url).startsWith('/v1/syncs/');
}
