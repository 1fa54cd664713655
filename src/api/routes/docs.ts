/** `/openapi.json`, and Swagger UI at `/docs`. */
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import { openRoutes } from '../auth.ts';
import { problems } from '../responses.ts';
import { NoQuery } from '../schemas/atoms.ts';
import { swaggerPolicy } from '../security-headers.ts';

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
        'application/json': {
          schema: Type.Object({}, { additionalProperties: true }),
          example: { openapi: '3.1.0' },
        },
      },
    },
    ...problems('invalid_request', 'forbidden'),
  },
};

export const docsRoutes: FastifyPluginAsyncTypebox = async (app) => {
  openRoutes(app);

  app.get('/openapi.json', { schema: documentSchema }, async () => app.swagger());

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Without a trailing slash the page names its assets by absolute paths.
    indexPrefix: app.prefix,
    staticCSP: swaggerPolicy,
    theme: { title: 'Watcher API' },
    uiConfig: { deepLinking: true, docExpansion: 'list', displayRequestDuration: true },
    // The page reads the document from /docs/json: one step below /openapi.json.
    transformSpecification: (document) => ({ ...document, servers: [{ url: '..' }] }),
    transformSpecificationClone: false,
    logLevel: 'warn',
  });
};
