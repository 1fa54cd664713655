/** HTTPS of the API (https://nodejs.org/api/tls.html#tlscreatesecurecontextoptions). */
import { createSecureContext, type SecureContextOptions, Server } from 'node:tls';
import type { FastifyInstance } from 'fastify';

/** PEM texts. */
export interface ApiTls {
  /** With its chain. */
  readonly cert: string;
  readonly key: string;
}

/** RFC 8996 forbids what is older. */
export function secureContextOptions({ cert, key }: ApiTls): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2' };
}

/**
 * Another certificate, for connections that are made from now on; what is open goes on.
 * @throws when the two are not valid together, and then nothing has changed; or when the server was not built with TLS.
 */
export function replaceCertificate(app: FastifyInstance, tls: ApiTls): void {
  const { server } = app;
  if (!(server instanceof Server)) throw new TypeError('the API is not served by TLS');
  const options = secureContextOptions(tls);
  createSecureContext(options);
  server.setSecureContext(options);
}
