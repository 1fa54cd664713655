/** `GET /v1/syncs/{name}/health`. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { SyncControl } from '../../replication/status.ts';
import { answer, problems } from '../responses.ts';
import { NoQuery, reference, SyncParams } from '../schemas/atoms.ts';
import { SyncHealth, type SyncHealthJson } from '../schemas/health.ts';
import { syncHealth } from '../sync-health.ts';

const healthy: SyncHealthJson = {
  name: 'inventory',
  state: 'streaming',
  leader_state: null,
  healthy: true,
  stalled: false,
  instance: 'node-1',
  reason: null,
  last_error: null,
};

const unhealthy: SyncHealthJson = {
  ...healthy,
  state: 'backing_off',
  healthy: false,
  reason: 'backing_off',
  last_error: {
    code: 'source_unavailable',
    message: 'The database cannot be reached',
    remedy: 'Check database.host and database.port, and that the server is up.',
    at: '2026-01-31T10:05:12.345Z',
    retry_at: '2026-01-31T10:05:14.345Z',
  },
};

export const healthRoutes: FastifyPluginAsyncTypebox<{ control: SyncControl }> = async (
  app,
  { control },
) => {
  app.get(
    '/v1/syncs/:name/health',
    {
      config: { probe: true },
      schema: {
        operationId: 'getSyncHealth',
        tags: ['syncs'],
        summary: 'Whether a sync does its work',
        description:
          'For load balancers and monitors: 200 while it streams or dumps and is not stalled, else 503. ' +
          'Both have the same body; 503 is an answer here, not a problem document. A standby answers for its ' +
          'leader.',
        params: SyncParams,
        querystring: NoQuery,
        response: {
          200: answer('It does.', reference(SyncHealth), healthy),
          503: answer('It does not; `reason` says why.', reference(SyncHealth), unhealthy),
          ...problems('invalid_request', 'forbidden', 'unknown_sync', 'internal'),
        },
      },
    },
    async (request, reply) => {
      const health = syncHealth(control.get(request.params.name));
      reply.code(health.healthy ? 200 : 503);
      return health;
    },
  );
};
