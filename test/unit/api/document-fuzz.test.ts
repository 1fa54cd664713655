/**
 * Every call of the OpenAPI document with what its schemas allow and with what they do not, for a bounded number of
 * runs: no 500, no hang, and every answer is one that the document has for the call.
 */
import fc from 'fast-check';
import type { InjectOptions, Response } from 'light-my-request';
import type { TSchema } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { expect, test } from 'vitest';
import { generateOpenapi } from '../../../tools/openapi.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { appOver } from './support.ts';

type Json = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required?: boolean;
  readonly schema: Json;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Json }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema?: Json }>> }>
  >;
}

const document = JSON.parse(await generateOpenapi()) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
};

/** Schemas with what they refer to in place; the document has no cycles. */
function inlined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inlined);
  if (typeof value !== 'object' || value === null) return value;
  const reference = (value as { $ref?: string }).$ref;
  if (reference !== undefined) {
    return inlined(document.components.schemas[reference.split('/').at(-1) ?? '']);
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inlined(member)]));
}

const calls = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

const names = fc.constantFrom(
  'inventory',
  'stopped',
  'nobody',
  'no such name',
  'x'.repeat(200),
  '%',
);

/** What a schema allows, most of the time. */
function anyOf(schema: Json): fc.Arbitrary<unknown> {
  const {
    enum: choices,
    type,
    items,
    properties,
    pattern,
  } = schema as {
    enum?: readonly unknown[];
    type?: string;
    items?: Json;
    properties?: Readonly<Record<string, Json>>;
    pattern?: string;
  };
  const wrong = fc.jsonValue({ maxDepth: 1 });
  const right =
    choices !== undefined
      ? fc.constantFrom(...choices)
      : type === 'boolean'
        ? fc.boolean()
        : type === 'integer' || type === 'number'
          ? fc.integer()
          : type === 'array'
            ? fc.array(anyOf(items ?? {}), { maxLength: 3 })
            : type === 'object'
              ? fc.record(
                  Object.fromEntries(
                    Object.entries(properties ?? {}).map(([name, member]) => [name, anyOf(member)]),
                  ),
                  { requiredKeys: [] },
                )
              : fc.oneof(
                  fc.constantFrom('public.orders', 'keys', 'slot,publication,keys,state', 'true'),
                  pattern === undefined ? fc.string() : fc.stringMatching(new RegExp(pattern)),
                );
  return fc.oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: wrong });
}

function requestOf(
  path: string,
  method: string,
  operation: Operation,
): fc.Arbitrary<InjectOptions> {
  const query = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const body = operation.requestBody?.content['application/json']?.schema;
  return fc
    .record({
      name: names,
      query: fc.record(
        Object.fromEntries(query.map(({ name, schema }) => [name, anyOf(inlined(schema) as Json)])),
        { requiredKeys: [] },
      ),
      stray: fc.option(fc.string({ minLength: 1, maxLength: 5 }), { nil: null, freq: 8 }),
      body: fc.option(body === undefined ? fc.jsonValue() : anyOf(inlined(body) as Json), {
        nil: undefined,
        freq: body === undefined ? 1 : 5,
      }),
    })
    .map(({ name, query: values, stray, body: payload }) => {
      const parameters = new URLSearchParams();
      for (const [key, value] of Object.entries(values)) {
        parameters.append(key, typeof value === 'string' ? value : JSON.stringify(value));
      }
      if (stray !== null) parameters.append(stray, '1');
      const target = path.replace('{name}', encodeURIComponent(name));
      const text = parameters.toString();
      return {
        method: method.toUpperCase() as 'GET',
        url: text === '' ? target : `${target}?${text}`,
        ...(payload !== undefined &&
          method !== 'get' && {
            headers: { 'content-type': 'application/json' },
            payload: JSON.stringify(payload),
          }),
      };
    });
}

function expectDocumented(response: Response, { responses }: Operation): void {
  const known = responses[response.statusCode] ?? responses.default;
  expect(Object.keys(responses), response.payload).toContain(String(response.statusCode));
  const type = String(response.headers['content-type'] ?? '').replace(/;.*$/, '');
  const schema = known?.content?.[type]?.schema;
  if (known?.content === undefined) return;
  expect(Object.keys(known.content)).toContain(type);
  if (schema === undefined || !type.endsWith('json')) return;
  const value = response.json() as unknown;
  const inPlace = inlined(schema) as TSchema;
  expect(Check(inPlace, value) ? [] : [...Errors(inPlace, value)]).toEqual([]);
}

/** It has no end; what it sends is tested elsewhere. */
const endless = (path: string) => path === '/v1/events';

test.each(calls.filter(({ path }) => !endless(path)))(
  '$method $path answers as documented, whatever is asked',
  async ({ path, method, operation }) => {
    const stopped = statusOf('stopped', { state: 'stopped', desired: 'stopped' });
    await using server = appOver(new StubControl(statusOf('inventory'), stopped));
    await fc.assert(
      fc.asyncProperty(requestOf(path, method, operation), async (request) => {
        const response = await server.app.inject(request);
        expect(response.statusCode, response.payload).not.toBe(500);
        expectDocumented(response, operation);
      }),
      { numRuns: 120 },
    );
  },
  30_000,
);
