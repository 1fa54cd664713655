/** The bodies of the calls that give an order to a sync. */
import Type, { type Static } from 'typebox';
import { strict } from './atoms.ts';

export const NoBody = Type.Object(
  {},
  { ...strict, description: 'Nothing: an absent or empty body is the same.', examples: [{}] },
);

export const DumpOrder = Type.Object(
  {
    tables: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        uniqueItems: true,
        description: '`schema.table` names. Absent: all tables of the sync.',
      }),
    ),
  },
  {
    ...strict,
    description: 'Which tables to dump again. An absent or empty body means all of them.',
    examples: [{ tables: ['public.products'] }],
  },
);

export type DumpOrderJson = Static<typeof DumpOrder>;
