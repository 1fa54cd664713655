/** `GET /healthz` and `GET /readyz`: the process, for the supervisor that started it. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { syncStates } from '../../replication/lifecycle.ts';
import type { SyncControl } from '../../replication/status.ts';
import type { Need } from '../auth.ts';
import { answer, answers, problems } from '../responses.ts';
import { NoQuery, reference } from '../schemas/atoms.ts';
import { Liveness, Readiness, type ReadinessJson, ReadinessQuery } from '../schemas/health.ts';

const ready: ReadinessJson = { status: 'ready', etcd: null, syncs: null };

const verbose: ReadinessJson = {
  status: 'ready',
  etcd: { ever_reached: true, reachable: true, message: null },
  syncs: countStates(['streaming', 'streaming', 'stopped']),
};

const livenessSchema = {
  operationId: 'getLiveness',
  tags: ['process'],
  summary: 'Whether the process lives',
  description: 'Always 200: it says nothing of etcd, of databases or of syncs.',
  querystring: NoQuery,
  response: {
    200: answer('It lives.', reference(Liveness), { status: 'ok' }),
    ...problems('invalid_request', 'forbidden'),
  },
};

const readinessSchema = {
  operationId: 'getReadiness',
  tags: ['process'],
  summary: 'Whether the process has reached etcd',
  description:
    '200 from the first contact with etcd on; a later outage does not change that, and shows under `?verbose`, which needs the role `read`. ' +
    'Both answers have the same body; 503 is an answer here, not a problem document.',
  querystring: ReadinessQuery,
  response: {
    200: answers('It has.', reference(Readiness), { plain: ready, verbose }),
    503: answer('Not yet.', reference(Readiness), { ...ready, status: 'waiting' }),
    ...problems('invalid_request', 'forbidden', 'internal'),
  },
};

export const probeRoutes: FastifyPluginAsyncTypebox<{ control: SyncControl }> = async (
  app,
  { control },
) => {
  const live = { probe: true, needs: 'nothing' } as const;
  const ready = { probe: true, needs: (request: FastifyRequest) => needOfDetail(request.query) };

  app.get('/healthz', { config: live, schema: livenessSchema }, async () => ({ status: 'ok' }));

  app.get('/readyz', { config: ready, schema: readinessSchema }, async (request, reply) => {
    const readiness = readinessOf(control, request.query.verbose);
    reply.code(readiness.status === 'ready' ? 200 : 503);
    return readiness;
  });
};

/** What it says without detail is open. The query is not validated yet. */
function needOfDetail(query: unknown): Need {
  const { verbose = 'false' } = Object(query) as { readonly verbose?: unknown };
  return verbose === 'false' ? 'nothing' : 'read';
}

function readinessOf(control: SyncControl, detail: string | undefined): ReadinessJson {
  const { everReached, reachable, message } = control.etcdContact();
  const status = everReached ? 'ready' : 'waiting';
  if (detail === undefined || detail === 'false') return { status, etcd: null, syncs: null };
  return {
    status,
    etcd: { ever_reached: everReached, reachable, message },
    syncs: countStates(control.list().map(({ state }) => state)),
  };
}

function countStates(states: readonly (typeof syncStates)[number][]) {
  const counts = syncStates.map((state) => [state, states.filter((s) => s === state).length]);
  return Object.fromEntries(counts) as NonNullable<ReadinessJson['syncs']>;
}
