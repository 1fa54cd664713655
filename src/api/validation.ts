/**
 * Requests are checked, never mended: Fastify's own validator would strip unknown members and convert types in
 * silence, and a misspelt `tables` would dump everything.
 */
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ViolationJson } from './schemas/problem.ts';

export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema }) => {
  const validator = Compile(schema);
  return (value: unknown) =>
    validator.Check(value) ? { value } : { error: validator.Errors(value) };
};

/** @param part `body` or `query`: the first word of each path. */
export function violationsOf(
  errors: readonly FastifySchemaValidationError[],
  part: string,
): ViolationJson[] {
  return (
    errors
      // `additionalProperties` repeats what a `boolean` error says of each member.
      .filter(({ keyword }) => keyword !== 'additionalProperties')
      .map(({ instancePath, keyword, message, params }) => ({
        path: `${part}${dotted(instancePath)}`,
        line: null,
        message: messageOf(part, keyword, message, params),
      }))
  );
}

function messageOf(
  part: string,
  keyword: string,
  message: string | undefined,
  params: Readonly<Record<string, unknown>>,
): string {
  if (keyword === 'boolean') return part === 'query' ? 'unknown parameter' : 'unknown member';
  if (keyword === 'enum') {
    const allowed = Array.isArray(params.allowedValues) ? params.allowedValues : [];
    return `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`;
  }
  return message ?? 'is not valid';
}

const longestName = 100;

/** `/tables/0` → `.tables[0]` (RFC 6901). */
function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`))
    .map((step) => (step.length > longestName ? `${step.slice(0, longestName)}…` : step))
    .join('');
}
