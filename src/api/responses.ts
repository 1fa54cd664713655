/** The parts of a route schema that say what it answers: one entry a status, each with schema and example. */
import type { TSchema } from 'typebox';
import { type ErrorCode, errorCodes } from '../errors.ts';
import { problem, problemMediaType } from './problems.ts';
import { reference } from './schemas/atoms.ts';
import { Problem, type ProblemJson } from './schemas/problem.ts';

export interface ResponseSchema {
  readonly description: string;
  readonly content: Readonly<Record<string, MediaSchema>>;
}

interface MediaSchema {
  readonly schema: TSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

/** A JSON answer. */
export function answer(description: string, schema: TSchema, example: unknown): ResponseSchema {
  return { description, content: { 'application/json': { schema, example } } };
}

/** Two kinds of the same answer, by name. */
export function answers(
  description: string,
  schema: TSchema,
  examples: Readonly<Record<string, unknown>>,
): ResponseSchema {
  return { description, content: { 'application/json': { schema, examples: valuesOf(examples) } } };
}

/** Problems by status; those that share a status stand together. */
export function problems(...codes: readonly ErrorCode[]): Record<number, ResponseSchema> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = errorCodes[code].status ?? 500;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const entries = [...byStatus].map(([status, group]) => [status, problemResponse(group)]);
  return Object.fromEntries(entries) as Record<number, ResponseSchema>;
}

/** Responses with more problems; those that share a status with one that is there stand beside it. */
export function withProblems(
  responses: Readonly<Record<string, ResponseSchema>>,
  ...codes: readonly ErrorCode[]
): Record<string, ResponseSchema> {
  const all: Record<string, ResponseSchema> = { ...responses };
  for (const [status, added] of Object.entries(problems(...codes))) {
    const there = all[status];
    all[status] = there === undefined ? added : beside(there, added);
  }
  return all;
}

function beside(there: ResponseSchema, added: ResponseSchema): ResponseSchema {
  const media = { ...there.content[problemMediaType], ...added.content[problemMediaType] };
  const examples = {
    ...there.content[problemMediaType]?.examples,
    ...added.content[problemMediaType]?.examples,
  };
  const schema = media.schema ?? reference(Problem);
  return {
    description: `${there.description} ${added.description}`,
    content: { ...there.content, [problemMediaType]: { schema, examples } },
  };
}

function problemResponse(codes: readonly ErrorCode[]): ResponseSchema {
  const description = codes.map((code) => `\`${code}\`: ${errorCodes[code].text}.`).join(' ');
  const examples = Object.fromEntries(codes.map((code) => [code, exampleOf(code)]));
  return {
    description,
    content: {
      [problemMediaType]: { schema: reference(Problem), examples: valuesOf(examples) },
    },
  };
}

function exampleOf(code: ErrorCode): ProblemJson {
  if (code !== 'invalid_request') return problem(code);
  const violation = { path: 'query.pretty', line: null, message: 'unknown parameter' };
  return problem(code, {
    detail: `${violation.path}: ${violation.message}`,
    violations: [violation],
  });
}

function valuesOf(
  examples: Readonly<Record<string, unknown>>,
): Record<string, { readonly value: unknown }> {
  return Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
}
