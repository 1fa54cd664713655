/**
 * The API as one Fastify plugin: it can be registered in any server under any prefix. Everything that it sets is
 * its own: handlers, validator, body parsers, schemas, metrics.
 */
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { ConfigControl } from '../config/control.ts';
import { WatcherError } from '../errors.ts';
import type { SyncControl } from '../replication/status.ts';
import { createGuard, type Guard, type GuardOptions, needOf } from './auth.ts';
import { registerBodyParsers } from './body.ts';
import { createMetrics } from './metrics.ts';
import { swaggerOptions } from './openapi.ts';
import { sendProblem, toProblem } from './problems.ts';
import { createRouteTable, type RouteTable } from './route-table.ts';
import { configRoutes } from './routes/config.ts';
import { dashboardRoutes } from './routes/dashboard.ts';
import { docsRoutes } from './routes/docs.ts';
import { dropRoutes } from './routes/drop.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { orderRoutes } from './routes/orders.ts';
import { probeRoutes } from './routes/probes.ts';
import { syncRoutes } from './routes/syncs.ts';
import { ConfigReload, EffectiveConfig } from './schemas/config.ts';
import { Dropped } from './schemas/drop.ts';
import { Liveness, Readiness, SyncHealth } from './schemas/health.ts';
import { Problem } from './schemas/problem.ts';
import { Sync, SyncList } from './schemas/sync.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { validatorCompiler } from './validation.ts';

/** Who may call; a server that embeds the API must give `tokens`, not empty, or `authenticate`. */
export interface ApiOptions extends GuardOptions {
  readonly control: SyncControl;
  readonly configuration: ConfigControl;
  /** The version of Watcher, for the document and the metrics. */
  readonly version: string;
  /** The version of Node.js, for the metrics. */
  readonly node: string;
}

const components = [
  Sync,
  SyncList,
  SyncHealth,
  Dropped,
  Liveness,
  Readiness,
  ConfigReload,
  EffectiveConfig,
  Problem,
];

export const api: FastifyPluginAsync<ApiOptions> = async (app, options) => {
  const { control, configuration, version, node } = options;
  const table = createRouteTable();
  app.addHook('onRoute', (route) => table.add(route));
  app.setValidatorCompiler(validatorCompiler);
  // fast-json-stringify drops members and rounds numbers in silence.
  app.setSerializerCompiler(() => JSON.stringify);
  registerBodyParsers(app);
  registerEdges(app, table, createGuard(options));

  for (const component of components) app.addSchema(component);
  await app.register(swagger, swaggerOptions(version, app.prefix));
  await app.register(syncRoutes, { control });
  await app.register(eventRoutes, { control });
  await app.register(orderRoutes, { control });
  await app.register(dropRoutes, { control });
  await app.register(healthRoutes, { control });
  await app.register(probeRoutes, { control });
  await app.register(configRoutes, { configuration });
  const registry = createMetrics({ control, configuration, version, node });
  await app.register(metricsRoutes, { registry });
  await app.register(dashboardRoutes);
  await app.register(docsRoutes);
};

/** What happens before a route is looked at, and after one has failed. */
function registerEdges(app: FastifyInstance, table: RouteTable, guard: Guard): void {
  app.addHook('onRequest', async (request, reply) => {
    setSecurityHeaders(reply);
    if (!request.is404) return guard(request, reply, needOf(request));
    const match = table.match(request.url);
    await guard(request, reply, match?.open === true ? 'nothing' : 'read');
    if (reply.sent) return;
    // Here, and not in the not-found handler: before the body of a request that goes nowhere is read.
    return answerUnrouted(table, request, reply);
  });
  app.setNotFoundHandler((request, reply) => answerUnrouted(table, request, reply));
  app.setErrorHandler((error, request, reply) => {
    const document = toProblem(error);
    if (document.status >= 500) request.log.error({ err: error }, 'the request failed');
    return sendProblem(reply, document);
  });
}

/** No route took the request: an unknown path, a wrong method, a name that the router refused, OPTIONS. */
function answerUnrouted(table: RouteTable, request: FastifyRequest, reply: FastifyReply) {
  const match = table.match(request.url);
  if (match === null) throw new WatcherError('not_found');
  reply.header('allow', match.methods.join(', '));
  if (request.method === 'OPTIONS') return reply.code(204).send();
  if (!match.methods.includes(request.method)) throw new WatcherError('method_not_allowed');
  reply.removeHeader('allow');
  throw new WatcherError(match.named ? 'unknown_sync' : 'not_found');
}
