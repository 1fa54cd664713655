/** `GET /metrics`. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Registry } from 'prom-client';
import Type from 'typebox';
import { problems } from '../responses.ts';
import { NoQuery } from '../schemas/atoms.ts';

const example = `# HELP watcher_lag_seconds Age of the oldest commit that is not yet durable in etcd.
# TYPE watcher_lag_seconds gauge
watcher_lag_seconds{sync="inventory"} 0
`;

export const metricsRoutes: FastifyPluginAsyncTypebox<{ registry: Registry }> = async (
  app,
  { registry },
) => {
  app.get(
    '/metrics',
    {
      config: { probe: true },
      schema: {
        operationId: 'getMetrics',
        tags: ['process'],
        summary: 'Metrics for Prometheus',
        description:
          'Text format 0.0.4. Lag, dump and retained log are exported by the leader of a sync only.',
        querystring: NoQuery,
        response: {
          200: {
            description: 'The metrics.',
            content: { 'text/plain': { schema: Type.String(), example } },
          },
          ...problems('invalid_request', 'forbidden', 'internal'),
        },
      },
    },
    async (_request, reply) => {
      reply.type(registry.contentType);
      return registry.metrics();
    },
  );
};
