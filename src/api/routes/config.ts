/** `GET /v1/config` and `POST /v1/config/reload`. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { ConfigControl, Leftover, ReloadReport, SyncEffect } from '../../config/control.ts';
import { redact } from '../../config/redact.ts';
import { patient } from '../patience.ts';
import { answer, answers, problems } from '../responses.ts';
import { NoQuery, reference } from '../schemas/atoms.ts';
import {
  ConfigReload,
  type ConfigReloadJson,
  EffectiveConfig,
  ReloadQuery,
} from '../schemas/config.ts';
import { NoBody } from '../schemas/order.ts';

const configExample = {
  log_level: 'info',
  instance: 'node-1',
  api: {
    host: '127.0.0.1',
    port: 8080,
    tokens: [{ name: 'ops', token: '***', role: 'admin' }],
    tls: null,
  },
  etcd: { endpoints: ['localhost:2379'], username: '', password: '', state_prefix: '/watcher' },
  syncs: {
    inventory: {
      driver: 'pgx',
      database: { host: 'localhost', port: 5432, name: 'inventory', password: '***' },
      tables: { include: ['public.*'], exclude: [] },
    },
  },
};

const reloaded: ConfigReloadJson = {
  dry_run: false,
  added: ['orders'],
  removed: [],
  changed: ['inventory'],
  unchanged: ['customers'],
  restart_required: ['api.port'],
  effects: [
    {
      name: 'inventory',
      changes: ['tables.exclude'],
      tables_removed: null,
      tables_dumped: null,
      keys_deleted: null,
    },
  ],
  leftovers: [],
};

const rehearsed: ConfigReloadJson = {
  ...reloaded,
  dry_run: true,
  added: [],
  removed: ['orders'],
  effects: [
    {
      name: 'inventory',
      changes: ['tables.exclude'],
      tables_removed: ['public.audit'],
      tables_dumped: [],
      keys_deleted: 1200,
    },
  ],
  leftovers: [
    {
      name: 'orders',
      keys: ['/orders/public/invoices/'],
      state: '/watcher/syncs/orders/',
      publication: 'watcherpub_orders',
      slot: 'watchersub_orders',
      sql: [
        "SELECT pg_drop_replication_slot('watchersub_orders');",
        'DROP PUBLICATION "watcherpub_orders";',
      ],
      etcdctl: [
        "etcdctl del --prefix '/orders/public/invoices/'",
        "etcdctl del --prefix '/watcher/syncs/orders/'",
      ],
      remedy: 'Its slot goes on retaining log. Run sql in the database orders of localhost:5432.',
    },
  ],
};

const configSchema = {
  operationId: 'getConfig',
  tags: ['process'],
  summary: 'The effective configuration',
  description: 'What is in force in this instance, with every default; secrets are redacted.',
  querystring: NoQuery,
  response: {
    200: answer('The configuration.', reference(EffectiveConfig), configExample),
    ...problems('invalid_request', 'forbidden', 'internal'),
  },
};

const reloadSchema = {
  operationId: 'reloadConfig',
  tags: ['process'],
  summary: 'Read the configuration again',
  description:
    'Reads the file of this instance again, with every secret and certificate that it names. Only changed syncs are ' +
    'restarted, under the leadership that they have; added ones start; removed ones stop, and what stays of them is under ' +
    '`leftovers`. Tokens, the certificate of the API and `log_level` are taken over at once. A file that is not valid changes ' +
    'nothing. SIGHUP does the same.',
  querystring: ReloadQuery,
  body: NoBody,
  response: {
    200: answers('What was done, or would be.', reference(ConfigReload), {
      done: reloaded,
      dry_run: rehearsed,
    }),
    ...problems(
      'invalid_request',
      'forbidden',
      'body_too_large',
      'unsupported_media_type',
      'config_invalid',
      'internal',
    ),
  },
};

export const configRoutes: FastifyPluginAsyncTypebox<{ configuration: ConfigControl }> = async (
  app,
  { configuration },
) => {
  app.get('/v1/config', { schema: configSchema }, async () => redact(configuration.current()));

  app.post('/v1/config/reload', { ...patient, schema: reloadSchema }, async ({ query }) =>
    reportToJson(await configuration.reload({ dryRun: query.dry_run === 'true' })),
  );
};

function reportToJson(report: ReloadReport): ConfigReloadJson {
  return {
    dry_run: report.dryRun,
    added: [...report.added],
    removed: [...report.removed],
    changed: [...report.changed],
    unchanged: [...report.unchanged],
    restart_required: [...report.restartRequired],
    effects: report.effects.map(effectToJson),
    leftovers: report.leftovers.map(leftoverToJson),
  };
}

function effectToJson(effect: SyncEffect): ConfigReloadJson['effects'][number] {
  return {
    name: effect.name,
    changes: [...effect.changes],
    tables_removed: effect.tablesRemoved && [...effect.tablesRemoved],
    tables_dumped: effect.tablesDumped && [...effect.tablesDumped],
    keys_deleted: effect.keysDeleted,
  };
}

function leftoverToJson(leftover: Leftover): ConfigReloadJson['leftovers'][number] {
  const { name, keys, state, publication, slot, sql, etcdctl, remedy } = leftover;
  return {
    name,
    keys: keys && [...keys],
    state,
    publication,
    slot,
    sql: [...sql],
    etcdctl: [...etcdctl],
    remedy,
  };
}
