/** What the tests of the API share: an app over a stub, and what every answer must be like. */
import type { Response } from 'light-my-request';
import { pino } from 'pino';
import Type, { type TSchema } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { expect } from 'vitest';
import { type AppOptions, buildApp } from '../../../src/api/app.ts';
import { Problem } from '../../../src/api/schemas/problem.ts';
import { Sync } from '../../../src/api/schemas/sync.ts';
import type { SyncControl } from '../../../src/replication/status.ts';
import { StubConfiguration } from '../../support/configuration.ts';

export const silent = pino({ level: 'silent' });

/** Closed by `await using`. */
export function appOver(
  control: SyncControl,
  logger = silent,
  options: Partial<Omit<AppOptions, 'control' | 'logger'>> = {},
) {
  const app = buildApp({
    control,
    logger,
    configuration: new StubConfiguration(),
    version: '1.2.3',
    node: '20.19.0',
    ...options,
  });
  return { app, [Symbol.asyncDispose]: () => app.close() };
}

export const SyncListJson = Type.Object(
  { syncs: Type.Array(Sync) },
  { additionalProperties: false },
);

export function expectSchema(schema: TSchema, value: unknown): void {
  expect(Check(schema, value) ? [] : Errors(schema, value)).toEqual([]);
}

export function expectProblem(response: Response, status: number, code: string): void {
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json\b/);
  expect({ status: response.statusCode, body: response.json() }).toMatchObject({
    status,
    body: { type: `urn:watcher:problem:${code}`, status, code },
  });
  expectSchema(Problem, response.json());
}
