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
 * Content-Security-Policy of the dashboard: only what this server sends, and nothing in the page itself.
 * No `upgrade-insecure-requests`: the API may be served by plain HTTP on loopback.
 */
export const dashboardPolicy = policy("'self'");

/** Of Swagger UI, which sets styles in the page, and has images as `data:` in its style sheet. */
export const swaggerPolicy = policy("'self' 'unsafe-inline'");

function policy(styles: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styles}`,
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
