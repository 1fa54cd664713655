import { expect, test } from 'vitest';
import { ConfigReload, EffectiveConfig } from '../../../src/api/schemas/config.ts';
import { ConfigInvalid, type ReloadReport } from '../../../src/config/control.ts';
import { configOf, StubConfiguration } from '../../support/configuration.ts';
import { StubControl } from './stub-control.ts';
import { appOver, expectProblem, expectSchema, silent } from './support.ts';

function serve(configuration: StubConfiguration) {
  return appOver(new StubControl(), silent, { configuration });
}

test('the configuration of now, without its secrets', async () => {
  const configuration = new StubConfiguration();
  await using server = serve(configuration);
  configuration.config = configOf({
    api: { tokens: [{ name: 'ops', token: 'planted-token-of-ops', role: 'admin' }] },
    etcd: { endpoints: ['e:2379'], username: 'u', password: 'planted-etcd' },
    syncs: { shop: { database: { host: 'h', name: 'shop', password: 'planted-database' } } },
  });
  const response = await server.app.inject('/v1/config');
  expect(response.statusCode).toBe(200);
  expectSchema(EffectiveConfig, response.json());
  expect(response.payload).not.toContain('planted');
  expect(response.json()).toMatchObject({
    api: { tokens: [{ name: 'ops', token: '***', role: 'admin' }] },
    etcd: { password: '***' },
    syncs: { shop: { driver: 'pgx', database: { password: '***', retry_period: '1s' } } },
  });
});

const full: ReloadReport = {
  dryRun: false,
  added: ['a'],
  removed: ['b'],
  changed: ['c'],
  unchanged: ['d'],
  restartRequired: ['etcd'],
  effects: [
    {
      name: 'c',
      changes: ['tables.include'],
      tablesRemoved: ['public.t'],
      tablesDumped: null,
      keysDeleted: 3,
    },
  ],
  leftovers: [
    {
      name: 'b',
      keys: null,
      state: '/watcher/syncs/b/',
      publication: 'p',
      slot: 's',
      sql: ['SELECT 1;'],
      etcdctl: [],
      remedy: 'r',
    },
  ],
};

test('a reload, and a dry run', async () => {
  const configuration = new StubConfiguration();
  configuration.report = full;
  await using server = serve(configuration);
  for (const [query, dryRun] of [
    ['', false],
    ['?dry_run=false', false],
    ['?dry_run=true', true],
  ] as const) {
    const response = await server.app.inject({ method: 'POST', url: `/v1/config/reload${query}` });
    expect(response.statusCode).toBe(200);
    expectSchema(ConfigReload, response.json());
    expect(response.json()).toMatchObject({
      dry_run: dryRun,
      restart_required: ['etcd'],
      effects: [{ tables_removed: ['public.t'], tables_dumped: null, keys_deleted: 3 }],
      leftovers: [{ name: 'b', keys: null, slot: 's' }],
    });
  }
  expect(configuration.reloads).toEqual([false, false, true]);
});

test('every violation of a file that is not valid', async () => {
  const configuration = new StubConfiguration();
  const violations = Array.from({ length: 12 }, (_, index) => ({
    path: `syncs.s${index}`,
    line: index === 0 ? null : index,
    message: 'm',
  }));
  configuration.failure = new ConfigInvalid(violations);
  await using server = serve(configuration);
  const response = await server.app.inject({ method: 'POST', url: '/v1/config/reload' });
  expectProblem(response, 422, 'config_invalid');
  expect(response.json()).toMatchObject({ violations, detail: expect.stringMatching(/12/) });
});

test.each(['dry_run', 'dry_run=1', 'dryrun=true', 'dry_run=true&dry_run=true'])(
  '?%s is refused, and nothing is reloaded',
  async (query) => {
    const configuration = new StubConfiguration();
    await using server = serve(configuration);
    const url = `/v1/config/reload?${query}`;
    expectProblem(await server.app.inject({ method: 'POST', url }), 400, 'invalid_request');
    expect(configuration.reloads).toEqual([]);
  },
);

test('the metric says whether the last reload was of a valid file', async () => {
  const configuration = new StubConfiguration();
  await using server = serve(configuration);
  for (const ok of [true, false, true]) {
    configuration.ok = ok;
    const { payload } = await server.app.inject('/metrics');
    expect(payload).toContain(`\nwatcher_config_last_reload_success ${ok ? 1 : 0}\n`);
  }
});
