/** `DELETE /v1/syncs/{name}`: removes what a stopped sync left behind. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { DropPart, DropReport } from '../../replication/drop-sync.ts';
import type { SyncControl } from '../../replication/status.ts';
import { patient } from '../patience.ts';
import { answers, problems } from '../responses.ts';
import { reference, SyncParams } from '../schemas/atoms.ts';
import { Dropped, type DroppedJson, DropQuery } from '../schemas/drop.ts';
import { NoBody } from '../schemas/order.ts';

const dropped: DroppedJson = {
  name: 'inventory',
  dry_run: false,
  slot: 'watchersub_inventory',
  publication: null,
  keys: [{ prefix: '/inventory/public/products/', count: 1200 }],
  state: ['/watcher/syncs/inventory/checkpoint', '/watcher/syncs/inventory/tables'],
  kept: [
    {
      part: 'publication',
      name: 'watcherpub_inventory',
      reason: 'It is FOR ALL TABLES: Watcher did not make it',
    },
  ],
};

const schema = {
  operationId: 'dropSync',
  tags: ['orders'],
  summary: 'Drop what a stopped sync left behind',
  description:
    'Only while `state` is `stopped`, on every instance. The sync stays in the configuration, and stopped; when it ' +
    'is started again it begins with a dump. Idempotent: after an error the same request goes on. Without `state`, ' +
    'the checkpoint stays; `state` without `keys` leaves keys that the next first dump takes for those of somebody ' +
    'else (`prefix_not_empty`). A publication is dropped only if Watcher manages it, never one FOR ALL TABLES.',
  params: SyncParams,
  querystring: DropQuery,
  body: NoBody,
  response: {
    200: answers('What was dropped, or would be.', reference(Dropped), {
      dropped,
      'dry run': { ...dropped, dry_run: true },
    }),
    ...problems(
      'invalid_request',
      'forbidden',
      'unknown_sync',
      'sync_not_stopped',
      'drop_failed',
      'body_too_large',
      'unsupported_media_type',
      'internal',
      'etcd_unavailable',
    ),
  },
};

export const dropRoutes: FastifyPluginAsyncTypebox<{ control: SyncControl }> = async (
  app,
  { control },
) => {
  app.delete('/v1/syncs/:name', { ...patient, schema }, async ({ params, query }) => {
    const { name } = params;
    const dryRun = query.dry_run === 'true';
    const parts = [...new Set(query.drop.split(','))] as DropPart[];
    return droppedToJson(name, dryRun, await control.drop(name, { parts, dryRun }));
  });
};

function droppedToJson(name: string, dryRun: boolean, report: DropReport): DroppedJson {
  const { slot, publication, state } = report;
  return {
    name,
    dry_run: dryRun,
    slot,
    publication,
    keys: report.keys.map(({ prefix, count }) => ({ prefix, count })),
    state: [...state],
    kept: report.kept.map((kept) => ({ ...kept })),
  };
}
