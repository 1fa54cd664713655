import { pino } from 'pino';
import { expect, test } from 'vitest';
import { WatcherError } from '../../src/errors.ts';
import { createLogger, type LogLevel, loggerOptions } from '../../src/logger.ts';
import { StubControl, statusOf } from './api/stub-control.ts';
import { appOver } from './api/support.ts';

function captured(level: LogLevel) {
  const lines: string[] = [];
  const logger = createLogger(level, { write: (line: string) => lines.push(line) });
  return { logger, lines, entries: () => lines.map((line) => JSON.parse(line)) };
}

test('a line of JSON, the level a word, the time ISO 8601', () => {
  const { logger, lines, entries } = captured('info');
  logger.info({ sync: 'inventory' }, 'hello');
  logger.debug('not shown');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
  const [entry] = entries();
  expect(entry).toMatchObject({ level: 'info', sync: 'inventory', msg: 'hello' });
  expect(new Date(entry.time).toISOString()).toBe(entry.time);
});

test('a level that is set later, with stacks or without', () => {
  const { logger, entries } = captured('info');
  logger.level = 'debug';
  logger.debug({ err: new Error('one') }, 'shown');
  logger.level = 'warn';
  logger.info('not shown');
  logger.warn({ err: new Error('two') }, 'shown');
  expect(entries().map(({ err }) => [err.message, typeof err.stack])).toEqual([
    ['one', 'string'],
    ['two', 'undefined'],
  ]);
});

test('an error: code, message, remedy, causes; the stack only at debug', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = new WatcherError('source_unavailable', { message: 'm', remedy: 'r', cause });
  const expected = {
    type: 'WatcherError',
    code: 'source_unavailable',
    message: 'm',
    remedy: 'r',
    table: null,
    cause: { type: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
  };
  const info = captured('info');
  info.logger.error({ err: error }, 'failed');
  info.logger.error({ error }, 'failed');
  expect(info.entries()[0].err).toEqual(expected);
  expect(info.entries()[1].error).toEqual(expected);
  const debug = captured('debug');
  debug.logger.error({ err: error });
  expect(debug.entries()[0].err.stack).toContain('logger.test.ts');
});

test('a chain of causes that turns in a circle ends', () => {
  const error = new Error('a');
  error.cause = new Error('b', { cause: error });
  const { logger, lines } = captured('info');
  logger.error({ err: error });
  expect(lines).toHaveLength(1);
});

test('a bigint keeps its digits', () => {
  const { logger, entries } = captured('info');
  logger.info({ lsn: 2n ** 63n });
  expect(entries()[0].lsn).toBe('9223372036854775808');
});

test('credentials are not shown', () => {
  const { logger, lines } = captured('info');
  logger.info({ password: 'hush', database: { password: 'hush' }, etcd: { a: { token: 'hush' } } });
  logger.info({ req: { headers: { authorization: 'hush', cookie: 'hush' } } });
  logger.info({ tls: { key: 'hush' }, database: { connection: 'hush' } });
  logger.info({ config: { api: { tokens: [{ token: 'hush' }], tls: { key: 'hush' } } } });
  logger.info({ config: { syncs: [{ database: { password: 'hush', connection: 'hush' } }] } });
  logger.child({ etcd: { password: 'hush' } }).info('child');
  logger.info({ key: '/inventory/public/products/1' });
  expect(lines.join('')).not.toContain('hush');
  expect(lines.at(-1)).toContain('/inventory/public/products/1');
});

test('a request is one line, without its query; probes are at debug', async () => {
  const { logger, entries } = captured('debug');
  await using server = appOver(new StubControl(statusOf('inventory')), logger);
  await server.app.inject('/v1/syncs?token=hush');
  await server.app.inject('/nothing?token=hush');
  for (const url of ['/healthz', '/readyz', '/metrics']) await server.app.inject(url);
  const summary = entries().map(({ level, method, path, status }) => [level, method, path, status]);
  expect(summary).toEqual([
    ['info', 'GET', '/v1/syncs', 400],
    ['info', 'GET', '/nothing', 404],
    ['debug', 'GET', '/healthz', 200],
    ['debug', 'GET', '/readyz', 200],
    ['debug', 'GET', '/metrics', 200],
  ]);
  expect(JSON.stringify(entries())).not.toContain('hush');
});

test('what is not said to the caller of a 5xx is in the log', async () => {
  const control = new StubControl(statusOf('inventory'));
  control.failure = new TypeError('the inside');
  const { logger, entries } = captured('info');
  await using server = appOver(control, logger);
  await server.app.inject({ method: 'POST', url: '/v1/syncs/inventory/stop' });
  expect(entries()[0]).toMatchObject({ level: 'error', err: { message: 'the inside' } });
});

test('the options are those of any pino', () => {
  expect(pino(loggerOptions('warn')).level).toBe('warn');
});
