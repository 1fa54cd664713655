/** How the OpenAPI document is made from the routes: the same under every prefix, without host names. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema, RouteOptions } from 'fastify';
import { defaultNeed } from './auth.ts';
import { withProblems } from './responses.ts';
import { componentName } from './schemas/atoms.ts';

const description = `Watcher copies the tables of a database into etcd, a key per row, and follows the database's log.

- JSON, \`snake_case\`. Times are RFC 3339, UTC, with milliseconds and \`Z\`; durations are seconds; counts are integers.
- Every field is always present, \`null\` when unknown.
- Unknown members and query parameters are \`400 invalid_request\`: nothing is converted or dropped. An absent or empty body is \`{}\`.
- Every error is a problem document (RFC 9457, \`application/problem+json\`). Its \`type\` is \`urn:watcher:problem:\` and its \`code\`.
- An unknown path is \`404 not_found\` (a path with a trailing slash is another path). A method that a path does not take is \`405 method_not_allowed\`
  with \`Allow\`; \`HEAD\` works wherever \`GET\` does, and \`OPTIONS\` answers 204 with \`Allow\`.
- With tokens configured, a call needs \`Authorization: Bearer TOKEN\`, and nothing else is looked at: no cookie, no query. The role \`read\` is for what only looks, \`admin\` is for the rest;
  the probes (without detail), the pages and this document are open. After 30 wrong tokens an address has one more try every 3 s: until then, \`429 too_many_failures\` with \`Retry-After\`.
  Without tokens only this machine is served: a \`Host\` that is not loopback is \`403 forbidden\`.
- A change that a page of another origin sends is \`403 forbidden\` always.`;

const tags = [
  { name: 'syncs', description: 'What is replicated, and how it goes.' },
  { name: 'orders', description: 'What a sync shall do. Orders are kept in etcd.' },
  { name: 'process', description: 'This instance.' },
];

const bearer = {
  type: 'http',
  scheme: 'bearer',
  description: 'One of `api.tokens`. Where none is configured, none is needed.',
} as const;

const foreignName = 'foreign-';

/** @param prefix The prefix of the plugin, which the paths of the document do not have. */
export function swaggerOptions(version: string, prefix: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Watcher',
        version,
        description,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      // Relative to the document, so that it is right behind any prefix and any proxy.
      servers: [{ url: '.' }],
      tags,
      components: { securitySchemes: { bearer } },
    },
    convertConstToEnum: false,
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, index) =>
        componentName(schema) ?? `${foreignName}${index}`,
    },
    stripBasePath: false,
    transform: ({ schema, url, route }) => ({
      schema: schema?.hide === true ? schema : withSecurity(schema, route),
      url: url.slice(prefix.length) || '/',
    }),
    transformObject: (built) => {
      const document = 'openapiObject' in built ? built.openapiObject : {};
      for (const path of Object.values(document.paths ?? {})) optionalBody(path?.post?.requestBody);
      for (const name of Object.keys(document.components?.schemas ?? {})) {
        if (name.startsWith(foreignName)) delete document.components?.schemas?.[name];
      }
      return document;
    },
  };
}

/** What a route needs is said once, where the route is; here it becomes the document's. */
function withSecurity(schema: FastifySchema = {}, { config, method }: RouteOptions): FastifySchema {
  const needs = config?.needs ?? defaultNeed([method].flat()[0] ?? '');
  if (needs === 'nothing') return { ...schema, security: [] };
  // A need that depends on the request: without a token there is an answer too.
  const depends = typeof needs === 'function';
  const { description = '' } = schema;
  return {
    ...schema,
    description: depends ? description : `${description} Role: \`${needs}\`.`,
    security: [{ bearer: [] }, ...(depends ? [{}] : [])],
    response: withProblems(Object(schema.response), 'unauthorized', 'too_many_failures'),
  };
}

/** @fastify/swagger says of every body that it must be there. */
function optionalBody(body: object | undefined): void {
  if (body !== undefined) Object.assign(body, { required: false });
}
