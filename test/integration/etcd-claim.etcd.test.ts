/** A leadership of a moment: alone, fenced as any, and it leaves nothing. */
import { expect, test } from 'vitest';
import type { EtcdClient } from '../../src/etcd/client.ts';
import { createEtcdCoordination } from '../../src/etcd/coordination.ts';
import { createServerLimits } from '../../src/etcd/limits.ts';
import { Session } from '../../src/etcd/session.ts';
import { stateKeys } from '../../src/etcd/state-keys.ts';
import { batchOf, checkpointAt, clientOf, never, put } from '../support/etcd-batch.ts';
import { createPrefix, type TestPrefix } from '../support/prefix.ts';
import { etcd } from '../support/servers.ts';
import { until } from '../support/until.ts';

function coordinationOf(client: EtcdClient, prefix: TestPrefix, instance: string) {
  return createEtcdCoordination({
    client,
    session: new Session(client),
    limits: createServerLimits(),
    statePrefix: prefix.state,
    sync: 'test',
    instance,
    digest: 'same',
    onPublishError: () => undefined,
    now: () => new Date(),
  });
}

test('while somebody leads it is refused, and the candidate is taken back', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const one = coordinationOf(client, prefix, 'one');
  const lead = await one.campaign(never, () => undefined);
  // Also in the same process, which has the lease of the leader.
  for (const instance of [one, coordinationOf(client, prefix, 'two')]) {
    await expect(instance.claim(never)).rejects.toMatchObject({
      code: 'sync_not_stopped',
      message: 'The instance one leads the sync',
    });
  }
  await until(
    async () => (await prefix.gateway.list(stateKeys(prefix.state, 'test').leader)).size === 1,
    {
      what: 'the leader is the only candidate',
    },
  );
  await lead.release();
  const claim = await one.claim(never);
  await claim.release();
});

test('nobody leads meanwhile, not even another part of the process; then at once', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const one = coordinationOf(client, prefix, 'one');
  const claim = await one.claim(never);
  await expect(one.claim(never)).rejects.toMatchObject({ code: 'sync_not_stopped' });
  const standing: (string | null)[] = [];
  const leading = one.campaign(never, (leader) => standing.push(leader));
  await until(() => standing.length > 0, { what: 'it stands by' });
  expect(standing).toEqual(['one']);
  await claim.release();
  await (await leading).release();
});

test('the own keys go in one step, desired stays, and a late writer is refused', async () => {
  await using prefix = createPrefix(etcd());
  using client = clientOf();
  const one = coordinationOf(client, prefix, 'one');
  const keys = stateKeys(prefix.state, 'test');
  const lead = await one.campaign(never, () => undefined);
  await lead.sink.load(never);
  await lead.sink.write(
    batchOf([put(prefix.rows, 'a')], { checkpoint: checkpointAt('0/1'), tables: {} }),
    never,
  );
  await one.setDesired('stopped');
  await one.putRequest({ id: '1', tables: null });
  await client.put({ key: `${keys.staged}1/2`, value: '' });
  await client.put({ key: `${keys.staged}2/1`, value: '' });
  // Of a sync whose name begins alike.
  await client.put({ key: `${prefix.state}/syncs/test2/checkpoint`, value: '' });
  await lead.release();

  const claim = await one.claim(never);
  const found = [keys.checkpoint, keys.request, keys.staged, keys.tables];
  expect(await claim.stateKeys(never)).toEqual(found);
  await claim.removeState(never);
  expect(await claim.stateKeys(never)).toEqual([]);
  await claim.release();
  const left = [...(await prefix.gateway.list(`${prefix.state}/`)).keys()];
  expect(left).toEqual([keys.desired, `${prefix.state}/syncs/test2/checkpoint`]);
  await expect(claim.removeState(never)).rejects.toMatchObject({ code: 'fenced' });
  await expect(lead.sink.write(batchOf([put(prefix.rows, 'b')]), never)).rejects.toMatchObject({
    code: 'fenced',
  });
});
