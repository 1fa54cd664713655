/** A problem document (RFC 9457). */
import Type, { type Static } from 'typebox';
import { type ErrorCode, errorCodes } from '../../errors.ts';
import { component, nullable, strict } from './atoms.ts';

const answered = (Object.keys(errorCodes) as ErrorCode[]).filter(
  (code) => errorCodes[code].status !== undefined,
);

export const Violation = Type.Object(
  {
    path: Type.String({
      description:
        'For example `body.tables[0]`, `query.verbose`, or `syncs.inventory.database.host` of a file.',
    }),
    line: nullable(Type.Integer({ minimum: 1, description: 'In a file; `null` in a request.' })),
    message: Type.String(),
  },
  strict,
);

export const Problem = component(
  'Problem',
  Type.Object(
    {
      type: Type.String({
        format: 'uri',
        description:
          '`urn:watcher:problem:` and the code. It identifies the kind; it is no address.',
      }),
      title: Type.String({ description: 'The same for every problem of this code.' }),
      status: Type.Integer({ minimum: 400, maximum: 599 }),
      detail: Type.String({ description: 'What happened this time.' }),
      code: Type.Enum(answered, { type: 'string' }),
      remedy: Type.String({ description: 'What to do now.' }),
      violations: Type.Optional(
        Type.Array(Violation, {
          description:
            'Of a request that is not valid, at most eight; or all of a configuration file.',
        }),
      ),
    },
    strict,
  ),
);

export type ProblemJson = Static<typeof Problem>;
export type ViolationJson = Static<typeof Violation>;
