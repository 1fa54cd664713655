import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { committedOpenapi, generateOpenapi } from '../../../tools/openapi.ts';

interface Media {
  schema?: unknown;
  example?: unknown;
  examples?: unknown;
}

interface Operation {
  operationId?: string;
  tags?: string[];
  summary?: string;
  description?: string;
  security?: Record<string, string[]>[];
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}

interface Document {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
}

const operations = Object.entries((JSON.parse(await generateOpenapi()) as Document).paths).flatMap(
  ([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
);

test('openapi/openapi.json is what the routes make', async () => {
  expect(await committedOpenapi(), 'run npm run openapi').toBe(await generateOpenapi());
});

test("the document passes Redocly's recommended rules", async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const source = await generateOpenapi();
  const found = await lintFromString({ source, absoluteRef: '/openapi.json', config });
  const told = found.map(({ ruleId, message, location }) => [
    ruleId,
    message,
    location[0]?.pointer,
  ]);
  expect(told).toEqual([]);
});

test('the calls of SPEC §8', () => {
  expect(operations.map(({ name }) => name).sort()).toEqual([
    'delete /v1/syncs/{name}',
    'get /healthz',
    'get /metrics',
    'get /openapi.json',
    'get /readyz',
    'get /v1/config',
    'get /v1/events',
    'get /v1/syncs',
    'get /v1/syncs/{name}',
    'get /v1/syncs/{name}/health',
    'post /v1/config/reload',
    'post /v1/syncs/{name}/dump',
    'post /v1/syncs/{name}/start',
    'post /v1/syncs/{name}/stop',
  ]);
});

test.each(operations)(
  '$name is described, every status with schema and example',
  ({ operation }) => {
    for (const text of [operation.operationId, operation.summary, operation.description]) {
      expect(text).toMatch(/\w/);
    }
    expect(operation.tags).toHaveLength(1);
    for (const [status, { description, content }] of Object.entries(operation.responses)) {
      expect(description, status).toMatch(/\w/);
      const media = Object.entries(content ?? {});
      expect(media, status).toHaveLength(1);
      for (const [type, { schema, example, examples }] of media) {
        expect(schema, status).toBeDefined();
        expect(example ?? examples, status).toBeDefined();
        const problem = Number(status) >= 400 && type !== 'application/json';
        if (problem) expect(schema).toEqual({ $ref: '#/components/schemas/Problem' });
      }
    }
  },
);

const open = ['get /healthz', 'get /openapi.json'];

test.each(operations)('$name says who may, and what others are answered', ({ name, operation }) => {
  const { security, responses, description } = operation;
  const answered = (status: number) => JSON.stringify(responses[status] ?? null);
  expect(answered(403)).toContain('forbidden');
  if (open.includes(name)) {
    expect(security).toEqual([]);
    expect([answered(401), answered(429)]).toEqual(['null', 'null']);
    return;
  }
  expect(security?.[0]).toEqual({ bearer: [] });
  // Without detail it is open.
  expect(security).toHaveLength(name === 'get /readyz' ? 2 : 1);
  if (name !== 'get /readyz') {
    expect(description).toContain(`Role: \`${name.startsWith('get ') ? 'read' : 'admin'}\`.`);
  }
  expect(answered(401)).toContain('unauthorized');
  expect(answered(429)).toContain('too_many_failures');
});

test('a call with a 429 of its own has both', () => {
  const events = operations.find(({ name }) => name === 'get /v1/events');
  const refused = JSON.stringify(events?.operation.responses[429]);
  expect(refused).toContain('too_many_failures');
  expect(refused).toContain('too_many_streams');
});

test('operation ids are unique, references resolve, and no host is named', async () => {
  const text = await generateOpenapi();
  const document = JSON.parse(text) as Document;
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const references = [...text.matchAll(/"\$ref": "([^"]*)"/g)].map(([, target]) => String(target));
  for (const target of references) {
    const steps = target.split('/').slice(1);
    const found = steps.reduce<unknown>((node, step) => Object(node)[step], document);
    expect(found, target).toBeDefined();
  }
  expect(document.openapi).toBe('3.1.0');
  expect(document.servers).toEqual([{ url: '.' }]);
  expect(text).not.toMatch(/https?:\/\//);
});
