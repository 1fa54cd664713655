/** Hooks as other servers have them, as the authentication of the API inside such a server. */
import Fastify, { type FastifyRequest } from 'fastify';
import type { InjectOptions } from 'light-my-request';
import { expect, test } from 'vitest';
import type { Authenticate } from '../../../src/api/host-auth.ts';
import { api } from '../../../src/api/plugin.ts';
import { StubConfiguration } from '../../support/configuration.ts';
import { StubControl, statusOf } from './stub-control.ts';
import { expectProblem } from './support.ts';

const token = { name: 'ops', token: 'admin-0123456789', role: 'admin' } as const;

/** A request that its server knows, or does not: as plugins for sessions and tokens decorate it. */
async function verify({ headers }: FastifyRequest): Promise<{ user: string }> {
  if (headers['x-user'] === 'me') return { user: 'me' };
  const statusCode = Number(headers['x-status'] ?? 401);
  throw Object.assign(new Error('planted: the inside'), { statusCode });
}

interface HostOptions {
  /** Hooks of the host that look at what is sent, and take their time. */
  readonly slow?: boolean;
  readonly tokens?: readonly (typeof token)[];
}

async function host(authenticate: Authenticate, { slow = false, tokens = [] }: HostOptions = {}) {
  const app = Fastify();
  const control = new StubControl(statusOf('inventory', { state: 'stopped' }));
  app.setErrorHandler((_error, _request, reply) => reply.code(418).send('theirs'));
  if (slow) {
    app.addHook('onSend', () => new Promise((resolve) => setImmediate(resolve)));
    app.addHook('onError', () => new Promise((resolve) => setImmediate(resolve)));
  }
  await app.register(api, {
    prefix: '/w',
    control,
    configuration: new StubConfiguration(),
    version: '1.2.3',
    node: '20.19.0',
    authenticate,
    tokens: () => tokens,
  });
  const call = (
    headers: Record<string, string> = {},
    request: InjectOptions = { method: 'DELETE', url: '/w/v1/syncs/inventory?drop=keys' },
  ) => app.inject({ ...request, headers });
  return { app, control, call, [Symbol.asyncDispose]: () => app.close() };
}

const throwing: Authenticate = async (request) => {
  await verify(request);
};

/** As the manual of a plugin for tokens has it. */
const sending: Authenticate = async (request, reply) => {
  try {
    await verify(request);
  } catch (error) {
    reply.send(error);
  }
};

const returning: Authenticate = async (request, reply) => {
  try {
    await verify(request);
    return undefined;
  } catch (error) {
    return reply.send(error);
  }
};

const speaking: Authenticate = async (request, reply) => {
  const known = await verify(request).then(
    () => true,
    () => false,
  );
  if (!known) reply.code(Number(request.headers['x-status'] ?? 401)).send({ their: 'answer' });
};

const coding: Authenticate = (request, reply) => {
  if (request.headers['x-user'] === 'me') return;
  reply.code(Number(request.headers['x-status'] ?? 401));
  throw new Error('planted: the inside');
};

const hooks = { throwing, sending, returning, speaking, coding };
const modes = Object.entries(hooks).flatMap(([name, hook]) => [
  [name, 'quick', hook] as const,
  [name, 'slow', hook] as const,
]);

test.each(modes)(
  'a hook that is %s, in a %s host: who passes may do everything',
  async (_, pace, hook) => {
    await using server = await host(hook, { slow: pace === 'slow' });
    expect((await server.call({ 'x-user': 'me' })).statusCode).toBe(200);
    expect(server.control.orders).toHaveLength(1);
  },
);

test.each(modes)(
  'a hook that is %s, in a %s host: who does not pass does nothing',
  async (name, pace, hook) => {
    await using server = await host(hook, { slow: pace === 'slow' });
    const nothing = { url: '/w/nothing' };
    for (const request of [undefined, { url: '/w/v1/syncs' }, nothing]) {
      const unknown = await server.call({}, request);
      const forbidden = await server.call({ 'x-status': '403' }, request);
      if (name === 'speaking') {
        expect([unknown.statusCode, unknown.json()]).toEqual([401, { their: 'answer' }]);
        expect([forbidden.statusCode, forbidden.json()]).toEqual([403, { their: 'answer' }]);
      } else {
        expectProblem(unknown, 401, 'unauthorized');
        expect(unknown.headers['www-authenticate']).toBe('Bearer');
        expectProblem(forbidden, 403, 'forbidden');
        expect(unknown.payload + forbidden.payload).not.toContain('planted');
      }
    }
    expect(server.control.orders).toEqual([]);
  },
);

test.each(['500', '503', '400', '302', '0'])(
  'an error with the status %s is the fault of the host, and its text is not told',
  async (status) => {
    await using server = await host(throwing);
    const failed = await server.call({ 'x-status': status });
    expectProblem(failed, 500, 'internal');
    expect(failed.payload).not.toContain('planted');
    expect(server.control.orders).toEqual([]);
  },
);

test.each([null, false] as const)('%s refuses', async (verdict) => {
  await using server = await host((_request, reply) => {
    reply.header('www-authenticate', 'Basic realm="theirs"');
    return verdict;
  });
  const refused = await server.call();
  expectProblem(refused, 401, 'unauthorized');
  expect(refused.headers['www-authenticate']).toBe('Basic realm="theirs"');
});

test('a host that redirects to its login, or takes the request over', async () => {
  await using login = await host((_request, reply) => {
    reply.redirect('/login');
  });
  const { statusCode, headers } = await login.call();
  expect([statusCode, headers.location]).toEqual([302, '/login']);
  await using taken = await host((_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(402).end('theirs');
  });
  const answer = await taken.call();
  expect([answer.statusCode, answer.payload]).toEqual([402, 'theirs']);
  expect([...login.control.orders, ...taken.control.orders]).toEqual([]);
});

test('a hook that answers and then throws has answered', async () => {
  await using server = await host(
    async (_request, reply) => {
      reply.code(401).send('theirs');
      throw new Error('planted');
    },
    { slow: true },
  );
  const answer = await server.call();
  expect([answer.statusCode, answer.payload]).toEqual([401, 'theirs']);
  expect(server.control.orders).toEqual([]);
});

test('a hook finds its server as `this`, and is asked only where somebody is needed', async () => {
  const asked: unknown[] = [];
  await using server = await host(function (this: unknown, request) {
    asked.push(Object(this).prefix);
    return request.method === 'GET' ? 'read' : null;
  });
  expect((await server.call({}, { url: '/w/healthz' })).statusCode).toBe(200);
  expect((await server.call({}, { url: '/w/v1/syncs' })).statusCode).toBe(200);
  expect(asked).toEqual(['/w']);
});

test('however the host says no, a wrong token of ours costs a try', async () => {
  for (const hook of Object.values(hooks)) {
    await using server = await host(hook, { tokens: [token] });
    const wrong = { authorization: 'Bearer wrong-0123456789' };
    for (let count = 0; count < 30; count += 1)
      expect((await server.call(wrong)).statusCode).toBe(401);
    const right = { authorization: `Bearer ${token.token}` };
    expect((await server.call(right)).statusCode).toBeGreaterThanOrEqual(400);
    // Whom the host knows is not kept waiting.
    expect((await server.call({ ...wrong, 'x-user': 'me' })).statusCode).toBe(200);
    expect(server.control.orders).toHaveLength(1);
  }
});
