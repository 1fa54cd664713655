/** `GET /v1/events`. */
import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import type { SyncControl } from '../../replication/status.ts';
import { isAdmitted } from '../auth.ts';
import { EventStream } from '../event-stream.ts';
import { patient } from '../patience.ts';
import { problems } from '../responses.ts';
import { NoQuery } from '../schemas/atoms.ts';
import { syncExample } from '../schemas/sync.ts';

const example = `retry: 2000

event: sync
data: ${JSON.stringify(syncExample)}

:

event: removed
data: {"name":"inventory"}

`;

const schema = {
  operationId: 'streamEvents',
  tags: ['syncs'],
  summary: 'All syncs, and then what changes',
  description:
    'Server-sent events. On connect every sync as an event `sync`, whose data is the sync as ' +
    '`GET /v1/syncs/{name}` has it; then each that has changed, at most one a second for each sync. ' +
    'A sync that is gone from the configuration is an event `removed` with `{"name": …}`. A comment every 15 s. ' +
    'One that reads slowly gets the newest state of each sync; one that reads nothing for a minute is cut off.',
  querystring: NoQuery,
  response: {
    200: {
      description: 'The events; it does not end by itself.',
      content: {
        'text/event-stream': { schema: Type.Unsafe<string | Readable>(Type.String()), example },
      },
    },
    ...problems('invalid_request', 'forbidden', 'too_many_streams', 'internal'),
  },
};

export const eventRoutes: FastifyPluginAsyncTypebox<{ control: SyncControl }> = async (
  app,
  { control },
) => {
  const events = new EventStream(control);
  // Before the server closes: it waits for every answer that is not at its end.
  app.addHook('preClose', () => events.end());

  app.get('/v1/events', { ...patient, schema }, async (request, reply) => {
    reply.type('text/event-stream');
    // A proxy that collects an answer before it passes it on would hold it for ever (nginx).
    reply.header('x-accel-buffering', 'no');
    return reply.send(
      request.method === 'HEAD' ? '' : events.open(reply.raw, () => isAdmitted(request)),
    );
  });
};
