/** What an instance that leads no more leaves alone. */
import { expect, test } from 'vitest';
import type { EtcdClient } from '../../src/etcd/client.ts';
import { createEtcdCoordination } from '../../src/etcd/coordination.ts';
import { createServerLimits } from '../../src/etcd/limits.ts';
import { Session } from '../../src/etcd/session.ts';
import { clientOf, never } from '../support/etcd-batch.ts';
import { createPrefix, type TestPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';
import { until } from '../support/until.ts';

function instanceOf(client: EtcdClient, { state }: TestPrefix, instance: string) {
  const session = new Session(client);
  const errors: Error[] = [];
  const coordination = createEtcdCoordination({
    client,
    session,
    limits: createServerLimits(),
    statePrefix: state,
    sync: 'test',
    instance,
    digest: '',
    onPublishError: (error) => errors.push(error),
    now: () => new Date(),
  });
  return { session, coordination, errors };
}

test('the leadership goes with its status; a deposed leader leaves the status of the next', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const a = instanceOf(client, prefix, 'a');
  const b = instanceOf(client, prefix, 'b');
  const status = async () => (await prefix.gateway.get(`${prefix.state}/syncs/test/status`))?.value;
  const says = (expected: string | undefined) =>
    until(async () => (await status()) === expected, { what: `the status is ${expected}` });

  const first = await a.coordination.campaign(never, () => undefined);
  first.publish('of a');
  await says('of a');
  let standing = false;
  const second = b.coordination.campaign(never, () => {
    standing = true;
  });
  await until(() => standing, { what: 'b stands by' });
  await client.leaseRevoke((await a.session.lease(never)).id);
  const next = await second;
  next.publish('of b');
  await says('of b');
  await first.release();
  expect(await status()).toBe('of b');

  await next.release();
  expect(await status()).toBeUndefined();
  const left = await prefix.gateway.list(`${prefix.state}/syncs/test/leader/`);
  expect(left.size).toBe(0);
  expect([...a.errors, ...b.errors]).toEqual([]);
  await b.session.end();
});
