/** `/openapi.json`, Swagger UI at `/docs`, and `/`, which leads there. */
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import { problems } from '../responses.ts';
import { NoQuery } from '../schemas/atoms.ts';

/**
 * Only what this server sends. Swagger UI sets styles in the page, and has images as `data:` in its style sheet.
 * No `upgrade-insecure-requests`: the API is served by plain HTTP on loopback.
 */
const pagePolicy = [
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

const documentSchema = {
  operationId: 'getOpenapi',
  tags: ['process'],
  summary: 'This document',
  description: 'OpenAPI 3.1. Its server is relative to the address of the document.',
  querystring: NoQuery,
  response: {
    200: {
      description: 'The document.',
      content: {
        'application/json': { schema: Type.Object({}), example: { openapi: '3.1.0' } },
      },
    },
    ...problems('invalid_request', 'forbidden'),
  },
};

export const docsRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/openapi.json', { schema: documentSchema }, async () => app.swagger());

  app.get('/', { schema: { hide: true } }, async (_request, reply) =>
    reply.redirect(`${app.prefix}/docs`),
  );

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Without a trailing slash the page names its assets by absolute paths.
    indexPrefix: app.prefix,
    staticCSP: pagePolicy,
    theme: { title: 'Watcher API' },
    uiConfig: { deepLinking: true, docExpansion: 'list', displayRequestDuration: true },
    // The page reads the document from /docs/json: one step below /openapi.json.
    transformSpecification: (document) => ({ ...document, servers: [{ url: '..' }] }),
    transformSpecificationClone: false,
    logLevel: 'warn',
  });
};
