/** Health of one sync, and of the process. */
import Type, { type Static } from 'typebox';
import { syncStates } from '../../replication/lifecycle.ts';
import { Count, component, nullable, strict } from './atoms.ts';
import { LastErrorEntry, State } from './sync.ts';

export const unhealthyReasons = [
  'stopped',
  'starting',
  'backing_off',
  'failed',
  'stopping',
  'stalled',
  'no_leader',
] as const;

export const SyncHealth = component(
  'SyncHealth',
  Type.Object(
    {
      name: Type.String(),
      state: State,
      leader_state: nullable(
        Type.Enum([...syncStates], {
          type: 'string',
          description: 'Of the instance that leads, on a standby; `null` when it is unknown.',
        }),
      ),
      healthy: Type.Boolean(),
      stalled: Type.Boolean({
        description:
          'Nothing durable for 60 s while the source is ahead; in a dump, no row read either.',
      }),
      instance: nullable(Type.String({ description: 'The instance that leads.' })),
      reason: nullable(
        Type.Enum([...unhealthyReasons], {
          type: 'string',
          description:
            'Why it is not healthy: its state, of a standby that of its leader. `no_leader`: a standby knows of none.',
        }),
      ),
      last_error: nullable(LastErrorEntry),
    },
    strict,
  ),
);

export type SyncHealthJson = Static<typeof SyncHealth>;

export const Liveness = component('Liveness', Type.Object({ status: Type.Literal('ok') }, strict));

export const ReadinessQuery = Type.Object(
  {
    verbose: Type.Optional(
      Type.Enum(['', 'true', 'false'], {
        type: 'string',
        description: '`?verbose` or `?verbose=true`: with `etcd` and `syncs`. No other value.',
      }),
    ),
  },
  strict,
);

const countsByState = Object.fromEntries(syncStates.map((state) => [state, Count])) as Record<
  (typeof syncStates)[number],
  typeof Count
>;

export const Readiness = component(
  'Readiness',
  Type.Object(
    {
      status: Type.Enum(['ready', 'waiting'], {
        type: 'string',
        description: '`ready` from the first contact with etcd on.',
      }),
      etcd: nullable(
        Type.Object(
          {
            ever_reached: Type.Boolean(),
            reachable: Type.Boolean({ description: 'Now.' }),
            message: nullable(Type.String({ description: 'Why it is not reachable.' })),
          },
          { ...strict, description: 'Only with `?verbose`.' },
        ),
      ),
      syncs: nullable(
        Type.Object(countsByState, {
          ...strict,
          description: 'How many syncs are in each state. Only with `?verbose`.',
        }),
      ),
    },
    strict,
  ),
);

export type ReadinessJson = Static<typeof Readiness>;
