/** `POST /v1/syncs/{name}/start|stop|dump`: orders, which are written to etcd and then acted upon. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { SyncControl } from '../../replication/status.ts';
import { answer, problems } from '../responses.ts';
import { NoQuery, reference, SyncParams } from '../schemas/atoms.ts';
import { DumpOrder, NoBody } from '../schemas/order.ts';
import { Sync, type SyncJson, syncExample } from '../schemas/sync.ts';
import { syncToJson } from '../sync-json.ts';

const accepted = 'The order is durable in etcd; acting on it follows. The sync as it is now.';

const refusals = [
  'invalid_request',
  'forbidden',
  'unknown_sync',
  'body_too_large',
  'unsupported_media_type',
  'internal',
  'etcd_unavailable',
] as const;

const startExample: SyncJson = { ...syncExample, state: 'starting' };

const stopExample: SyncJson = { ...syncExample, state: 'stopping', desired: 'stopped' };

const dumpExample: SyncJson = {
  ...syncExample,
  dump: {
    ...syncExample.dump,
    state: 'running',
    finished_at: null,
    percent: 0,
    eta_seconds: null,
    tables: [{ table: 'public.products', state: 'pending', rows: 0, rows_estimated: 1195 }],
  },
};

function desiredSchema(
  operationId: string,
  summary: string,
  description: string,
  example: SyncJson,
) {
  return {
    operationId,
    tags: ['orders'],
    summary,
    description,
    params: SyncParams,
    querystring: NoQuery,
    body: NoBody,
    response: { 202: answer(accepted, reference(Sync), example), ...problems(...refusals) },
  };
}

const startSchema = desiredSchema(
  'startSync',
  'Start a sync',
  'Idempotent, and outlives restarts. A sync that is `failed` or `backing_off` tries at once. ' +
    'It is written to etcd, so any instance may be asked.',
  startExample,
);

const stopSchema = desiredSchema(
  'stopSync',
  'Stop a sync',
  'Idempotent, and outlives restarts. A dump that runs is abandoned (`dump.state: interrupted`). ' +
    'Slot and keys stay, and the source retains its log for this sync from then on.',
  stopExample,
);

const dumpSchema = {
  operationId: 'dumpSync',
  tags: ['orders'],
  summary: 'Dump tables again',
  description:
    'Copies tables anew, all of them or those that are named. Readers are served throughout; keys of rows ' +
    'that are gone from the source are removed at the end. A sync that is `failed` may be asked too.',
  params: SyncParams,
  querystring: NoQuery,
  body: DumpOrder,
  response: {
    202: answer(accepted, reference(Sync), dumpExample),
    ...problems(...refusals, 'sync_stopped', 'dump_running', 'unknown_table'),
  },
};

export const orderRoutes: FastifyPluginAsyncTypebox<{ control: SyncControl }> = async (
  app,
  { control },
) => {
  app.post('/v1/syncs/:name/start', { schema: startSchema }, async ({ params }, reply) => {
    reply.code(202);
    return syncToJson(await control.setDesired(params.name, 'running'));
  });

  app.post('/v1/syncs/:name/stop', { schema: stopSchema }, async ({ params }, reply) => {
    reply.code(202);
    return syncToJson(await control.setDesired(params.name, 'stopped'));
  });

  app.post('/v1/syncs/:name/dump', { schema: dumpSchema }, async ({ params, body }, reply) => {
    reply.code(202);
    return syncToJson(await control.requestDump(params.name, body.tables ?? null));
  });
};
