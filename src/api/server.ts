/** How much a server takes from one client, and from all: sizes, times, connections. */
import { createServer, type Server } from 'node:https';
import type {
  FastifyHttpOptions,
  FastifyInstance,
  FastifyServerFactoryHandler,
  RawServerDefault,
} from 'fastify';
import { type ApiTls, secureContextOptions } from './tls.ts';

/** See https://nodejs.org/api/http.html#httpcreateserveroptions-requestlistener */
export interface ServerLimits {
  /** Header of a request, with its first line. */
  readonly headerBytes: number;
  /** A whole request; of it, the headers. Who sends slower than that, or says nothing, is cut off. */
  readonly requestMs: number;
  readonly headersMs: number;
  /** How often these two are looked at. */
  readonly checkMs: number;
  readonly handshakeMs: number;
  /** Without a byte in either direction. Event streams have a comment every 15 s. */
  readonly silenceMs: number;
  /** Between two requests: more than the 60 s of most proxies, which else would send into a connection that ends. */
  readonly keepAliveMs: number;
  /** Connections beyond are closed at once. */
  readonly connections: number;
}

export const defaultLimits: ServerLimits = {
  headerBytes: 16_384,
  requestMs: 30_000,
  headersMs: 10_000,
  checkMs: 2_000,
  handshakeMs: 10_000,
  silenceMs: 60_000,
  keepAliveMs: 72_000,
  connections: 1_000,
};

export function serverOptions(
  tls: ApiTls | null,
  limits: ServerLimits,
): FastifyHttpOptions<RawServerDefault> {
  const { requestMs, silenceMs, keepAliveMs } = limits;
  if (tls !== null) return { serverFactory: (handler) => secureServer(tls, limits, handler) };
  return {
    http: nodeOptions(limits),
    requestTimeout: requestMs,
    connectionTimeout: silenceMs,
    keepAliveTimeout: keepAliveMs,
  };
}

/** Of Fastify's own servers `localhost` has two, and the certificate of the second one could not be replaced. */
function secureServer(
  tls: ApiTls,
  limits: ServerLimits,
  handler: FastifyServerFactoryHandler,
): Server {
  const { handshakeMs, requestMs, silenceMs, keepAliveMs } = limits;
  const options = { ...nodeOptions(limits), ...secureContextOptions(tls) };
  const server = createServer({ ...options, handshakeTimeout: handshakeMs }, handler);
  server.requestTimeout = requestMs;
  server.keepAliveTimeout = keepAliveMs;
  server.setTimeout(silenceMs);
  return server;
}

function nodeOptions({ headerBytes, headersMs, checkMs }: ServerLimits) {
  return {
    // Node.js would answer without a problem document; access.ts does it.
    requireHostHeader: false,
    maxHeaderSize: headerBytes,
    headersTimeout: headersMs,
    connectionsCheckingInterval: checkMs,
  };
}

/** Node.js would refuse an expectation that it does not know, without a problem document; it may as well be ignored (RFC 9110 §10.1.1). */
export function ignoreExpectations({ server }: FastifyInstance): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** Says once that the server is full, until it is not any more. */
export function boundConnections({ server, log }: FastifyInstance, connections: number): void {
  server.maxConnections = connections;
  let full = false;
  server.on('drop', () => {
    if (!full) log.warn({ connections }, 'connections are refused: as many are open as are served');
    full = true;
  });
  server.on('connection', () => {
    full = false;
  });
}
