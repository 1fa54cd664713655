/** What `DELETE /v1/syncs/{name}` takes and answers. */
import Type, { type Static } from 'typebox';
import { dropParts } from '../../replication/drop-sync.ts';
import { Count, component, nullable, strict } from './atoms.ts';

const part = `(?:${dropParts.join('|')})`;

export const DropQuery = Type.Object(
  {
    drop: Type.String({
      pattern: `^${part}(?:,${part})*$`,
      description:
        'What to drop, joined by commas: `slot`, `publication` (at the database), `keys` (the rows in etcd), ' +
        "`state` (Watcher's own keys but `desired`).",
      examples: ['slot,publication,keys,state'],
    }),
    dry_run: Type.Optional(
      Type.Enum(['true', 'false'], {
        type: 'string',
        description: '`true`: only look, and answer what would be dropped.',
      }),
    ),
  },
  strict,
);

export const Dropped = component(
  'Dropped',
  Type.Object(
    {
      name: Type.String(),
      dry_run: Type.Boolean(),
      slot: nullable(Type.String({ description: 'The replication slot.' })),
      publication: nullable(Type.String()),
      keys: Type.Array(Type.Object({ prefix: Type.String(), count: Count }, strict), {
        description: 'How many keys, by the prefix of their table.',
      }),
      state: Type.Array(Type.String(), {
        description: "Watcher's own keys; one that ends with `/` stands for all keys under it.",
      }),
      kept: Type.Array(
        Type.Object(
          {
            part: Type.Enum([...dropParts], { type: 'string' }),
            name: Type.String(),
            reason: Type.String(),
          },
          strict,
        ),
        { description: 'What was asked for and stays.' },
      ),
    },
    {
      ...strict,
      description:
        'What was dropped, or would be. What was not there, or not asked for, is not in it.',
    },
  ),
);

export type DroppedJson = Static<typeof Dropped>;
