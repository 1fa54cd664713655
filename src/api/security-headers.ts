/** What browsers are told of every answer. */
import type { FastifyReply } from 'fastify';

/** Answers are data of now, for the caller only; pages replace the policy by their own. */
export function setSecurityHeaders(reply: FastifyReply): void {
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
}

/**
 * Content-Security-Policy of Swagger UI: only what this server sends. It sets styles in the page, and has images as
 * `data:` in its style sheet. No `upgrade-insecure-requests`: the API may be plain HTTP on loopback.
 */
export const swaggerPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
