/**
 * Where a request may come from (SPEC §8 "Who may"), whoever sends it.
 *
 * 1. Without authentication, from this machine: it came in by a loopback address, and `Host` is a loopback name.
 *    A foreign name that was made to resolve to 127.0.0.1 (DNS rebinding) is refused.
 * 2. A method that changes something, sent by a browser: `Sec-Fetch-Site` says `same-origin` or `none`. Where the
 *    browser is too old to say, its `Origin` is the `Host`. Programs send neither.
 */
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../config/loopback.ts';
import { WatcherError } from '../errors.ts';

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const ownSites: ReadonlySet<string> = new Set(['same-origin', 'none']);

/**
 * @param open Whether there is no authentication.
 * @throws WatcherError `forbidden`; `invalid_request` without the header that HTTP/1.1 demands (RFC 9112 §3.2).
 */
export function checkSite({ method, headers, socket, raw }: FastifyRequest, open: boolean): void {
  if (headers.host === undefined && raw.httpVersion === '1.1') {
    throw new WatcherError('invalid_request', { message: 'The header Host is missing' });
  }
  const host = headers.host ?? '';
  if (open && !loopback.test(host)) {
    throw new WatcherError('forbidden', { message: 'The Host is not a loopback address' });
  }
  // The address listened on may be another one than the configuration has now: that one needs a restart.
  if (open && !isLocal(socket.localAddress)) {
    throw new WatcherError('forbidden', { message: 'Without tokens only loopback is served' });
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

/** Undefined: no network was in between, as in `inject`. */
function isLocal(address: string | undefined): boolean {
  return address === undefined || isLoopback(address.replace(/^::ffff:/i, ''));
}

/** Compares as URLs do: without case, and without the default port of the scheme. */
function isOrigin(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  const own = `${protocol}//${host}`;
  return originHost !== '' && URL.canParse(own) && new URL(own).host === originHost;
}
