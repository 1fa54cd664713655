/**
 * Who may call, while there are no tokens (SPEC §8 "Who may"): programs on this machine, and pages that this
 * server itself has sent.
 *
 * 1. `Host` is a loopback name: a foreign name that was made to resolve to 127.0.0.1 (DNS rebinding) is refused.
 * 2. A method that changes something, sent by a browser: `Sec-Fetch-Site` says `same-origin` or `none`. Where the
 *    browser is too old to say, its `Origin` is the `Host`. Programs send neither.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { WatcherError } from '../errors.ts';

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const ownSites: ReadonlySet<string> = new Set(['same-origin', 'none']);

/** @throws WatcherError `forbidden`. */
export function checkAccess({ method, headers }: FastifyRequest): void {
  const host = headers.host ?? '';
  if (!loopback.test(host)) {
    throw new WatcherError('forbidden', { message: 'The Host is not a loopback address' });
  }
  if (safeMethods.has(method)) return;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    if (typeof site === 'string' && ownSites.has(site)) return;
    throw new WatcherError('forbidden', { message: 'A page of another site sent this request' });
  }
  if (headers.origin !== undefined && !isOrigin(headers.origin, host)) {
    throw new WatcherError('forbidden', { message: 'The Origin is not the Host' });
  }
}

/** Compares as URLs do: without case, and without the default port of the scheme. */
function isOrigin(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  const own = `${protocol}//${host}`;
  return originHost !== '' && URL.canParse(own) && new URL(own).host === originHost;
}

/** Answers are data of now, for the caller only; the pages of Swagger UI replace the policy by their own. */
export function setSecurityHeaders(reply: FastifyReply): void {
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
}
