import { expect, test } from 'vitest';
import { syncExample } from '../../../src/api/schemas/sync.ts';
import { order } from '../../../src/cli/order.ts';
import { refuse, stubApi, surroundings } from './stub-api.ts';

test.each([
  ['start', [], ''],
  ['stop', [], ''],
  ['dump', [], ''],
  ['dump', ['public.a', 'public.b'], '{"tables":["public.a","public.b"]}'],
] as const)('%s %j is posted', async (name, tables, body) => {
  await using api = await stubApi((_asked, response) => {
    response.statusCode = 202;
    return { ...syncExample, state: 'stopping' };
  });
  const around = surroundings();
  const options = { order: name, name: 'inventory', tables, url: api.url };
  expect(await order(options, around)).toBe(0);
  expect(api.asked.map(({ method, url, body: sent }) => [method, url, sent])).toEqual([
    ['POST', `/v1/syncs/inventory/${name}`, body],
  ]);
  expect(around.printed.out).toContain(`inventory: ${name} is ordered; it is stopping now\n`);
  expect(around.printed.out).toContain('watcher status inventory --watch');
});

test('--json prints the sync', async () => {
  await using api = await stubApi(() => syncExample);
  const around = surroundings();
  await order({ order: 'start', name: 'inventory', tables: [], url: api.url, json: true }, around);
  expect(JSON.parse(around.printed.out)).toEqual(syncExample);
});

test.each([
  ['sync_stopped', 'Start it first: watcher start inventory'],
  [
    'dump_running',
    expect.stringMatching(/watcher status inventory --watch.*watcher stop inventory/),
  ],
  ['unknown_table', expect.stringMatching(/watcher status inventory lists its tables/)],
  ['etcd_unavailable', expect.stringMatching(/etcdctl endpoint health/)],
] as const)('%s: the remedy is the next command, or that of the problem', async (code, remedy) => {
  await using api = await stubApi((_asked, response) => refuse(response, code));
  const call = order(
    { order: 'dump', name: 'inventory', tables: [], url: api.url },
    surroundings(),
  );
  await expect(call).rejects.toMatchObject({ remedy, exitCode: 1 });
});
