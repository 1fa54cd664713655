/** `GET /v1/syncs` and `GET /v1/syncs/{name}`. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { SyncControl } from '../../replication/status.ts';
import { answer, problems } from '../responses.ts';
import { NoQuery, reference, SyncParams } from '../schemas/atoms.ts';
import { Sync, SyncList, syncExample } from '../schemas/sync.ts';
import { syncToJson } from '../sync-json.ts';

export const syncRoutes: FastifyPluginAsyncTypebox<{ control: SyncControl }> = async (
  app,
  { control },
) => {
  app.get(
    '/v1/syncs',
    {
      schema: {
        operationId: 'listSyncs',
        tags: ['syncs'],
        summary: 'All syncs',
        description: 'Every configured sync, by name.',
        querystring: NoQuery,
        response: {
          200: answer('The syncs.', reference(SyncList), { syncs: [syncExample] }),
          ...problems('invalid_request', 'forbidden', 'internal'),
        },
      },
    },
    async () => ({ syncs: control.list().map(syncToJson) }),
  );

  app.get(
    '/v1/syncs/:name',
    {
      schema: {
        operationId: 'getSync',
        tags: ['syncs'],
        summary: 'One sync',
        description:
          'State, position, lag, dump progress, counters, warnings and the last error. ' +
          'A standby shows `state: standby` and the other fields of the leader.',
        params: SyncParams,
        querystring: NoQuery,
        response: {
          200: answer('The sync.', reference(Sync), syncExample),
          ...problems('invalid_request', 'forbidden', 'unknown_sync', 'internal'),
        },
      },
    },
    async (request) => syncToJson(control.get(request.params.name)),
  );
};
