/** The configuration, and what a reload of it does. */
import Type, { type Static } from 'typebox';
import { Count, component, nullable, strict } from './atoms.ts';

const SyncNames = Type.Array(Type.String());
const Tables = Type.Array(Type.String({ description: '`schema.table`' }));

export const ReloadQuery = Type.Object(
  {
    dry_run: Type.Optional(
      Type.Enum(['true', 'false'], {
        type: 'string',
        description: '`true`: only says what a reload would do. Absent: `false`.',
      }),
    ),
  },
  strict,
);

const Effect = Type.Object(
  {
    name: Type.String(),
    changes: Type.Array(Type.String(), {
      description: 'The keys of the sync that differ, as the file names them; no values.',
    }),
    tables_removed: nullable(Tables),
    tables_dumped: nullable(Tables),
    keys_deleted: nullable(Count),
  },
  {
    ...strict,
    description:
      'What becomes of a changed sync. `tables_removed`: tables that leave it, and whose keys are deleted. ' +
      '`tables_dumped`: tables of now that are dumped again, or may be; tables that join are dumped too. ' +
      '`keys_deleted`: how many keys are deleted at most. Those three are known to a dry run only, and `null` ' +
      'also when etcd did not answer.',
  },
);

const Leftover = Type.Object(
  {
    name: Type.String(),
    keys: nullable(
      Type.Array(Type.String(), {
        description: 'Prefixes of the keys of its tables; `null`: etcd did not answer.',
      }),
    ),
    state: nullable(
      Type.String({ description: "Prefix of Watcher's own keys; `null`: they are in use." }),
    ),
    publication: nullable(Type.String()),
    slot: nullable(Type.String()),
    sql: Type.Array(Type.String(), {
      description: 'Statements that remove publication and slot, to be run in its database.',
    }),
    etcdctl: Type.Array(Type.String(), { description: 'Commands that remove its keys.' }),
    remedy: Type.String({ description: 'What to do with it.' }),
  },
  {
    ...strict,
    description:
      'What stays of a sync that is not in the file any more, or of a slot or publication that a changed sync does not use any more.',
  },
);

export const ConfigReload = component(
  'ConfigReload',
  Type.Object(
    {
      dry_run: Type.Boolean(),
      added: SyncNames,
      removed: SyncNames,
      changed: SyncNames,
      unchanged: SyncNames,
      restart_required: Type.Array(Type.String(), {
        description:
          'Keys that differ and stay as they are until Watcher is started again: `api.host`, `api.port`, `etcd`, `instance`, ' +
          'and `api.tls` where it comes or goes, `api.tokens` where the last one would go and more than loopback is served.',
      }),
      effects: Type.Array(Effect, { description: 'Of each changed sync.' }),
      leftovers: Type.Array(Leftover),
    },
    strict,
  ),
);

export type ConfigReloadJson = Static<typeof ConfigReload>;

const Block = Type.Object({}, { additionalProperties: true });

export const EffectiveConfig = component(
  'EffectiveConfig',
  Type.Object(
    {
      log_level: Type.String(),
      instance: Type.String(),
      api: Block,
      etcd: Block,
      syncs: Type.Record(Type.String(), Block),
    },
    {
      ...strict,
      description:
        'In the form of the file, with every default; a secret that is set is `***`. Keys that need a restart are as they run.',
    },
  ),
);
