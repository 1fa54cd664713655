import { expect, test } from 'vitest';
import { createService, type ServiceLogger } from '../../src/service.ts';
import { configOf, withGlobal } from './config/loading.ts';

const withTokens = (...tokens: readonly string[]) =>
  configOf(
    withGlobal(
      `api: { tokens: [${tokens.map((token, at) => `{ name: t${at}, token: ${token}, role: read }`).join(', ')}] }`,
    ),
  );

test('short tokens are warned of at the start and at each reload, by name', async () => {
  const warned: object[] = [];
  const ignore = (): void => undefined;
  const logger: ServiceLogger = {
    level: 'info',
    child: () => logger,
    debug: ignore,
    info: ignore,
    warn: (fields) => warned.push(fields),
    error: ignore,
  };
  const long = 'abcdefghijklmnop';
  let next = withTokens(long);
  const service = createService({
    config: withTokens('xyzzy', long),
    logger,
    reread: () => ({ config: next }),
  });
  const { configuration } = service;
  const told = [{ tokens: ['t0'], remedy: expect.stringContaining('openssl rand -hex 32') }];
  expect(warned).toEqual(told);
  expect(JSON.stringify(warned)).not.toContain('xyzzy');
  await configuration.reload({ dryRun: false });
  expect(warned).toEqual(told);
  next = withTokens('xyzzy');
  await configuration.reload({ dryRun: true });
  expect(warned).toEqual(told);
  await configuration.reload({ dryRun: false });
  expect(warned).toEqual([...told, ...told]);
  await service.stop();
});
